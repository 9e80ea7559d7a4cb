"""The `forecasts` table: every method at every past month end, 1, 3, 6 and 12 months ahead.

Appended, never rewritten: a forecast depends on its vintage alone, so a later night repeats the rows
of all earlier ones and adds its own.

Not here: what a vintage knows (`vintages`), the methods, and how the forecasts did (`scores`).
"""

import zlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.forecasts.methods import METHODS, Method, NoForecastError
from densing_pipeline.forecasts.vintages import (
    WATCHED_DAYS,
    Vintage,
    density_names,
    density_vintage,
    month_ends,
    months_later,
    price_vintages,
)
from densing_pipeline.tables.published import FORECASTS
from densing_pipeline.trends.lines import FloatArray

HORIZONS = (1, 3, 6, 12)
"""Months ahead."""

LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
QUANTILES = (
    "low", "q_10", "q_20", "q_30", "q_40", "median", "q_60", "q_70", "q_80", "q_90", "high",
)  # fmt: skip
"""Columns of the quantiles of a forecast."""

DRAWS = 400
"""Draws of a forecast with an interval; more than are asked for are never made."""


def forecasts(
    densities: pl.DataFrame,
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_scores: pl.DataFrame,
    *,
    as_of: date,
    draws: int,
    seed: int,
) -> pl.DataFrame:
    """Forecasts of the densest model and of the cheapest price of each level, at every month end.

    Args:
        densities: a `densities` frame.
        prices: a `prices` frame.
        model_links: a `model_links` frame.
        capability_levels: a `capability_levels` frame.
        capability_scores: scores of the models sold.
        as_of: last day that is known; the last vintage is the last month end up to it.
        draws: draws behind a forecast; more than 400 count as 400.
        seed: seed of the draws; each forecast has its own stream.

    Returns:
        A `forecasts` frame; a method that a vintage does not carry has verdict `insufficient`.
    """
    draws = min(draws, DRAWS)
    rows: list[dict[str, Any]] = []
    for month_end in month_ends(as_of):
        found = [density_vintage(densities, name, month_end) for name in density_names(densities)]
        if not (prices.is_empty() or capability_levels.is_empty()):
            found += price_vintages(
                prices, model_links, capability_levels, capability_scores, month_end
            )
        for vintage in found:
            if vintage is not None:
                rows.extend(_rows(vintage, draws, seed))
    if not rows:
        return FORECASTS.empty()
    return FORECASTS.cast(pl.DataFrame(rows, infer_schema_length=None))


def _rows(vintage: Vintage, draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """Every method and horizon at one vintage."""
    dates = [months_later(vintage.month_end, months) for months in HORIZONS]
    ahead = np.array([(day - vintage.month_end).days for day in dates], dtype=np.float64)
    for name, method in METHODS[vintage.target].items():
        key = f"{vintage.target} {vintage.name} {vintage.month_end} {name}"
        stream = np.random.default_rng([seed, zlib.crc32(key.encode())])
        for months, target_date, row in zip(
            HORIZONS, dates, _method_rows(vintage, method, ahead, draws, stream), strict=True
        ):
            yield row | {
                "target": vintage.target,
                "series": vintage.name,
                "made_on": vintage.month_end,
                "horizon_months": months,
                "target_date": target_date,
                "method": name,
                "current": float(vintage.value(float(vintage.progress[-1]))),
                "seed": seed,
            }


def _method_rows(
    vintage: Vintage, method: Method, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Quantiles of one method at every horizon, or why there are none."""
    nothing = dict.fromkeys(QUANTILES) | {"draws": 0, "verdict": "insufficient"}
    age = vintage.today - vintage.newest
    if age > WATCHED_DAYS:
        return [nothing | {"reason": f"nothing new has been seen for {age:.0f} days"}] * ahead.size
    try:
        progress = method(vintage, ahead, draws, rng)
    except NoForecastError as error:
        return [nothing | {"reason": str(error)}] * ahead.size
    is_claim = len(progress) == 1
    made = {
        "draws": 0 if is_claim else draws,
        "verdict": "ok",
        "reason": "a claim without an interval" if is_claim else "",
    }
    # A price falls as progress rises, so its quantiles come out in reverse.
    values = np.sort(vintage.value(np.quantile(progress, LEVELS, axis=0)), axis=0)
    return [made | dict(zip(QUANTILES, column, strict=True)) for column in values.T.tolist()]
