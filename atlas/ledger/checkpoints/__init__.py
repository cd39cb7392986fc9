"""What the log signs and what others sign of it: notes, keys, checkpoints, proofs against them, witnesses."""
