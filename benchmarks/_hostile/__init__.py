"""The parts of `benchmarks.hostile`."""
