"""How fast the price of a capability halves: `price_halving`.

Every combination of level, blend, curve, window and estimator gives a row; where the data are too few for
an estimate, `verdict` and `reason` say so.

Not here: the curves (`frontier`) and the slopes read off them (`curves`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.cost import coverage, curves, step_bootstrap
from densing_pipeline.cost.curves import Changes, Curve
from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.paper import FIRST_PRICE, LAST_PRICE, NMI
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.dates import DAYS_PER_MONTH, Window
from densing_pipeline.tables.published import PRICE_HALVING
from densing_pipeline.tables.width import with_width

MIN_MONTHS, MIN_CHANGES, MIN_PROVIDERS = 12, 6, 3
"""Fewest months, dated changes and providers of a window for the verdict `ok`."""

LONG_WAIT_MONTHS = 12
"""Months without a change from which the `reason` mentions it: the price stood still, or was not observed."""

MIN_STEPS = 3
"""Fewest steps of a curve for which the step bootstrap gives an interval."""

FEWEST_SERIES = 50
"""Fewest curves, of 50 milliseconds each, for which a second process is started."""

SLOPE_ROUNDING = 1e-9
"""Relative error of computed slopes, which must not put a slope outside its own interval."""

SLOWEST_MONTHS = 120
"""An interval that reaches a halving in more than ten years is left open: the price may not fall at all."""

ESTIMATORS = {
    "cheapest_now": ("end-points", "weekly"),
    "cheapest_ever": ("end-points", "record-events", "weekly"),
}
"""Estimators by curve. Only the running minimum has records."""

SlopeOfPaths = Callable[[FloatArray, FloatArray, float], FloatArray]
"""Slopes of curves in a window of so many days, from their times and ln prices."""

Drawn = tuple[Changes, int]
"""A drawn curve, and the number of draws that gave it."""


def windows(level: str, as_of: date) -> tuple[Window, ...]:
    """The windows a level is estimated over.

    The paper's plotted prices end in 2024 and are not kept up, so they have the paper's window only.
    """
    if level == NMI:
        return (Window(NMI, FIRST_PRICE, LAST_PRICE),)
    since = min(date(2025, 1, 1), as_of)
    return (
        Window("all", date.min, as_of),
        Window(NMI, date(2022, 11, 1), date(2024, 8, 31)),
        Window("since-2025", since, as_of),
    )


def price_halving(
    price_frontier: pl.DataFrame,
    *,
    as_of: date,
    draws: int,
    seed: int,
    drawn_curves: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Halving times of every curve, by window and estimator.

    Args:
        price_frontier: change points of the curves.
        as_of: last day the prices are known for.
        draws: resamples behind each interval.
        seed: seed of the resampling; each row has its own stream, so rows do not depend on others.
        drawn_curves: the curves for other draws of who reaches a level (`membership.drawn_frontiers`);
            the steps are then drawn from these, each curve as often as it came up. Without them the
            intervals take the members for certain.

    Returns:
        Rows of `price_halving`. `halving_months` is empty where the price did not fall and where the
        verdict is `insufficient` (except for the paper's own level, whose printed number must be
        comparable); `high` where the interval reaches a price that does not fall. Intervals are those of the
        step bootstrap (`step_bootstrap`). A window that holds a fall of which it is not known to half a year when
        it happened is cut short there (`curves.watched`); `window_start` and `window_end` say what is left.
    """
    alternatives = _alternatives(drawn_curves)
    series = price_frontier.sort("date").partition_by(
        "level", "blend_input_share", "curve", as_dict=True, maintain_order=True
    )
    pieces = [
        (
            (str(level), share, str(curve)),
            Changes.of(frame),
            alternatives.get((level, share, curve), []),
        )
        for (level, share, curve), frame in series.items()
    ]
    work = partial(_of_series, as_of=as_of, draws=draws, seed=seed)
    rows = list(chain.from_iterable(parallel_map(work, pieces, fewest=FEWEST_SERIES)))
    frame = pl.DataFrame(rows, infer_schema_length=None) if rows else PRICE_HALVING.empty()
    made = frame.with_columns(as_of=pl.lit(as_of), seed=pl.lit(seed))
    return with_width(PRICE_HALVING, made, "low", "high")


def _of_series(
    piece: tuple[tuple[str, Any, str], Changes, Sequence[Drawn]], as_of: date, draws: int, seed: int
) -> list[dict[str, Any]]:
    """The rows of one curve of one level and blend, with its drawn curves, in every window."""
    key, changes, alternatives = piece
    return [
        row
        for window in windows(key[0], as_of)
        for row in _rows(key, changes, alternatives, window, draws, seed)
    ]


def estimate_prices(
    prices: pl.DataFrame,
    *,
    as_of: date | None,
    draws: int,
    seed: int,
    counts_providers: bool = True,
) -> dict[str, Any]:
    """The halving time of any dated prices, by record events, under the rules of the published ones.

    Args:
        prices: date, usd_per_mtok, and perhaps provider; at least one row. A price above an earlier
            one changes nothing. `date_earliest`, if there is one, is the earliest day on which a price can
            have begun; `date` then is the first on which it is known to have held.
        as_of: last day the prices are known for; the day of the last price if None.
        draws: resamples behind the interval.
        seed: seed of the resampling.
        counts_providers: whether the rule on the number of providers holds; not for prices that name none.

    Returns:
        fold, halving_months, low, high, n_changes, verdict, reason and more columns of
        `price_halving`; unlike there, an insufficient estimate keeps its number.
    """
    ordered = prices.sort("date").with_columns(pl.col("usd_per_mtok").cast(pl.Float64))
    lowest = pl.col("usd_per_mtok").cum_min()
    kept = ordered.filter(
        (pl.col("usd_per_mtok") == lowest) & (lowest < lowest.shift(1, fill_value=math.inf))
    ).with_columns(
        provider=pl.col("provider") if "provider" in prices.columns else pl.lit("unknown"),
        source=pl.lit("given"),
        basis=pl.lit("documented"),
    )
    wanted = Window("all", date.min, as_of or ordered["date"][-1])
    changes = Changes.of(kept)
    window = changes.watched(wanted)
    curve = changes.cut(window.start, window.end)
    if curve is None:
        raise ValueError(f"prices: none of them is known by {wanted.end}")
    found = _estimate(
        curve,
        [(curve, 1)],
        "record-events",
        draws,
        np.random.default_rng(seed),
        is_running_minimum=True,
        fewest_providers=MIN_PROVIDERS if counts_providers else 1,
    )
    return found | _within(changes, wanted, window, found)


def _alternatives(drawn_curves: pl.DataFrame | None) -> dict[tuple[object, ...], list[Drawn]]:
    """The drawn curves of each series with their weights, where there is more than one."""
    if drawn_curves is None:
        return {}
    series = drawn_curves.sort("date").partition_by(
        "level", "blend_input_share", "curve", as_dict=True
    )
    found = {key: _by_draw(rows) for key, rows in series.items()}
    return {key: drawn for key, drawn in found.items() if len(drawn) > 1}


def _by_draw(rows: pl.DataFrame) -> list[Drawn]:
    """The drawn curves of one series, in the order in which they begin."""
    changes, weights = Changes.of(rows), rows["weight"].to_list()
    places = rows.with_row_index().group_by("draw", maintain_order=True).agg("index")["index"]
    return [
        (changes.only(np.array(own, dtype=np.intp)), weights[own[0]]) for own in places.to_list()
    ]


def _rows(
    key: tuple[str, Any, str],
    changes: Changes,
    alternatives: Sequence[Drawn],
    window: Window,
    draws: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """One row per estimator of one curve in one window."""
    level, share, curve_name = key
    wanted, window = window, changes.watched(window)
    curve = changes.cut(window.start, window.end)
    others = [
        (other, weight)
        for drawn, weight in alternatives
        if (other := drawn.cut(window.start, window.end)) is not None
    ]
    for estimator in ESTIMATORS[curve_name]:
        row = {
            "level": level,
            "blend_input_share": share,
            "curve": curve_name,
            "window": window.name,
            "window_start": curve.start if curve else max(window.start, date(2018, 1, 1)),
            "window_end": window.end,
            "estimator": estimator,
            "is_headline": is_headline(level, share, curve_name, window.name, estimator),
        }
        if curve is None:
            nothing = {"n_changes": 0, "n_providers": 0, "draws": 0, "verdict": "insufficient"}
            yield row | nothing | {"reason": "no price in the window"}
            continue
        rng = stream(seed, repr([level, share, curve_name, window.name, estimator]))
        estimate = _estimate(
            curve,
            others or [(curve, 1)],
            estimator,
            draws,
            rng,
            is_running_minimum=curve_name == "cheapest_ever",
        )
        estimate |= _within(changes, wanted, window, estimate)
        if estimate["verdict"] == "insufficient":
            estimate |= _kept(level, estimate)
        if estimator == "record-events" and estimate["low"] is not None:
            estimate |= _simulated(curve, seed)
        yield row | estimate


def _simulated(curve: Curve, seed: int) -> dict[str, float]:
    """Bias of the slope and coverage of the interval on simulated markets with as many changes."""
    found = coverage.simulated(
        coverage.ROW_KIND,
        _steps(curve, "record-events"),
        is_censored=curve.n_censored > 0,
        seed=seed,
    )
    return {"simulated_bias": found.bias, "simulated_coverage": found.coverage}


def _within(
    changes: Changes, wanted: Window, used: Window, estimate: dict[str, Any]
) -> dict[str, Any]:
    """Columns that an estimate over a part of its window overrides: the reason, and the age of the record."""
    if (used.start, used.end) == (wanted.start, wanted.end):
        return {}
    whole = changes.cut(wanted.start, wanted.end)
    if whole is None:
        raise AssertionError("a part of the window has a price")
    what = (
        f"from {used.start} to {used.end} only, for beyond it is not known to "
        f"{curves.WIDEST_GAP_DAYS / DAYS_PER_MONTH:.0f} months when the price fell"
    )
    return {
        "reason": f"{estimate['reason']}; {what}",
        "months_since_record": whole.record_age_months,
    }


def _kept(level: str, estimate: dict[str, Any]) -> dict[str, Any]:
    """Columns that an insufficient estimate overrides: no halving time, except for the paper's level."""
    if level == NMI:
        return {"reason": f"{estimate['reason']}; kept to compare with the printed number"}
    return {"halving_months": None, "low": None, "high": None}


def is_headline(level: str, share: float, curve: str, window: str, estimator: str) -> bool:
    """Whether an estimate is the headline of its level, by a rule fixed in advance.

    Record events of the cheapest price ever over all data, at three input tokens to one of output;
    for the paper's level its own figure, the two ends of its line.
    """
    if level == NMI:
        return (share, curve, estimator) == (1.0, "cheapest_ever", "end-points")
    return (share, curve, window, estimator) == (
        HEADLINE_BLEND,
        "cheapest_ever",
        "all",
        "record-events",
    )


def _sample(
    others: Sequence[tuple[Curve, int]], estimator: str, draws: int, rng: np.random.Generator
) -> FloatArray | None:
    """Resampled slopes of the drawn curves, in proportion to the draws that gave each curve."""
    total = sum(weight for _, weight in others)
    samples = []
    for curve, weight in others:
        sample = _resampled(curve, estimator, max(round(draws * weight / total), 1), rng)
        if sample is not None:
            samples.append(sample)
    return np.concatenate(samples) if samples else None


def _estimate(
    curve: Curve,
    others: Sequence[tuple[Curve, int]],
    estimator: str,
    draws: int,
    rng: np.random.Generator,
    *,
    is_running_minimum: bool,
    fewest_providers: int = MIN_PROVIDERS,
) -> dict[str, Any]:
    """The columns of one estimate.

    Args:
        curve: the curve that is estimated.
        others: the curves its interval is drawn from, with their weights.
        estimator: name of the estimator.
        draws: resamples in all.
        rng: source of randomness.
        is_running_minimum: whether the curve can only fall.
        fewest_providers: fewest providers for the verdict `ok`.
    """
    slope = _slope(curve, estimator)
    sample = _sample(others, estimator, draws, rng)
    halving = _months(slope)
    low = high = steepest = flattest = None
    if sample is not None:
        steepest, flattest = step_bootstrap.slope_intervals(
            sample[None],
            max(_steps(curve, estimator), MIN_STEPS),
            is_running_minimum=is_running_minimum,
            is_balanced=estimator == "record-events",
        )[0].tolist()
        low, high = _months(steepest), _months(flattest)
        high = None if high is None or high > SLOWEST_MONTHS else high
    verdict, notes = _verdict(curve, fewest_providers)
    if curve.n_undated and estimator == "end-points":
        notes.append(f"the fold includes falls of unknown date: {curve.n_undated}")
    elif curve.n_undated:
        notes.append(f"falls of unknown date not used for the slope: {curve.n_undated}")
    if estimator == "record-events" and slope is None:
        notes.append("fewer than two dated records in the window")
    elif slope is not None and slope >= 0:
        notes.append("the price did not fall in the window")
    elif low and not high:
        notes.append("the interval reaches prices that do not fall")
    if curve.above_record and curve.above_record > 1:
        notes.append(f"the price at the end is {curve.above_record:.2f} times its record low")
    if (
        slope
        and steepest
        and flattest
        and not steepest * (1 + SLOPE_ROUNDING) <= slope <= flattest * (1 - SLOPE_ROUNDING)
    ):
        notes.append("outside its interval, for the fall was not steady")
    return {
        "fold": curve.fold,
        "halving_months": halving,
        "low": low,
        "high": high,
        "n_changes": curve.n_changes,
        "n_providers": len(curve.sellers),
        "n_censored": curve.n_censored,
        "widest_gap_months": curve.widest_gap_months,
        "months_since_record": curve.record_age_months,
        "draws": 0 if sample is None else len(sample),
        "verdict": verdict,
        "reason": "; ".join(notes),
    }


def _steps(curve: Curve, estimator: str) -> int:
    """The steps that an estimator reads off a curve."""
    if estimator == "record-events":
        return int((curve.is_dated & curve.is_event).sum()) - 1
    return len(curve.times) - 1


def _slope(curve: Curve, estimator: str) -> float | None:
    """Slope of ln price per day; a change of which only an interval is known counts on its expected day."""
    if estimator == "record-events":
        read = _events(curve)
        if read is None:
            return None
        earliest, latest, logs = read
        days = step_bootstrap.expected_days(earliest, latest)
        return float(curves.event_slope(days, logs, step_bootstrap.held(days))[0])
    path = _path(curve, estimator)
    if path is None:
        return None
    earliest, logs, slope_of = path
    days = step_bootstrap.expected_days(earliest[None], curve.times[None])
    return float(slope_of(days, logs[None], float(curve.span))[0])


def _resampled(
    curve: Curve, estimator: str, draws: int, rng: np.random.Generator
) -> FloatArray | None:
    """Resampled slopes, shape (draws,), if there are steps enough."""
    if _steps(curve, estimator) < MIN_STEPS:
        return None
    if estimator == "record-events":
        read = _events(curve)
        if read is None:
            return None
        slopes: FloatArray = step_bootstrap.event_slopes(*read, draws, rng)[0]
        return slopes
    path = _path(curve, estimator)
    if path is None:
        return None
    earliest, logs, slope_of = path
    span = float(curve.span)
    steps = step_bootstrap.steps_of(earliest[None], curve.times[None], logs[None])
    # The price at the end has held for some time without a change: that is a step too.
    last = step_bootstrap.expected_days(earliest[None], curve.times[None])[:, -1]
    steps = step_bootstrap.with_last_hold(steps, span - last).repeated(draws)
    enough = 3 * len(curve.times) + 10  # steps, to fill the window
    return slope_of(*step_bootstrap.resampled(steps, enough, rng), span)


def _path(curve: Curve, estimator: str) -> tuple[FloatArray, FloatArray, SlopeOfPaths] | None:
    """Earliest times and ln prices of the changes, and the slope read off them; None for too short a window."""
    if curve.span < 2 * curves.WEEK or curve.fold is None:
        return None
    # The price at the start of the window is known to have held on that day.
    earliest = np.maximum(curve.earliest, 0.0)
    if estimator == "weekly":
        return earliest, curve.chained, curves.weekly_slope
    return earliest, curve.log_prices, curves.end_point_slope


def _events(curve: Curve) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Earliest and latest times and ln prices of the changes of known date, shape (1, n); None for fewer than two."""
    used = curve.is_dated & curve.is_event
    if used.sum() < 2:
        return None
    return curve.earliest[used][None], curve.times[used][None], curve.chained[used][None]


def _months(slope: float | None) -> float | None:
    """Halving time in months of a slope per day; None if the price does not fall."""
    if slope is None or slope >= 0:
        return None
    return math.log(2) / -slope / DAYS_PER_MONTH


def _verdict(curve: Curve, fewest_providers: int) -> tuple[str, list[str]]:
    """The verdict on the window, and notes about the curve for `reason`."""
    lacking = [
        f"{found:.0f} {what} ({needed} needed)"
        for found, needed, what in (
            (math.floor(curve.months), MIN_MONTHS, "months"),
            (curve.n_changes, MIN_CHANGES, "changes"),
            (len(curve.sellers), fewest_providers, "providers"),
        )
        if found < needed
    ]
    sellers = f" and {fewest_providers} providers" if fewest_providers > 1 else ""
    enough = (
        f"{MIN_MONTHS} months{',' if sellers else ' and'} {MIN_CHANGES} changes{sellers} reached"
    )
    notes = lacking or [enough]
    if curve.fold is None:
        notes.append("nothing is on offer at the end of the window")
    if curve.longest_wait_months >= LONG_WAIT_MONTHS:
        wait = math.floor(curve.longest_wait_months)
        notes.append(f"no change known for {wait} months on end")
    return "insufficient" if lacking else "ok", notes
