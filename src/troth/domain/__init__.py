"""Identifiers, hashes, canonical encoding and the terms of a study; imports nothing of ours."""
