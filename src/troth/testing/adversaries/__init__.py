"""Named attacks on the round protocol, each a small class that runs through the real code."""
