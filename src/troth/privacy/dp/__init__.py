"""Record-level differential privacy of a round: clip, round, add noise, and count the cost."""
