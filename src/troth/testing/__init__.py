"""Public helpers for tests and demonstrations: fakes, and adversaries that must not succeed."""
