"""Cluster bootstrap over model families, and confidence intervals from resampled estimates.

Models of one family share training data and recipe, so their residuals are correlated; drawing
models one by one would make intervals too narrow. All estimators of a series use the same
resamples.

Not here: the estimators themselves.
"""

from functools import lru_cache

import numpy as np
from scipy.special import ndtri, stdtrit

from densing_pipeline.stats.arrays import FloatArray

LEVEL = 0.95
"""Nominal coverage of every interval, unless another is named."""

NARROWER = 0.8
"""Nominal coverage of the interval that `density_growth` has beside the 95 % one."""

Z_95 = 1.959963984540054
"""Standard normal quantile at (1 + LEVEL) / 2: half the length of an interval in standard errors."""

MOST_LOST = 0.05
"""Largest share of resamples without an estimate for which an interval is given."""


@lru_cache(maxsize=64)
def cluster_weights(clusters: tuple[str, ...], draws: int, seed: int) -> FloatArray:
    """Number of copies of each model in each resample of families, shape (draws, n), read-only.

    A resample draws as many families as there are, with replacement, and takes all models of each.
    The result is cached, so that all estimators of a series use the same resamples.

    Args:
        clusters: family of each model, length n.
        draws: number of resamples.
        seed: seed of the draws.
    """
    names, member = np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=draws)
    weights = times[:, member].astype(np.float64)
    weights.flags.writeable = False
    return weights


@lru_cache(maxsize=256)
def small_cluster_factor(clusters: int, level: float = LEVEL) -> float:
    """Factor by which a percentile interval from few clusters is widened.

    Resampling G clusters shrinks the variance by (G - 1) / G and replaces the t distribution with G
    - 1 degrees of freedom by a normal one (Hesterberg 2015, section 4; Cameron and Miller 2015,
    section VI); the factor corrects both. It tends to 1 as G grows: 1.58 at 5, 1.22 at 10, 1.05 at
    40.

    Args:
        clusters: number of clusters that were resampled.
        level: nominal coverage.

    Raises:
        ValueError: fewer than two clusters, from which no variance can be estimated.
    """
    if clusters < 2:
        raise ValueError(f"{clusters} clusters carry no interval: at least 2 are needed")
    tail = (1 + level) / 2
    inflated = stdtrit(clusters - 1, tail) / ndtri(tail)
    return float(inflated * np.sqrt(clusters / (clusters - 1)))


def clustered_interval(
    draws: FloatArray, clusters: int, level: float = LEVEL
) -> tuple[float, float] | None:
    """The percentile interval, widened about the median of the draws by `small_cluster_factor`.

    Args:
        draws: estimates, NaN where a resample gave none, shape (draws,).
        clusters: clusters that were resampled, at least 2.
        level: nominal coverage.
    """
    low, high = clustered_intervals(draws[None], clusters, level)[0].tolist()
    return None if np.isnan(low) else (low, high)


def clustered_intervals(draws: FloatArray, clusters: int, level: float = LEVEL) -> FloatArray:
    """`clustered_interval` of several estimates, shape (estimates, 2); NaN where there is none.

    Args:
        draws: shape (estimates, draws).
        clusters: as above.
        level: nominal coverage.
    """
    low, centre, high = central_quantiles(draws, level)
    factor = small_cluster_factor(clusters, level)
    return np.stack([centre - factor * (centre - low), centre + factor * (high - centre)], axis=1)


def percentile_interval(draws: FloatArray) -> tuple[float, float] | None:
    """Central 95 % of the resampled estimates; None if over `MOST_LOST` of the resamples gave none.

    Args:
        draws: estimates, NaN where a resample gave none, shape (draws,).
    """
    low, _, high = (float(part[0]) for part in central_quantiles(draws[None], LEVEL))
    return None if np.isnan(low) else (low, high)


def central_quantiles(
    draws: FloatArray, level: float = LEVEL
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lower end, median and upper end of the finite draws of each row; NaN if too many are not finite.

    The k-th smallest of m draws is the quantile at k / (m + 1), so that a further draw falls
    between the ends with probability `level` for any m (Hyndman and Fan 1996, definition 6).
    """
    shares, most = ((1 - level) / 2, 0.5, (1 + level) / 2), draws.shape[1]
    is_known = np.isfinite(draws)
    # Nearly always all draws are known, and the places are the same in all rows: much less to compute.
    if most and is_known.all():
        ordered = np.sort(draws, axis=1)
        low, centre, high = (
            _between(ordered, min(max((most + 1) * share - 1, 0.0), most - 1.0)) for share in shares
        )
        return low, centre, high
    ordered = np.sort(np.where(is_known, draws, np.nan), axis=1)
    count = is_known.sum(axis=1)
    refused = (count == 0) | (count < (1 - MOST_LOST) * draws.shape[1])
    found = []
    for share in shares:
        at = np.clip((count + 1) * share - 1, 0, np.maximum(count - 1, 0))
        below = np.floor(at).astype(np.intp)
        above = np.minimum(below + 1, np.maximum(count - 1, 0))
        ends = [np.take_along_axis(ordered, i[:, None], axis=1)[:, 0] for i in (below, above)]
        found.append(np.where(refused, np.nan, ends[0] + (at - below) * (ends[1] - ends[0])))
    return found[0], found[1], found[2]


def _between(ordered: FloatArray, at: float) -> FloatArray:
    """The values of each row at a place that may lie between two of them, shape (rows,)."""
    below = int(at)
    first, second = ordered[:, below], ordered[:, min(below + 1, ordered.shape[1] - 1)]
    return np.asarray(first + (at - below) * (second - first))
