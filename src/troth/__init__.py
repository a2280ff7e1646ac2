"""Troth: train together, trust no one, check everything."""

__version__ = "0.1.0"
