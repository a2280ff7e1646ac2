"""One file that proves a study: writing it, reading it, and recomputing every claim in it."""
