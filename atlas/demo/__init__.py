"""A small production, played end to end on this machine."""
