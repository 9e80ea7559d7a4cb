"""The assets, one module per group: load inputs, call one domain function, return a frame.

Not here: computations, which belong in `densing_pipeline`.
"""
