"""The parts of the larger benchmarks: each module yields its figures."""
