"""The figures of ``benchmarks/indexer.py``, a module a topic: each has ``figures(quick)``, which yields them."""
