"""Statistics that several packages share: lines, quantile lines, intervals from resamples.

Not here: anything about models, prices or dates; this package imports only numpy, scipy and numba.
"""
