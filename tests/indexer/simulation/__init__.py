"""A simulated chain that drives the real indexer with the real log: python -m tests.indexer.simulation --seeds 1..1000"""
