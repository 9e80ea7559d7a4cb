"""Least-squares lines, many at once.

Not here: the choice of points (`trends.record_setters`), and quantile lines (`quantile`).
"""

from typing import NamedTuple

import numpy as np

from densing_pipeline.stats.arrays import FloatArray


class Lines(NamedTuple):
    """Lines fitted to B weightings of the same points; NaN where a weighting determines none.

    Attributes:
        slope: shape (B,).
        intercept: value at x = 0, shape (B,).
        r_squared: weighted share of variance explained, shape (B,).
    """

    slope: FloatArray
    intercept: FloatArray
    r_squared: FloatArray


def ols_lines(x: FloatArray, y: FloatArray, weights: FloatArray) -> Lines:
    """Weighted least-squares lines of y on x.

    Args:
        x: shape (n,).
        y: shape (n,) or (B, n); ignored where the weight is 0.
        weights: shape (B, n), not negative.
    """
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        x_mean = weights @ x / total
        dx = x - x_mean[:, None]
        y = np.where(weights > 0, y, 0.0)
        dy = y - ((weights * y).sum(axis=1) / total)[:, None]
        sxx = (weights * dx * dx).sum(axis=1)
        syy = (weights * dy * dy).sum(axis=1)
        sxy = (weights * dx * dy).sum(axis=1)
        used = weights > 0
        spread = np.where(used, x, -np.inf).max(axis=1) > np.where(used, x, np.inf).min(axis=1)
        slope = np.where(spread, sxy / sxx, np.nan)
        intercept = (weights * y).sum(axis=1) / total - slope * x_mean
        r_squared = np.where(syy > 0, slope * sxy / syy, np.nan)
    return Lines(slope, intercept, r_squared)
