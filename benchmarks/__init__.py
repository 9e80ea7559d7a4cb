"""Benchmarks: our speed against a named peer, both measured in one run."""
