"""Resamples of models, drawn family by family.

Models of one family share data, recipe and people; drawing them one by one would count the same
evidence several times. Every estimator sees the same resamples of a series.

Not here: the estimators themselves.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

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


def small_cluster_factor(clusters: int) -> float:
    """How much wider an interval from few clusters must be than the percentiles of its resamples.

    Resampling G clusters shrinks the variance by (G - 1) / G and reads a t distribution with G - 1
    degrees of freedom as normal (Hesterberg 2015, section 4; Cameron and Miller 2015, section VI);
    the factor undoes both. It goes to 1 as clusters grow: 1.55 at 5, 1.22 at 10, 1.05 at 40.

    Raises:
        ValueError: fewer than two clusters, which say nothing about their spread.
    """
    if clusters < 2:
        raise ValueError(f"{clusters} clusters carry no interval: at least 2 are needed")
    tail = (1 + LEVEL) / 2
    inflated = stdtrit(clusters - 1, tail) / ndtri(tail)
    return float(inflated * np.sqrt(clusters / (clusters - 1)))


def clustered_interval(draws: FloatArray, clusters: int) -> tuple[float, float] | None:
    """The percentile interval, stretched about the median of the draws by `small_cluster_factor`.

    Args:
        draws: estimates, NaN where a resample carried none, shape (draws,).
        clusters: clusters that were resampled, at least 2.
    """
    interval = percentile_interval(draws)
    if interval is None:
        return None
    centre = float(np.median(draws[np.isfinite(draws)]))
    factor = small_cluster_factor(clusters)
    return centre - factor * (centre - interval[0]), centre + factor * (interval[1] - centre)


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
