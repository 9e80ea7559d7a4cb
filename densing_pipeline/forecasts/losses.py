"""Proper scores of forecasts: the pinball loss of a quantile, and the CRPS of quantiles and of draws.

Gneiting and Raftery 2007, JASA 102, 359-378. The package scoringrules has the same and is what the tests compare
with; it is not used here because it compiles for five seconds when it is imported.

Not here: which forecasts are scored (`scores`, `pace_skill`).
"""

import numpy as np

from densing_pipeline.stats.arrays import FloatArray


def pinball_loss(actual: FloatArray, forecast: FloatArray, level: float | FloatArray) -> FloatArray:
    """Loss of forecasts of the quantile at a level, in the unit of the outcomes, shape as broadcast."""
    return np.asarray(((actual < forecast).astype(np.float64) - level) * (forecast - actual))


def crps_of_quantiles(actual: FloatArray, quantiles: FloatArray, levels: FloatArray) -> FloatArray:
    """CRPS of each forecast by evenly spaced quantiles, shape (n,): twice their mean pinball loss.

    Args:
        actual: outcomes, shape (n,).
        quantiles: forecasts, shape (n, k).
        levels: levels of the quantiles, shape (k,).
    """
    losses = pinball_loss(actual[:, None], quantiles, levels)
    return np.asarray(2 * losses.mean(axis=1))


def crps_of_draws(actual: float, draws: FloatArray) -> float:
    """CRPS of one forecast by its draws in ascending order, shape (m,).

    The k-th of m draws counts as the quantile at (k - 1/2) / m.
    """
    ranks, off = np.arange(1, draws.size + 1) - 0.5, actual - draws
    losses = np.where(off >= 0, ranks * off, (ranks - draws.size) * off)
    return float(2 * losses.sum() / draws.size**2)
