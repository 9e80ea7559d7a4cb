"""One price curve within a window: its steps, and the slopes that the estimators compute from it.

A curve is a step function: the price from each day on. Times are days since the start of the window, prices
natural logarithms. Arrays of resampled curves have one curve per row.

Not here: which curves and windows are estimated, and the verdicts (`halving`), and intervals (`step_bootstrap`).
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import polars as pl

from densing_pipeline.prices.names import ROUTER, seller
from densing_pipeline.stats.arrays import BoolArray, FloatArray, IntArray
from densing_pipeline.tables.dates import DAYS_PER_MONTH, Window

WEEK = 7

UNNAMED = "unnamed"
"""Stands for all sellers that a router's list does not name: how many they are is not known."""

WIDEST_GAP_DAYS = 6 * DAYS_PER_MONTH
"""Longest interval in which the day of a change may lie. A curve is estimated up to a longer one, or from
there on (`Changes.watched`): a change that was found after so long says little about the pace."""


@dataclass(frozen=True)
class Curve:
    """A curve within a window.

    Attributes:
        start: first day, with a price.
        span: length of the window in days.
        times: days since start from which on each price is known to have held; the first is 0, the price at
            the start.
        earliest: earliest time at which each price can have begun, at most `times`; before 0 where the
            first price may have begun before it was seen.
        log_prices: ln price from each time on.
        is_dated: whether an interval for the day of the change is known, be it a single day.
        is_event: whether the price changed on that day, rather than having held before the window.
        final: price at the end; None if nothing is on offer then.
        lowest: lowest price up to the end, also from before the window.
        sellers: who held the curve in the window; all that are not named count as one, `UNNAMED`.
        record_age_months: time from the last dated record low to the end.
    """

    start: date
    span: int
    times: FloatArray
    earliest: FloatArray
    log_prices: FloatArray
    is_dated: BoolArray
    is_event: BoolArray
    final: float | None
    lowest: float
    sellers: frozenset[str]
    record_age_months: float

    @property
    def fold(self) -> float | None:
        """Price at the start over price at the end; None if nothing is on offer then."""
        return float(np.exp(self.log_prices[0])) / self.final if self.final else None

    @property
    def n_changes(self) -> int:
        """Price changes of known date within the window."""
        return int((self.is_dated & self.is_event)[1:].sum())

    @property
    def gaps(self) -> FloatArray:
        """Days within which each change of known date may have happened; 0 if the day is known."""
        gaps: FloatArray = (self.times - self.earliest)[self.is_dated & self.is_event]
        return gaps

    @property
    def n_censored(self) -> int:
        """Dated changes, the first price included, whose day is known to an interval only."""
        return int((self.gaps > 0).sum())

    @property
    def widest_gap_months(self) -> float:
        """Longest of these intervals."""
        return float(self.gaps.max(initial=0.0)) / DAYS_PER_MONTH

    @property
    def n_undated(self) -> int:
        """Falls of unknown date within the window."""
        return int((~self.is_dated)[1:].sum())

    @property
    def above_record(self) -> float | None:
        """Price at the end over the lowest one up to then; None if nothing is on offer at the end."""
        return self.final / self.lowest if self.final else None

    @property
    def chained(self) -> FloatArray:
        """Log prices without the falls of unknown date: later prices are raised by them.

        An undated price below the curve when it is first observed fell on an unknown earlier day; only its
        later changes have dates.
        """
        steps = np.where(self.is_dated[1:], np.diff(self.log_prices), 0.0)
        chained: FloatArray = self.log_prices[0] + np.append(0.0, np.cumsum(steps))
        return chained

    @property
    def longest_wait_months(self) -> float:
        """Longest time without a change, the one to the end of the window included."""
        waits = np.diff(np.append(self.times, self.span))
        return float(waits.max()) / DAYS_PER_MONTH

    @property
    def months(self) -> float:
        """Length of the window in months."""
        return self.span / DAYS_PER_MONTH


@dataclass(frozen=True)
class Changes:
    """The changes of one curve in order, as arrays of length n; days are ordinals (`date.toordinal`).

    Attributes:
        days: first day on which each price is known to have held.
        earliest: first day on which it can have begun; equal to `days` where no other is known.
        prices: the price, NaN where nothing is on offer.
        is_undated: whether nothing is known of the day on which it began.
        sellers: the company that asked it, `UNNAMED` where a router does not say; None where nothing is on offer.
    """

    days: IntArray
    earliest: IntArray
    prices: FloatArray
    is_undated: BoolArray
    sellers: tuple[str | None, ...]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Self:
        """From rows of one curve of `price_frontier`, ascending by date.

        `date_earliest` may be left out or empty; a date then is exact if `basis` says so.
        """
        days = [day.toordinal() for day in frame["date"].to_list()]
        known = (
            frame["date_earliest"].to_list()
            if "date_earliest" in frame.columns
            else [None] * frame.height
        )
        basis = frame["basis"].to_list()
        return cls(
            np.array(days, dtype=np.intp),
            np.array(
                [
                    first.toordinal() if first else day
                    for first, day in zip(known, days, strict=True)
                ],
                dtype=np.intp,
            ),
            frame["usd_per_mtok"].cast(pl.Float64).fill_null(math.nan).to_numpy(),
            np.array(
                [
                    why == "undated" or (why == "first_observed" and first is None)
                    for why, first in zip(basis, known, strict=True)
                ],
                dtype=bool,
            ),
            _sellers(frame),
        )

    def only(self, rows: IntArray) -> Self:
        """Some of the changes, by their numbers."""
        return type(self)(
            self.days[rows],
            self.earliest[rows],
            self.prices[rows],
            self.is_undated[rows],
            tuple(self.sellers[row] for row in rows.tolist()),
        )

    def cut(self, start: date, end: date) -> Curve | None:
        """The part of the curve within [start, end], or None if it has no price there.

        Args:
            start: first day of the window; the curve's own first day if that is later.
            end: last day of the window.
        """
        known = self.days <= end.toordinal()
        priced = np.flatnonzero(known & np.isfinite(self.prices))
        if not priced.size or start > end:
            return None
        first = max(start.toordinal(), int(self.days[priced[0]]))
        # The price that holds on the first day, and those after it.
        inside = priced[max(int((self.days[priced] <= first).sum()) - 1, 0) :]
        times = np.maximum(self.days[inside] - first, 0).astype(np.float64)
        logs = np.log(self.prices[inside])
        is_event = self.days[inside] >= first
        final = float(self.prices[known][-1])
        last = end.toordinal()
        return Curve(
            start=date.fromordinal(first),
            span=last - first,
            times=times,
            earliest=self._earliest(inside, start.toordinal() - first, first, is_event),
            log_prices=logs,
            is_dated=~(self.is_undated[inside] & np.append(False, np.diff(logs) < 0)),
            is_event=is_event,
            final=None if math.isnan(final) else final,
            lowest=float(self.prices[priced].min()),
            sellers=frozenset(name for name in (self.sellers[k] for k in inside) if name),
            record_age_months=(last - self._last_record(priced)) / DAYS_PER_MONTH,
        )

    def watched(self, window: Window) -> Window:
        """The longest part of a window without a change that may have happened on any day of half a year.

        Args:
            window: what is wanted.

        Returns:
            The window, or the longest stretch of it (of equal ones the latest) that ends on the last day before
            such an interval, or begins on the day on which the change was found. A fall of which nothing is
            known happened after the change before it, as far as this rule goes. A rise happened after the change
            before it, and every change after all earlier rises.
        """
        priced = np.flatnonzero((self.days <= window.end.toordinal()) & np.isfinite(self.prices))
        if not priced.size:
            return window
        days, change = self.days[priced], np.diff(self.prices[priced])
        start = max(window.start.toordinal(), int(days[0]))
        risen = np.maximum.accumulate(np.append(0, np.where(change > 0, days[1:], 0)))[:-1]
        after = np.where((change > 0) | self.is_undated[priced][1:], days[:-1], risen)
        eves = np.maximum(
            np.where(self.is_undated[priced], 0, self.earliest[priced] - 1)[1:], after
        )
        is_wide = (change != 0) & (days[1:] > start) & (days[1:] - eves - 1 > WIDEST_GAP_DAYS)
        if not is_wide.any():
            return window
        # Days from the eve of an interval up to its end belong to no stretch.
        begins = [start, *days[1:][is_wide].tolist()]
        ends = [*np.maximum(eves[is_wide], start).tolist(), window.end.toordinal()]
        for position in reversed(range(len(ends) - 1)):
            ends[position] = min(ends[position], ends[position + 1])
        stretches = [(begin, end) for begin, end in zip(begins, ends, strict=True) if begin <= end]
        begin, end = max(stretches, key=lambda ends: (ends[1] - ends[0], ends[1]))
        return Window(window.name, date.fromordinal(begin), date.fromordinal(end))

    def _earliest(
        self, inside: IntArray, opening: int, zero: int, is_event: BoolArray
    ) -> FloatArray:
        """Earliest time of each change: within the window, after every earlier rise, a rise after any change.

        A first price that may have begun over half a year before it was found counts from the day on which it was.

        Args:
            inside: the changes in the window.
            opening: first day of the window, in days since `zero`.
            zero: the day that times are counted from.
            is_event: whether each price began in the window.
        """
        times = np.maximum(self.days[inside] - zero, 0).astype(np.float64)
        is_rise = np.append(False, np.diff(self.prices[inside]) > 0)
        risen = np.maximum.accumulate(np.where(is_rise, times, -np.inf))
        floor = np.append(-np.inf, np.where(is_rise[1:], times[:-1], risen[:-1]))
        known = np.maximum(self.earliest[inside] - zero, np.maximum(floor, opening))
        found = np.where(is_event, np.minimum(known, times), times)
        if times[0] - found[0] > WIDEST_GAP_DAYS:
            found[0] = times[0]
        return found

    def _last_record(self, priced: IntArray) -> int:
        """Day of the last dated record low; of the last price if none is dated."""
        lows = np.minimum.accumulate(self.prices[priced])
        is_record = np.append(True, lows[1:] < lows[:-1])
        dated = priced[is_record & ~self.is_undated[priced]]
        return int(self.days[dated[-1] if dated.size else priced[-1]])


def _sellers(held: pl.DataFrame) -> tuple[str | None, ...]:
    """Who asked each price: the column `seller`, and without it the company behind the provider's name."""
    stated = held["seller"].to_list() if "seller" in held.columns else [None] * held.height
    return tuple(
        provider and (company or _company(provider))
        for provider, company in zip(held["provider"].to_list(), stated, strict=True)
    )


def _company(provider: str) -> str:
    company = seller(provider)
    return UNNAMED if company == ROUTER else company


def cut(changes: pl.DataFrame, start: date, end: date) -> Curve | None:
    """The part of a curve within [start, end], or None if it has no price there.

    Args:
        changes: rows of one curve of `price_frontier`, ascending by date.
        start: first day of the window; the curve's own first day if that is later.
        end: last day of the window.
    """
    return Changes.of(changes).cut(start, end)


def end_point_slope(times: FloatArray, log_prices: FloatArray, span: float) -> FloatArray:
    """Fall per day between the two ends of the window, shape (curves,)."""
    inside = times <= span
    last = np.take_along_axis(log_prices, inside.sum(1, keepdims=True) - 1, 1)[:, 0]
    slope: FloatArray = (last - log_prices[:, 0]) / span
    return slope


def event_slope(
    times: FloatArray, log_prices: FloatArray, used: BoolArray | None = None
) -> FloatArray:
    """OLS slope per day of ln price over the days on which it changed, shape (curves,); NaN without a spread.

    Args:
        times: days, shape (curves, n).
        log_prices: ln prices, of the same shape.
        used: which of them count; all if left out.
    """
    weights = np.ones(times.shape) if used is None else used.astype(np.float64)
    centred = weights * (times - (weights * times).sum(1, keepdims=True) / weights.sum(1)[:, None])
    spread = (centred * times).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope: FloatArray = np.where(spread > 0, (centred * log_prices).sum(1) / spread, np.nan)
    return slope


def weekly_slope(times: FloatArray, log_prices: FloatArray, span: float) -> FloatArray:
    """OLS slope per day of ln price on every seventh day from 0 to span, shape (curves,).

    Equal to the regression on the sampled series; a step enters by the number of weeks it holds.
    """
    weeks = int(span // WEEK) + 1
    first = np.clip(np.ceil(times / WEEK), 0, weeks)
    after = np.concatenate([first[:, 1:], np.full((len(first), 1), float(weeks))], axis=1)
    held = np.maximum(after - first, 0)
    leverage = held * ((first + first + held - 1) / 2 - (weeks - 1) / 2)
    slope: FloatArray = (log_prices * leverage).sum(1) / (weeks * (weeks**2 - 1) / 12) / WEEK
    return slope


def resampled(
    waits: FloatArray, falls: FloatArray, steps: int, draws: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Curves made of the steps of one curve, drawn with replacement: the step bootstrap.

    A step is the time a price held and the change that followed. Prices of a frontier are sums of
    such steps, so neighbouring prices share most of their error; resampling prices, or blocks of
    weeks, ignores that and gives intervals that cover a quarter to four fifths of the time.

    Args:
        waits: days each step took, shape (n,).
        falls: change of ln price at the end of each step, shape (n,).
        steps: steps per resampled curve.
        draws: number of curves.
        rng: source of randomness.

    Returns:
        Times and ln prices relative to the start, each of shape (draws, steps + 1).
    """
    drawn = rng.integers(0, len(waits), (draws, steps))
    start = np.zeros((draws, 1))
    return (
        np.concatenate([start, np.cumsum(waits[drawn], axis=1)], axis=1),
        np.concatenate([start, np.cumsum(falls[drawn], axis=1)], axis=1),
    )
