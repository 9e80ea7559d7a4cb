"""Least-squares lines, many at once.

Not here: the choice of points (`trends.record_setters`), and quantile lines (`quantile`).
"""

from typing import NamedTuple

import numpy as np

from densing_pipeline.stats.arrays import BoolArray, FloatArray

CELLS_AT_ONCE = 50_000
"""Weights processed in one step, so that the working arrays fit in the cache: half the time of many weightings."""


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


def on_two_values(x: FloatArray, used: BoolArray) -> BoolArray:
    """Whether each row uses points at two values of x, shape (B,).

    Args:
        x: shape (n,).
        used: which points each row uses, shape (B, n).
    """
    if not x.size:
        return np.zeros(len(used), np.bool_)
    order = np.argsort(x)
    x, used = x[order], used[:, order]
    first, last = used.argmax(axis=1), x.size - 1 - used[:, ::-1].argmax(axis=1)
    return np.asarray(used.any(axis=1) & (x[first] < x[last]))


def ols_lines(x: FloatArray, y: FloatArray, weights: FloatArray) -> Lines:
    """Weighted least-squares lines of y on x.

    Args:
        x: shape (n,).
        y: shape (n,) or (B, n); ignored where the weight is 0.
        weights: shape (B, n), not negative.
    """
    at_once = max(1, CELLS_AT_ONCE // max(1, x.size))
    parts = []
    for first in range(0, max(1, len(weights)), at_once):
        some = slice(first, first + at_once)
        parts.append(_ols_lines(x, y[some] if y.ndim > 1 else y, weights[some]))
    return Lines(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _ols_lines(x: FloatArray, y: FloatArray, weights: FloatArray) -> Lines:
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        x_mean = weights @ x / total
        dx = x - x_mean[:, None]
        used = weights > 0
        y = np.where(used, y, 0.0)
        y_mean = (weights * y).sum(axis=1) / total
        dy = y - y_mean[:, None]
        weighted = weights * dx
        sxx = (weighted * dx).sum(axis=1)
        sxy = (weighted * dy).sum(axis=1)
        syy = (weights * dy * dy).sum(axis=1)
        slope = np.where(on_two_values(x, used), sxy / sxx, np.nan)
        intercept = y_mean - slope * x_mean
        r_squared = np.where(syy > 0, slope * sxy / syy, np.nan)
    return Lines(slope, intercept, r_squared)
