"""The off-chain rights engine: pure rules. Values in, decisions with reasons out."""
