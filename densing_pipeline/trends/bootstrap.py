"""Resamples of models, drawn family by family.

Models of one family share data, recipe and people; drawing them one by one would count the same
evidence several times. Every estimator sees the same resamples of a series.

Not here: the estimators themselves.
"""

from collections.abc import Sequence

import numpy as np

from densing_pipeline.trends.lines import FloatArray

LEVEL = 0.95
"""Coverage every interval aims at."""

MOST_LOST = 0.05
"""Share of resamples that may carry no line before the interval is refused."""


def cluster_weights(clusters: Sequence[str], draws: int, seed: int) -> FloatArray:
    """How often each model is in each resample of its families, shape (draws, n).

    A resample draws as many families as there are, with replacement, and takes all models of each.

    Args:
        clusters: family of each model, length n.
        draws: number of resamples.
        seed: seed of the draws.
    """
    names, member = np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=draws)
    return times[:, member].astype(np.float64)


def percentile_interval(draws: FloatArray) -> tuple[float, float] | None:
    """Central 95 % of the resampled estimates; None if too many resamples carry none.

    Args:
        draws: estimates, NaN where a resample carried none, shape (draws,).
    """
    finite = draws[np.isfinite(draws)]
    if not finite.size or finite.size < (1 - MOST_LOST) * draws.size:
        return None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
