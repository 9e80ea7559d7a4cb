"""One price curve within a window: its steps, and the slopes that the estimators compute from it.

A curve is a step function: the price from each day on. Times are days since the start of the window, prices
natural logarithms. Arrays of resampled curves have one curve per row.

Not here: which curves and windows are estimated, and the verdicts (`halving`).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from densing_pipeline.prices.names import seller_behind
from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.tables.dates import DAYS_PER_MONTH

WEEK = 7


@dataclass(frozen=True)
class Curve:
    """A curve within a window.

    Attributes:
        start: first day, with a price.
        span: length of the window in days.
        times: days since start at which the price changed; the first is 0, the price at the start.
        log_prices: ln price from each time on.
        is_dated: whether the price changed on that very day.
        is_event: whether the price changed on that day, rather than having held before the window.
        final: price at the end; None if nothing is on offer then.
        lowest: lowest price up to the end, also from before the window.
        sellers: who held the curve in the window (`prices.names.seller_behind`).
        record_age_months: time from the last dated record low to the end.
    """

    start: date
    span: int
    times: FloatArray
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


def cut(changes: pl.DataFrame, start: date, end: date) -> Curve | None:
    """The part of a curve within [start, end], or None if it has no price there.

    Args:
        changes: rows of one curve of `price_frontier`, ascending by date.
        start: first day of the window; the curve's own first day if that is later.
        end: last day of the window.
    """
    known = changes.filter(pl.col("date") <= end)
    priced = known.drop_nulls("usd_per_mtok")
    if priced.is_empty() or start > end:
        return None
    first: date = max(start, priced["date"][0])
    held = priced.filter(pl.col("date") <= first).tail(1)
    inside = pl.concat([held, priced.filter(pl.col("date") > first)])
    times = np.array([max((day - first).days, 0) for day in inside["date"]], dtype=np.float64)
    logs = np.log(inside["usd_per_mtok"].to_numpy())
    final: float | None = known["usd_per_mtok"][-1]
    is_fall = np.append(False, np.diff(logs) < 0)
    is_dated = ~((inside["basis"] == "undated").fill_null(value=False).to_numpy() & is_fall)
    return Curve(
        start=first,
        span=(end - first).days,
        times=times,
        log_prices=logs,
        is_dated=is_dated,
        is_event=(inside["date"] >= first).to_numpy(),
        final=final,
        lowest=float(priced["usd_per_mtok"].min()),  # type: ignore[arg-type]
        sellers=_sellers(inside),
        record_age_months=_record_age(priced, end),
    )


def _sellers(held: pl.DataFrame) -> frozenset[str]:
    """Who held the curve; prices given without the model's name have a seller all the same."""
    models = held["model"] if "model" in held.columns else [""] * held.height
    return frozenset(map(seller_behind, held["provider"], models))


def _record_age(priced: pl.DataFrame, end: date) -> float:
    lows = priced["usd_per_mtok"].cum_min()
    is_record = (lows < lows.shift()).fill_null(value=True)
    is_dated = (priced["basis"] != "undated").fill_null(value=True)
    records = priced.filter(is_record & is_dated)
    days: int = (end - (priced if records.is_empty() else records)["date"][-1]).days
    return days / DAYS_PER_MONTH


def end_point_slope(times: FloatArray, log_prices: FloatArray, span: float) -> FloatArray:
    """Fall per day between the two ends of the window, shape (curves,)."""
    inside = times <= span
    last = np.take_along_axis(log_prices, inside.sum(1, keepdims=True) - 1, 1)[:, 0]
    slope: FloatArray = (last - log_prices[:, 0]) / span
    return slope


def event_slope(times: FloatArray, log_prices: FloatArray) -> FloatArray:
    """OLS slope per day of ln price over the days on which it changed, shape (curves,)."""
    centred = times - times.mean(1, keepdims=True)
    slope: FloatArray = (centred * log_prices).sum(1) / (centred**2).sum(1)
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
