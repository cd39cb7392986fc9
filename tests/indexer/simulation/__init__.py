"""A simulated chain that drives the real indexer: python -m tests.indexer.simulation --seeds 1..1000"""
