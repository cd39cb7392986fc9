"""Atlas Ledger: an event-sourced ledger and indexer with an off-chain rights engine for AI-made cinema."""

__version__ = "0.1.0"
