"""Holding what endpoints say against what blocks prove: hashes, blooms, receipts, and the evidence of lies."""
