"""Estimate one trend line with its bootstrap interval, with and without the error of the law.

Not here: the choice of series, windows and estimators (`densing_law`, `sensitivity`).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.intervals import (
    MOST_LOST,
    NARROWER,
    clustered_interval,
    clustered_intervals,
)
from densing_pipeline.stats.lines import Lines
from densing_pipeline.trends.estimators import DaySpan, Estimator
from densing_pipeline.trends.series import Series

TRUSTED_RECORDS = 6
"""Fewest records for the interval of the paper's line; with four or five records its 95 % interval
covers the truth in a fifth to a half of simulated frontiers."""

PARTS = 20
"""Number of parts of the resamples; each is left out in turn for the Monte Carlo error."""

Interval = tuple[float, float]


class NoEstimateError(ValueError):
    """The models do not determine this estimate; the message says what is missing.

    Attributes:
        n_points: number of points the line would have been fitted to.
    """

    def __init__(self, reason: str, n_points: int) -> None:
        """Store what is missing."""
        super().__init__(reason)
        self.n_points = n_points


class Estimate(NamedTuple):
    """A trend line with its intervals.

    Attributes:
        slope: trend of ln density, 1 / day.
        intercept: ln density on day zero.
        r_squared: share of variance explained; None for a line that explains none.
        n_points: number of points the line is fitted to.
        law_known: resampled lines under the law as published, NaN where none.
        interval: 95 % interval of the slope as if the reference law were known exactly.
        drawn: resampled lines, each under a draw of the law; None for a law without draws.
        whole: 95 % interval of the slope including the error of the law; None without draws.
        own_minimum: `whole` without draws of the law that lie in another minimum; None if not known.
        narrower: 80 % interval of the slope, of the same lines as `best`.
        n_clusters: families with a model in the window, which were resampled.
    """

    slope: float
    intercept: float
    r_squared: float | None
    n_points: int
    law_known: Lines
    interval: Interval
    drawn: Lines | None
    whole: Interval | None
    own_minimum: Interval | None
    narrower: Interval
    n_clusters: int

    @property
    def best(self) -> Interval:
        """`whole` if there is one, else `interval`."""
        return self.whole or self.interval

    @property
    def lines(self) -> Lines:
        """The resampled lines of that interval."""
        return self.drawn or self.law_known

    @property
    def carried(self) -> int:
        """Number of resamples that determine a line."""
        return int(np.isfinite(self.lines.slope).sum())


def estimate(
    estimator: Estimator, series: Series, window: DaySpan, weights: FloatArray
) -> Estimate:
    """One estimator over one window.

    Args:
        estimator: the estimator.
        series: the models of the window, and those before it for an estimator that uses them.
        window: first and last day.
        weights: resamples of the families of the series, shape (B, n).

    Raises:
        NoEstimateError: the models do not determine a line, or too few resamples do.
    """
    # Row 0 is the unweighted data, then come the resamples: one call is half as slow as two.
    every = np.vstack([np.ones(series.days.size), weights])
    lines, points = estimator.lines(series.days, series.values, every, window)
    n_points, slope = int(points[0]), float(lines.slope[0])
    if estimator.uses_history and n_points < TRUSTED_RECORDS:
        reason = f"records in the window: {n_points}, needed: {TRUSTED_RECORDS}"
        raise NoEstimateError(reason, n_points)
    if not np.isfinite(slope):
        raise NoEstimateError("the models of the window fix no line by this estimator", n_points)
    law_known = Lines(*(part[1:] for part in lines))
    drawn = with_law(estimator, series, window, weights)
    intervals, families = [], families_inside(series, window)
    for resampled in filter(None, (law_known, drawn)):
        interval = clustered_interval(resampled.slope, families)
        if interval is None:
            carried = int(np.isfinite(resampled.slope).sum())
            raise NoEstimateError(
                f"resamples that carry a line: {carried} of {len(weights)}, "
                f"needed: {1 - MOST_LOST:.0%}",
                n_points,
            )
        intervals.append(interval)
    r_squared = float(lines.r_squared[0])
    return Estimate(
        slope=slope,
        intercept=float(lines.intercept[0]),
        r_squared=r_squared if np.isfinite(r_squared) else None,
        n_points=n_points,
        law_known=law_known,
        interval=intervals[0],
        drawn=drawn,
        whole=intervals[1] if drawn else None,
        own_minimum=_own_minimum(drawn, series, window) if drawn else None,
        narrower=clustered_interval((drawn or law_known).slope, families, NARROWER)
        or intervals[-1],
        n_clusters=families,
    )


def _own_minimum(drawn: Lines, series: Series, window: DaySpan) -> Interval | None:
    """Interval of the slope over the resamples whose draw of the law lies in the law's own minimum."""
    if series.jumped is None:
        return None
    stayed = ~series.jumped[law_of(drawn.slope.size, len(series.drawn))]
    if not stayed.any():
        return None
    return clustered_interval(drawn.slope[stayed], families_inside(series, window))


def with_law(
    estimator: Estimator, series: Series, window: DaySpan, weights: FloatArray
) -> Lines | None:
    """Lines of resamples, each under a draw of the reference law; None for a law without draws.

    Resample b uses draw b modulo K. A model whose score cannot be inverted under the draw is left
    out of that resample.
    """
    if not len(series.drawn):
        return None
    rows = law_of(len(weights), len(series.drawn))
    known = np.isfinite(series.drawn)
    values = np.where(known, series.drawn, 0.0)
    return estimator.lines(series.days, values, weights * known[rows], window, rows)[0]


def law_of(resamples: int, laws: int) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Index of the law's draw that each resample uses, shape (resamples,)."""
    return np.arange(resamples) % min(resamples, laws)


def families_inside(series: Series, window: DaySpan) -> int:
    """Number of families with a model in the window."""
    inside = (series.days >= window[0]) & (series.days <= window[1])
    return len({name for name, kept in zip(series.families, inside, strict=True) if kept})


def monte_carlo_error(slopes: FloatArray, laws: int, clusters: int) -> Interval | None:
    """Monte Carlo standard errors of both ends of an interval.

    Computed by a jackknife that leaves out a twentieth of the draws in turn; draws under one law
    are left out together.

    Args:
        slopes: resampled slopes, shape (B,).
        laws: number of draws of the law; 0 for a law without draws.
        clusters: as in `clustered_interval`.
    """
    kept = _without_each_part(len(slopes), laws or len(slopes))
    ends = np.vstack([clustered_intervals(slopes[rows], clusters) for rows in kept])
    low, high = np.std(ends, axis=0) * np.sqrt(PARTS - 1)
    return None if np.isnan(low) else (float(low), float(high))


@lru_cache(maxsize=64)
def _without_each_part(draws: int, laws: int) -> tuple[IntArray, ...]:
    """Rows of the draws without each part, in arrays of shape (parts, rows).

    All parts are in one array if they are of one size: their intervals are then computed at once, which is ten
    times as fast.
    """
    of = law_of(draws, laws)
    part = of * PARTS // (of.max() + 1)
    kept = [np.flatnonzero(part != left_out) for left_out in range(PARTS)]
    if len({rows.size for rows in kept}) == 1:
        return (np.stack(kept),)
    return tuple(rows[None] for rows in kept)
