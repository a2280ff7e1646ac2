"""Generates and plays the PINE vectors that the project publishes (``vectors/pine``)."""
