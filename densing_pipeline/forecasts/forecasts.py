"""The `forecasts` table: every method at every past month end, 1, 3, 6 and 12 months ahead.

Every night rebuilds all past vintages from the tables cut off there (`origin` backtest). The
forecasts of the newest vintage, whose outcome is not known yet, are also published permanently
(`origin` published): later nights copy them from the previous release, even if the tables have
changed.

Not here: the data of a vintage (`vintages`), the methods (`methods`), and the scores (`scores`).
"""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.cost.market import Market
from densing_pipeline.forecasts.inputs import ForecastInputs
from densing_pipeline.forecasts.methods import EXTRAPOLATING, METHODS, Method, NoForecastError
from densing_pipeline.forecasts.vintages import (
    WATCHED_DAYS,
    Vintage,
    density_names,
    density_vintage,
    month_ends,
    months_later,
    price_vintages,
)
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.published import FORECAST_QUANTILES, FORECASTS
from densing_pipeline.tables.width import MOST_FOLD, width_of
from densing_pipeline.trends.pooled_growth import Pace

HORIZONS = (1, 3, 6, 12)
"""Months ahead."""

LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
"""Columns of the quantiles of a forecast."""

MOST_FORECAST_DRAWS = 400
"""Most draws of a forecast with an interval."""

FEWEST_MONTH_ENDS = 12
"""Fewest month ends, whose forecasts take some tenths of a second each, for which a second process is started."""

FARTHEST_FOLD = 1000.0
"""Largest ratio of the upper end to the current record; a wider forecast is not informative and not
made. It is three years of progress at the paper's pace, 2^(36 / 3.5) = 1,250. No horizon is above
one."""

KEY = ("target", "series", "made_on", "horizon_months", "method")


def forecasts(
    known: ForecastInputs, *, draws: int, seed: int, previous: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Forecasts of the densest model and of the cheapest price of each level, at every month end.

    Args:
        known: the tables; the last vintage is the last month end up to their day.
        draws: draws behind a forecast; more than 400 count as 400.
        seed: seed of the draws; each forecast has its own stream.
        previous: the `forecasts` table of the previous release, whose `published` rows are kept.

    Returns:
        A `forecasts` frame; a method without enough data has verdict `insufficient`.
    """
    ends = month_ends(known.as_of)
    known.prepare(ends)
    pieces = [_MonthEnd(day, known.history(day), known.pooled_pace(day)) for day in ends]
    work = partial(
        _of_month_end,
        names=density_names(known.densities),
        market=known.market if known.has_prices else None,
        draws=min(draws, MOST_FORECAST_DRAWS),
        seed=seed,
    )
    made = parallel_map(work, pieces, fewest=FEWEST_MONTH_ENDS)
    rebuilt = pl.concat([FORECASTS.empty(), *made], rechunk=True)
    every = pl.concat([rebuilt, _published(rebuilt, previous, known.as_of)])
    # Forecasts published before keep their ends, whatever the rules are now.
    is_estimated = (pl.col("verdict") == "ok") & pl.col("low").is_not_null()
    return FORECASTS.cast(every.with_columns(width=width_of("low", "high", is_estimated)))


class _MonthEnd(NamedTuple):
    """A month end and what was known of density then.

    Attributes:
        day: the month end.
        densities: a `densities` frame.
        pooled_pace: pace pooled over benchmarks; None where there was none.
    """

    day: date
    densities: pl.DataFrame
    pooled_pace: Pace | None


def _of_month_end(
    end: _MonthEnd, names: Sequence[str], market: Market | None, draws: int, seed: int
) -> pl.DataFrame:
    """The forecasts made at one month end, by density series and then by level of price."""
    of_density = (density_vintage(end.densities, name, end.day, end.pooled_pace) for name in names)
    of_prices = price_vintages(market, end.day) if market else []
    rows = [
        row
        for vintage in (*of_density, *of_prices)
        if vintage is not None
        for row in _rows(vintage, draws, seed)
    ]
    if not rows:
        return FORECASTS.empty()
    made = pl.DataFrame(rows, infer_schema_length=None)
    return FORECASTS.cast(made.with_columns(origin=pl.lit("backtest")))


def _published(rebuilt: pl.DataFrame, previous: pl.DataFrame | None, as_of: date) -> pl.DataFrame:
    """The permanent forecasts: those published before, and those of the newest vintage."""
    kept = FORECASTS.empty()
    needed = set(FORECASTS.names) - FORECASTS.nullable
    if previous is not None and needed <= set(previous.columns):
        known = [name for name in FORECASTS.names if name in previous.columns]
        kept = FORECASTS.cast(previous.select(known).filter(pl.col("origin") == "published"))
    new = rebuilt.filter(
        pl.col("made_on").is_in(month_ends(as_of)[-1:]), pl.col("verdict") == "ok"
    ).with_columns(origin=pl.lit("published"), first_published=pl.lit(as_of))
    return pl.concat([kept, new.join(kept, on=KEY, how="anti")])


def _rows(vintage: Vintage, draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """Every method and horizon at one vintage."""
    dates = [months_later(vintage.month_end, months) for months in HORIZONS]
    ahead = np.array([(day - vintage.month_end).days for day in dates], dtype=np.float64)
    for name, method in METHODS[vintage.target].items():
        key = f"{vintage.target} {vintage.name} {vintage.month_end} {name}"
        rng = stream(seed, key)
        for months, target_date, row in zip(
            HORIZONS, dates, _method_rows(vintage, method, ahead, draws, rng), strict=True
        ):
            yield row | {
                "target": vintage.target,
                "series": vintage.name,
                "made_on": vintage.month_end,
                "horizon_months": months,
                "target_date": target_date,
                "method": name,
                "seed": seed,
            }


def _method_rows(
    vintage: Vintage, method: Method, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Quantiles of one method at every horizon, or why there are none."""
    age, span = vintage.today - vintage.newest, vintage.today - float(vintage.days[0])
    if age > WATCHED_DAYS:
        return [_insufficient(f"nothing new has been seen for {age:.0f} days")] * ahead.size
    try:
        progress = method(vintage, ahead, draws, rng)
    except NoForecastError as error:
        return [_insufficient(str(error))] * ahead.size
    is_claim = len(progress) == 1
    made = {
        "draws": 0 if is_claim else draws,
        "verdict": "ok",
        "reason": "a claim without an interval" if is_claim else "",
        "current": float(vintage.value(float(vintage.progress[-1]))),
    }
    quantiles = np.quantile(progress, LEVELS, axis=0)
    reaches, spans = quantiles[-1] - vintage.progress[-1], quantiles[-1] - quantiles[0]
    # A price falls as progress rises, so the order of its quantiles is reversed.
    with np.errstate(over="ignore"):
        values = np.sort(vintage.value(quantiles), axis=0)
    ordered = np.sort(progress if vintage.target == "density" else -progress, axis=0)
    return [
        _insufficient(lacking)
        if (lacking := _lacking(method, days, span, reach) or _too_wide(width))
        else made
        | dict(zip(FORECAST_QUANTILES, column, strict=True))
        | {"log_draws": None if is_claim else drawn}
        for days, reach, width, column, drawn in zip(
            ahead.tolist(),
            reaches.tolist(),
            spans.tolist(),
            values.T.tolist(),
            ordered.T.tolist(),
            strict=True,
        )
    ]


def _lacking(method: Method, days: float, span: float, reach: float) -> str:
    """Why a forecast so many days ahead is not made; empty if it is.

    Args:
        method: the method.
        days: days ahead.
        span: days since the first record.
        reach: ln of the upper end over the current record.
    """
    if method in EXTRAPOLATING and days > span:
        return f"{days:.0f} days ahead, but the record is {span:.0f} days long"
    if not reach <= np.log(FARTHEST_FOLD):
        return f"it reaches more than {FARTHEST_FOLD:,.0f}-fold beyond the record"
    return ""


def _too_wide(width: float) -> str:
    """Why a forecast whose ends differ by so much in ln says nothing; empty if it does."""
    if width <= np.log(MOST_FOLD):
        return ""
    return f"the ends of its interval are {np.exp(width):,.0f}-fold apart"


def _insufficient(reason: str) -> dict[str, Any]:
    return {"draws": 0, "verdict": "insufficient", "reason": reason}
