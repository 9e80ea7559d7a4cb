"""Weights of the combinations of choices in `sensitivity`, so that each distinct choice counts alike.

Combinations counted one by one weigh a choice by how many names it has: two laws fitted to the same points in
the same minimum count twice, seven ways to average four or five benchmarks seven times as much as the paper's own
average, and a window that holds the same models as another once more. Here the weight is handed down choice by
choice: at each, the options that give other slopes share it alike, and options that give nearly the same slopes
share one part.

Not here: the estimates (`sensitivity`).
"""

import numpy as np
import polars as pl

from densing_pipeline.stats.arrays import FloatArray, IntArray

ORDER = (
    ("score_set",), ("inversion", "dropped_benchmark"), ("reference_id",), ("reference_tokens",),
    ("params_basis",), ("window",), ("estimator",), ("family_cap",),
)  # fmt: skip
"""Choices in the order in which the weight is handed down. A law that inverts one score set only has no part of
the others' weight, for the score set comes first."""

SAME_SLOPE = 0.01
"""Relative difference of slopes, at the median over all else equal, below which two options count as one."""


def choice_weights(estimated: pl.DataFrame) -> FloatArray:
    """The weight of each combination, shape (n,); they sum to 1.

    Args:
        estimated: rows of `sensitivity` that have a slope.
    """
    slopes = estimated["slope_per_day"].to_numpy()
    options = [_codes(estimated, columns) for columns in ORDER]
    # The combination of all later choices, by which combinations of two options are paired.
    later = [np.zeros(slopes.size, dtype=np.intp)]
    for codes in reversed(options[1:]):
        later.insert(0, later[0] * (codes.max(initial=0) + 1) + codes)
    weights = np.zeros(slopes.size)
    open_groups = [(np.arange(slopes.size), 0, 1.0)] if slopes.size else []
    while open_groups:
        rows, step, weight = open_groups.pop()
        if rows.size == 1 or step == len(ORDER):
            weights[rows] = weight / rows.size
            continue
        parts = _parts(rows, options[step])
        shares = _shares(parts, slopes, later[step])
        open_groups += [
            (part, step + 1, weight * share) for part, share in zip(parts, shares, strict=True)
        ]
    return weights


def weighted_quantiles(values: FloatArray, weights: FloatArray, shares: list[float]) -> FloatArray:
    """The values below which so much of the weight lies, shape (shares,); numpy's quantiles at equal weights."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) - weights[order] / 2
    return np.interp(shares, (reached - reached[0]) / max(np.ptp(reached), 1e-300), values[order])


def _codes(estimated: pl.DataFrame, columns: tuple[str, ...]) -> IntArray:
    """Number of each row's option of a choice, in a fixed order."""
    named = estimated.select(
        pl.concat_str(pl.col(columns).cast(pl.String).fill_null("none"), separator="/")
    ).to_series()
    return np.asarray(np.unique(named.to_numpy().astype(str), return_inverse=True)[1])


def _parts(rows: IntArray, codes: IntArray) -> list[IntArray]:
    """The rows of each option."""
    order = rows[np.argsort(codes[rows], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _shares(parts: list[IntArray], slopes: FloatArray, later: IntArray) -> list[float]:
    """Share of each option: distinct ones alike, and nearly equal ones one share together."""
    group = list(range(len(parts)))
    for one in range(len(parts)):
        for other in range(one):
            if group[one] != group[other] and _is_same(parts[one], parts[other], slopes, later):
                group = [group[other] if each == group[one] else each for each in group]
    n_groups = len(set(group))
    return [1 / n_groups / group.count(each) for each in group]


def _is_same(one: IntArray, other: IntArray, slopes: FloatArray, later: IntArray) -> bool:
    """Whether two options give nearly the same slopes wherever all later choices are equal."""
    _, at, beside = np.intersect1d(
        later[one], later[other], assume_unique=True, return_indices=True
    )
    if 2 * at.size < max(one.size, other.size):
        return False
    first, second = slopes[one[at]], slopes[other[beside]]
    scale = np.maximum(np.abs(first), np.abs(second))
    gaps = np.abs(first - second) / np.where(scale > 0, scale, 1.0)
    return bool(np.median(gaps) < SAME_SLOPE)
