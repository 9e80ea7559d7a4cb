"""The step bootstrap: intervals of the slope of a price curve, some of whose changes have no exact day.

A step is the time for which a price held and the change that followed. A change whose day is known to an interval only
is dated where it is expected (`expected_days`). Of every resample

1. as many steps as the curve has are drawn with replacement, and make a curve;
2. each change of that curve is dated: at random within an interval as long as that of its step, whose expected day is
   that on which the change lies;
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

SHORT = 1e-6
"""Length of an interval, in mean waits, below which a change is dated evenly within it: to a millionth the same, and
the exact expression loses its digits."""

ROUNDS = 10
"""Rounds of expectation and mean that find the mean wait between changes."""

LOG_OF_ZERO = -1e4
"""Stands for the logarithm of a rate of zero; its exponential is zero."""


class Steps(NamedTuple):
    """The steps of several curves, one per row; what lies beyond the number of steps of a row has no meaning.

    Attributes:
        waits: days for which each price held, shape (rows, n).
        falls: change of ln price at the end of each step, shape (rows, n).
        gaps: days within which the first price, and the change at the end of each step, may have begun, 0 where the
            day is known, shape (rows, n + 1).
        mean_waits: mean time between changes (`mean_waits`), shape (rows, 1).
        lengths: number of steps of each row, shape (rows,).
    """

    waits: FloatArray
    falls: FloatArray
    gaps: FloatArray
    mean_waits: FloatArray
    lengths: IntArray

    def repeated(self, times: int) -> "Steps":
        """Each row so many times."""
        waits, falls, gaps, means = (np.repeat(part, times, 0) for part in self[:4])
        return Steps(waits, falls, gaps, means, np.repeat(self.lengths, times))


def ordered(times: FloatArray) -> FloatArray:
    """The times of changes such that none lies after a later one: the later price then replaces it at once.

    Args:
        times: shape (rows, n), in the order of the changes.
    """
    return np.minimum.accumulate(times[:, ::-1], axis=1)[:, ::-1]


def mean_waits(earliest: FloatArray, latest: FloatArray) -> FloatArray:
    """Mean days between the changes of each row as they happened, shape (rows, 1); infinite for a single price.

    Of several changes in one interval only the last is seen. Where changes come at random times, x in an interval on
    average, those with any have x / (1 - exp(-x)). Expecting that many in place of each change that was seen, and
    taking their mean wait, in turn, leads to the wait of greatest likelihood. Intervals that fill the whole time
    set no lower bound to it, so `ROUNDS` of this are made.

    Args:
        earliest: earliest time at which each price can have begun, in order, shape (rows, n).
        latest: first time at which it is known to have held, of the same shape.
    """
    span = latest[:, -1:] - latest[:, :1]
    if latest.shape[1] == 1:
        return np.full_like(span, np.inf)
    gaps = (latest - earliest)[:, 1:]
    waits: FloatArray = span / gaps.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(ROUNDS if gaps.any() else 0):
            in_waits = gaps / waits
            happened = np.where(in_waits > SHORT, in_waits / -np.expm1(-in_waits), 1.0)
            waits = span / happened.sum(axis=1, keepdims=True)
    return waits


def days_before_found(gaps: FloatArray, waits: FloatArray) -> FloatArray:
    """Expected time from a change to the end of its interval, when it was found. Shape as `gaps`.

    Of several changes in one interval only the last is seen. If changes come at random times, one in w days, the last
    of those in g days lies w - g / (exp(g / w) - 1) before the end: half an interval that is short beside the
    waits, one wait before the end of a long one.

    Args:
        gaps: days of each interval (g), 0 where the day is known.
        waits: mean days between changes (w), of a shape that broadcasts with `gaps`.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        in_waits = gaps / waits
        return np.where(in_waits > SHORT, waits - gaps / np.expm1(in_waits), gaps / 2)


def drawn_before_found(gaps: FloatArray, waits: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Random times whose means are `days_before_found`; arguments and shape as there."""
    share = rng.random(gaps.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        in_waits = gaps / waits
        return np.where(
            in_waits > SHORT, -waits * np.log1p(share * np.expm1(-in_waits)), gaps * share
        )


def expected_days(earliest: FloatArray, latest: FloatArray) -> FloatArray:
    """The expected day of each change, in order: the dates that point estimates use, shape (rows, n).

    Args:
        earliest: earliest time at which each price can have begun, in order, shape (rows, n).
        latest: first time at which it is known to have held, of the same shape.
    """
    return ordered(latest - days_before_found(latest - earliest, mean_waits(earliest, latest)))


def held(times: FloatArray) -> BoolArray:
    """Whether each price held for any time before the next replaced it; the last one always did."""
    last = np.ones((len(times), 1), dtype=bool)
    return np.concatenate([times[:, 1:] > times[:, :-1], last], axis=1)


def steps_of(earliest: FloatArray, latest: FloatArray, log_prices: FloatArray) -> Steps:
    """The steps between prices that held, as `expected_days` dates them.

    Args:
        earliest: earliest time at which each price can have begun, in order, shape (rows, n).
        latest: first time at which it is known to have held, of the same shape.
        log_prices: ln price from then on, of the same shape.
    """
    times = expected_days(earliest, latest)
    is_held = held(times)
    order = np.argsort(~is_held, axis=1, kind="stable")
    times, logs, gaps = (
        np.take_along_axis(part, order, 1) for part in (times, log_prices, latest - earliest)
    )
    return Steps(
        np.diff(times), np.diff(logs), gaps, mean_waits(earliest, latest), is_held.sum(1) - 1
    )


def with_last_hold(steps: Steps, hold: FloatArray) -> Steps:
    """The steps and one more without a change: the time for which the last price has held, shape (rows,)."""
    blank = np.zeros((len(hold), 1))
    waits, falls, gaps = (np.concatenate([part, blank], axis=1) for part in steps[:3])
    last = steps.lengths[:, None]
    np.put_along_axis(waits, last, hold[:, None], 1)
    np.put_along_axis(falls, last, 0.0, 1)
    np.put_along_axis(gaps, last + 1, 0.0, 1)
    return Steps(waits, falls, gaps, steps.mean_waits, steps.lengths + 1)


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
    before = days_before_found(gaps, steps.mean_waits)
    return ordered(times + before - drawn_before_found(gaps, steps.mean_waits, rng)), logs


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
