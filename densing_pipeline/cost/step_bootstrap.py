"""The step bootstrap: intervals of the slope of a price curve, some of whose changes have no exact day.

A step is the time for which a price held and the change that followed. Of every resample

1. each change is dated: evenly at random within its interval, if its day is known to an interval only;
2. as many steps as the curve then has are drawn with replacement;
3. the estimator is applied to the curve that they make.

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


EQUAL_STEPS = 1e-20
"""Mean square of relative differences between steps, up to which they are equal but for rounding."""


class Steps(NamedTuple):
    """The steps of several curves, one per row; what lies beyond the number of steps of a row has no meaning.

    Attributes:
        waits: days for which each price held, shape (rows, n).
        falls: change of ln price at the end of each step, shape (rows, n).
        lengths: number of steps of each row, shape (rows,).
    """

    waits: FloatArray
    falls: FloatArray
    lengths: IntArray


def ordered(times: FloatArray) -> FloatArray:
    """The times of changes such that none lies after a later one: the later price then replaces it at once.

    Args:
        times: shape (rows, n), in the order of the changes.
    """
    return np.minimum.accumulate(times[:, ::-1], axis=1)[:, ::-1]


def midpoints(earliest: FloatArray, latest: FloatArray) -> FloatArray:
    """The middle of the interval of each change, in order: the dates that point estimates use, shape (rows, n)."""
    return ordered((earliest + latest) / 2)


def drawn_times(earliest: FloatArray, latest: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A time of each change, evenly at random within its interval, in order, shape (rows, n).

    Args:
        earliest: shape (rows, n).
        latest: of the same shape; equal where the day is known.
        rng: source of randomness.
    """
    return ordered(earliest + (latest - earliest) * rng.random(latest.shape))


def held(times: FloatArray) -> BoolArray:
    """Whether each price held for any time before the next replaced it; the last one always did."""
    last = np.ones((len(times), 1), dtype=bool)
    return np.concatenate([times[:, 1:] > times[:, :-1], last], axis=1)


def steps_of(times: FloatArray, log_prices: FloatArray) -> Steps:
    """The steps between prices that held.

    Args:
        times: in order, shape (rows, n).
        log_prices: ln price from each time on, of the same shape.
    """
    is_held = held(times)
    if is_held.all():
        lengths = np.full(len(times), times.shape[1] - 1)
        return Steps(np.diff(times), np.diff(log_prices), lengths)
    order = np.argsort(~is_held, axis=1, kind="stable")
    waits = np.diff(np.take_along_axis(times, order, 1))
    falls = np.diff(np.take_along_axis(log_prices, order, 1))
    return Steps(waits, falls, is_held.sum(1) - 1)


def with_last_hold(steps: Steps, hold: FloatArray) -> Steps:
    """The steps and one more without a change: the time for which the last price has held, shape (rows,)."""
    blank = np.zeros((len(hold), 1))
    waits = np.concatenate([steps.waits, blank], axis=1)
    falls = np.concatenate([steps.falls, blank], axis=1)
    last = steps.lengths[:, None]
    np.put_along_axis(waits, last, hold[:, None], 1)
    np.put_along_axis(falls, last, 0.0, 1)
    return Steps(waits, falls, steps.lengths + 1)


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
    return times, logs


def event_slopes(
    earliest: FloatArray, latest: FloatArray, log_prices: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Slopes of `curves.event_slope` on resampled curves, shape (rows,); NaN where all changes fell on one day.

    Args:
        earliest: earliest time of each change, shape (rows, n).
        latest: first time at which each price is known to have held, shape (rows, n).
        log_prices: ln price from then on, shape (rows, n).
        rng: source of randomness.
    """
    steps = steps_of(drawn_times(earliest, latest, rng), log_prices)
    times, logs = resampled(steps, latest.shape[1] - 1, rng)
    return curves.event_slope(times, logs, np.arange(times.shape[1]) <= steps.lengths[:, None])


def degrees_of_freedom(steps: Steps) -> FloatArray:
    """Degrees of freedom with which n steps show the spread of their rate, shape (rows,), from 1 to n - 1.

    The logarithm of the rate, mean fall over mean wait, is to first order a mean of contributions
    u = fall / mean fall - wait / mean wait. The variance of n values with kurtosis k is known with
    2 (n - 1) / (k - 1) degrees of freedom (Satterthwaite's rule), n - 1 for normal ones; where one step makes up most
    of the fall there are far fewer. The kurtosis of the sample is multiplied by (n + 1) / (n - 1), so that it is
    unbiased for normal values.

    Args:
        steps: the steps of each row; the first two of them are there.
    """
    n = steps.lengths.astype(np.float64)
    counts = np.arange(steps.waits.shape[1]) < steps.lengths[:, None]
    parts = [np.where(counts, part, 0.0) for part in (steps.falls, steps.waits)]
    with np.errstate(divide="ignore", invalid="ignore"):
        falls, waits = (part * (n / part.sum(1))[:, None] for part in parts)
        u = np.where(counts, falls - waits, 0.0)
        kurtosis = n * (u**4).sum(1) / (u**2).sum(1) ** 2 * (n + 1) / (n - 1)
        found = 2 * (n - 1) / (kurtosis - 1)
    # Steps that differ by rounding alone have no kurtosis.
    is_spread = (u**2).sum(1) > EQUAL_STEPS * n
    return np.clip(np.where(is_spread & (found > 0), found, n - 1), 1.0, n - 1)


def slope_intervals(
    slopes: FloatArray,
    steps: int,
    *,
    is_running_minimum: bool,
    degrees: FloatArray | None = None,
) -> FloatArray:
    """95 % intervals of slopes per day, steepest fall first, shape (curves, 2); NaN where too few are known.

    n steps drawn from n vary less, by (n - 1) / n, than n drawn from the market, and their spread is known with
    few degrees of freedom. So the percentile interval is widened about its median by
    `stats.intervals.small_cluster_factor`, as density's is for few families. A running minimum can only fall; its
    rate is a ratio of two positive means (fall over wait), whose logarithm is the nearer to symmetric, so it is
    widened on that scale, unless half of the resamples or more have no fall.

    With `degrees`, the steep end is at least as far from the median as the flat one. Large falls are rare, so a sample
    lacks them more often than it has too many of them. Resamples without the largest fall show how flat the curve
    can be; none shows how steep it is with a fall that was not seen.

    Args:
        slopes: resampled slopes, shape (curves, draws).
        steps: steps of each curve, at least 2.
        is_running_minimum: whether the curve can only fall.
        degrees: of record events of a running minimum, degrees of freedom of each curve
            (`degrees_of_freedom`), shape (curves,); n - 1 if not given.
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
    if degrees is None:
        factor = intervals.small_cluster_factor(steps)
    else:
        factor = intervals.small_cluster_factor(steps, degrees=degrees[has_median])
        up = np.where(low > LOG_OF_ZERO, np.maximum(down, up), up)
    found[has_median] = -np.exp(np.stack([centre + factor * up, centre - factor * down], axis=1))
    return found
