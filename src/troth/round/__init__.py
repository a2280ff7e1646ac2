"""The round protocol: one table, its digests and messages, and the driver with the effects."""
