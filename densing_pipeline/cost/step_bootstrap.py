"""The step bootstrap: intervals of the slope of a price curve, some of whose changes have no exact day.

A step is the time for which a price held and the change that followed, dated in the middle of its interval where its
day is known to an interval only. Of every resample

1. as many steps as the curve has are drawn with replacement, and make a curve;
2. each change of that curve is dated: evenly at random within an interval as long as that of its step, about the day
   on which it lies;
3. the estimator is applied.

The day is drawn last because an error in it makes one wait longer and the next one shorter by as much. Were it drawn
before the steps, they would be resampled as if each had an error of its own, and it would count twice.

The central 95 % of the slopes is widened as for a sample of so few steps (`slope_intervals`). Arrays have one
resample per row, so that curves of many simulated markets can be resampled at once (`coverage`).

Not here: the estimators (`curves`), and which curves are estimated (`halving`).
"""

from typing import NamedTuple

import numpy as np

from densing_pipeline.cost import curves
from densing_pipeline.stats import intervals
from densing_pipeline.stats.arrays import BoolArray, FloatArray, IntArray

LOG_OF_ZERO = -1e4
"""Stands for the logarithm of a rate of zero; its exponential is zero."""


class Steps(NamedTuple):
    """The steps of several curves, one per row; what lies beyond the number of steps of a row has no meaning.

    Attributes:
        waits: days for which each price held, shape (rows, n).
        falls: change of ln price at the end of each step, shape (rows, n).
        gaps: days within which the first price, and the change at the end of each step, may have begun, 0 where the
            day is known, shape (rows, n + 1).
        lengths: number of steps of each row, shape (rows,).
    """

    waits: FloatArray
    falls: FloatArray
    gaps: FloatArray
    lengths: IntArray

    def repeated(self, times: int) -> "Steps":
        """Each row so many times."""
        waits, falls, gaps = (np.repeat(part, times, 0) for part in self[:3])
        return Steps(waits, falls, gaps, np.repeat(self.lengths, times))


def ordered(times: FloatArray) -> FloatArray:
    """The times of changes such that none lies after a later one: the later price then replaces it at once.

    Args:
        times: shape (rows, n), in the order of the changes.
    """
    return np.minimum.accumulate(times[:, ::-1], axis=1)[:, ::-1]


def midpoints(earliest: FloatArray, latest: FloatArray) -> FloatArray:
    """The middle of the interval of each change, in order: the dates that point estimates use, shape (rows, n)."""
    return ordered((earliest + latest) / 2)


def held(times: FloatArray) -> BoolArray:
    """Whether each price held for any time before the next replaced it; the last one always did."""
    last = np.ones((len(times), 1), dtype=bool)
    return np.concatenate([times[:, 1:] > times[:, :-1], last], axis=1)


def steps_of(earliest: FloatArray, latest: FloatArray, log_prices: FloatArray) -> Steps:
    """The steps between prices that held, as `midpoints` dates them.

    Args:
        earliest: earliest time at which each price can have begun, in order, shape (rows, n).
        latest: first time at which it is known to have held, of the same shape.
        log_prices: ln price from then on, of the same shape.
    """
    times = midpoints(earliest, latest)
    is_held = held(times)
    order = np.argsort(~is_held, axis=1, kind="stable")
    times, logs, gaps = (
        np.take_along_axis(part, order, 1) for part in (times, log_prices, latest - earliest)
    )
    return Steps(np.diff(times), np.diff(logs), gaps, is_held.sum(1) - 1)


def with_last_hold(steps: Steps, hold: FloatArray) -> Steps:
    """The steps and one more without a change: the time for which the last price has held, shape (rows,)."""
    blank = np.zeros((len(hold), 1))
    waits, falls, gaps = (np.concatenate([part, blank], axis=1) for part in steps[:3])
    last = steps.lengths[:, None]
    np.put_along_axis(waits, last, hold[:, None], 1)
    np.put_along_axis(falls, last, 0.0, 1)
    np.put_along_axis(gaps, last + 1, 0.0, 1)
    return Steps(waits, falls, gaps, steps.lengths + 1)


def resampled(steps: Steps, length: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Curves made of steps drawn with replacement, one per row: times and ln prices, shape (rows, length + 1).

    Prices of a frontier are sums of steps, so neighbouring prices share most of their error. Resampling
    prices, or blocks of weeks, ignores that and gives intervals that cover a quarter to four fifths of the time.

    Args:
        steps: the steps of each row.
        length: steps per resampled curve.
        rng: source of randomness.
    """
    drawn = (rng.random((len(steps.lengths), length)) * steps.lengths[:, None]).astype(np.intp)
    start = np.zeros((len(drawn), 1))
    times, logs = (
        np.concatenate([start, np.cumsum(np.take_along_axis(part, drawn, 1), axis=1)], axis=1)
        for part in (steps.waits, steps.falls)
    )
    if not steps.gaps.any():
        return times, logs
    gaps = np.concatenate([steps.gaps[:, :1], np.take_along_axis(steps.gaps, drawn + 1, 1)], axis=1)
    return ordered(times + gaps * (rng.random(gaps.shape) - 0.5)), logs


def event_slopes(
    earliest: FloatArray,
    latest: FloatArray,
    log_prices: FloatArray,
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Slopes of `curves.event_slope` on resampled curves, shape (curves, draws); NaN where all changes fell on one day.

    Args:
        earliest: earliest time of each change, shape (curves, n).
        latest: first time at which each price is known to have held, shape (curves, n).
        log_prices: ln price from then on, shape (curves, n).
        draws: resamples of each curve.
        rng: source of randomness.
    """
    steps = steps_of(earliest, latest, log_prices)
    times, logs = resampled(steps.repeated(draws), latest.shape[1] - 1, rng)
    # As many steps are drawn for all curves; a curve has as many as it had, and what they overtake did not hold.
    is_step = np.arange(times.shape[1]) <= np.repeat(steps.lengths, draws)[:, None]
    is_used = is_step & held(np.where(is_step, times, np.inf))
    return curves.event_slope(times, logs, is_used).reshape(-1, draws)


def slope_intervals(
    slopes: FloatArray,
    steps: int,
    *,
    is_running_minimum: bool,
    is_balanced: bool = False,
) -> FloatArray:
    """95 % intervals of slopes per day, steepest fall first, shape (curves, 2); NaN where too few are known.

    n steps drawn from n vary less, by (n - 1) / n, than n drawn from the market, and their spread is known with
    few degrees of freedom. So the percentile interval is widened about its median by
    `stats.intervals.small_cluster_factor`, as density's is for few families. A running minimum can only fall; its
    rate is a ratio of two positive means (fall over wait), whose logarithm is the nearer to symmetric, so it is
    widened on that scale, unless half of the resamples or more have no fall.

    With `is_balanced`, the steep end is at least as far from the median as the flat one. Large falls are rare, so a
    sample lacks them more often than it has too many of them. Resamples without the largest fall show how flat the
    curve can be; none shows how steep it is with a fall that was not seen.

    Args:
        slopes: resampled slopes, shape (curves, draws).
        steps: steps of each curve, at least 2.
        is_running_minimum: whether the curve can only fall.
        is_balanced: whether that holds; for record events of a running minimum.
    """
    plain = intervals.clustered_intervals(slopes, steps)
    if not is_running_minimum:
        return plain
    with np.errstate(divide="ignore"):
        rates = np.maximum(np.log(np.maximum(-slopes, 0.0)), LOG_OF_ZERO)
    n_known = np.maximum(np.isfinite(slopes).sum(axis=1), 1)
    # Half of the resamples without a fall have no logarithm to widen about.
    has_median = (rates <= LOG_OF_ZERO).sum(axis=1) < n_known / 2
    found = np.minimum(plain, 0.0)
    low, centre, high = intervals.central_quantiles(rates[has_median])
    down, up = centre - low, high - centre
    if is_balanced:
        up = np.where(low > LOG_OF_ZERO, np.maximum(down, up), up)
    factor = intervals.small_cluster_factor(steps)
    found[has_median] = -np.exp(np.stack([centre + factor * up, centre - factor * down], axis=1))
    return found
