"""A site, its platforms and its customers, for breaking on purpose. See `benchmarks.chaos`."""
