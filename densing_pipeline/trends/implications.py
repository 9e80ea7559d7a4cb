"""The `implications` table: what follows from the trend, in quantities people plan with.

Every number carries the formula it follows by and an interval from the resamples behind the headline.

Not here: the trend (`densing_law`), and forecasts that are scored (`forecasts`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.laws import laws_of
from densing_pipeline.density.score_sets import SCORE_SETS
from densing_pipeline.density.variants import score_errors
from densing_pipeline.tables.published import IMPLICATIONS
from densing_pipeline.trends.bootstrap import (
    cluster_weights,
    clustered_interval,
    percentile_interval,
)
from densing_pipeline.trends.densing_law import HEADLINE
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.lines import FloatArray, Lines
from densing_pipeline.trends.series import Series, missing, series_of
from densing_pipeline.trends.windows import DAY_ZERO, days_since_zero

HARDWARE_DOUBLING_DAYS = 2.1 * 365.25
"""Doubling time of FLOPS per dollar of machine-learning GPUs, 2.1 years (767 days): the figure the
paper uses (Hobbhahn, Heumos and Besiroglu 2023, Trends in machine learning hardware, Epoch AI)."""

PAPER_DOUBLING_DAYS = 99.0
"""Doubling time of density that the paper combines with it."""

YEAR = 365.25
SCORES = (0.4, 0.5, 0.6, 0.7)
"""Scores whose smallest model is projected."""

LONGEST_DAYS = 365
"""How far beyond the newest model a size is projected."""

BLEND = 0.75
Z_95 = 1.959963984540054


def implications(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    reference_laws: pl.DataFrame,
    price_frontier: pl.DataFrame,
    *,
    as_of: date,
    draws: int,
    seed: int,
) -> pl.DataFrame:
    """What the headline trend implies.

    - `density_x_hardware`: doubling time of capability per dollar of compute; rates add.
    - `cost_fold_per_year`: how much cheaper a token of fixed capability gets in a year.
    - `smallest_params`: parameters of the smallest model that reaches a score on a day.
    - `projected_price`: the cheapest price of a level in a year, if it follows density x hardware.
    - `compression_ratio`: density of a compressed model over that of its original.

    Args:
        densities: a `densities` frame.
        models: a `models` frame, for the originals of compressed models.
        reference_laws: a `reference_laws` frame.
        price_frontier: a `price_frontier` frame.
        as_of: last release day that counts, and the day of the prices.
        draws: resamples behind the intervals; with the seed those of the headline.
        seed: seed of the resamples.

    Returns:
        An `implications` frame; what the data do not carry has verdict `insufficient` and a reason.
    """
    series = series_of(densities, (HEADLINE[0], HEADLINE[1], HEADLINE[2]), as_of)
    rows = [
        *_rates(series, draws, seed),
        *_sizes(series, reference_laws, draws, seed),
        *_prices(series, price_frontier, as_of, draws, seed),
        *_compression(densities, models),
    ]
    fixed = {"as_of": as_of, "seed": seed}
    return IMPLICATIONS.cast(pl.DataFrame([row | fixed for row in rows], infer_schema_length=None))


def combined_doubling_days(density_days: float, hardware_days: float) -> float:
    """Doubling time of two exponential trends together: 1 / (1 / T1 + 1 / T2)."""
    return 1 / (1 / density_days + 1 / hardware_days)


def _drawn(series: Series, estimator: str, draws: int, seed: int) -> tuple[Lines, Lines] | None:
    """The line of an estimator and its resamples; None if the series carries none."""
    if missing(series):
        return None
    lines = TREND_ESTIMATORS[estimator].lines
    weights = cluster_weights(series.families, draws, seed)
    once = lines(series.days, series.values, np.ones((1, series.days.size)), ALWAYS)[0]
    resampled = lines(series.days, series.values, weights, ALWAYS)[0]
    if not np.isfinite(once.slope[0]) or percentile_interval(resampled.slope) is None:
        return None
    return once, resampled


def _rates(series: Series, draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """Density x hardware, and the yearly fall of inference cost."""
    hardware, families = np.log(2) / HARDWARE_DOUBLING_DAYS, len(set(series.families))
    formula = "1 / (1 / T + 1 / 767 days); FLOPS per dollar double every 2.1 years"
    yield {
        "name": "density_x_hardware",
        "subject": "paper: T = 99 days",
        "value": combined_doubling_days(PAPER_DOUBLING_DAYS, HARDWARE_DOUBLING_DAYS),
        "unit": "days to double", "inputs": formula, "verdict": "ok", "draws": 0,
        "reason": "the paper prints 88 days; it states no interval",
    }  # fmt: skip
    for estimator in (HEADLINE[4], "paper"):
        found = _drawn(series, estimator, draws, seed)
        subject = f"estimator {estimator}"
        for quantity, added, unit, conversion in (
            ("density_x_hardware", hardware, "days to double", formula),
            ("cost_fold_per_year", 0.0, "fold per year",
             "2 ** (365.25 / T): a token costs 2 N operations, density alone"),
            ("cost_fold_per_year", hardware, "fold per year",
             "2 ** (365.25 (1 / T + 1 / 767)): a token costs 2 N operations, density x hardware"),
        ):  # fmt: skip
            named = subject + (", density alone" if not added else "")
            row = {"name": quantity, "subject": named, "unit": unit,
                   "inputs": conversion, "draws": draws}  # fmt: skip
            if found is None:
                yield row | _insufficient(missing(series) or "the series carries no trend")
            elif quantity == "density_x_hardware":
                yield row | _doubling(found[0].slope + added, found[1].slope + added, families)
            else:
                fold = [np.exp((line.slope + added) * YEAR) for line in found]
                yield row | _estimate(float(fold[0][0]), fold[1], families)


def _sizes(
    series: Series, reference_laws: pl.DataFrame, draws: int, seed: int
) -> Iterator[dict[str, Any]]:
    """The smallest model that reaches a score, at the newest model's day and a year on."""
    law = laws_of(reference_laws).get((HEADLINE[0], SCORE_SETS[HEADLINE[1]]))
    found, families = _drawn(series, HEADLINE[4], draws, seed), len(set(series.families))
    newest = DAY_ZERO + timedelta(days=int(series.days.max())) if series.days.size else DAY_ZERO
    for score in SCORES:
        for day in sorted({DAY_ZERO, newest, newest + timedelta(days=LONGEST_DAYS)}):
            row = {
                "name": "smallest_params", "subject": f"score {score} on AVERAGE",
                "at_date": day, "unit": "parameters", "draws": draws,
                "inputs": "N_eff(score) / density(day), both of the headline",
            }  # fmt: skip
            if found is None or law is None:
                yield row | _insufficient(missing(series) or "no reference law or no trend")
                continue
            params, censored = law.effective_params(np.array([score]))
            if censored[0] != "none":
                yield row | _insufficient("the reference law does not invert this score")
                continue
            at = days_since_zero(day)
            point, drawn = (params[0] / np.exp(line.intercept + line.slope * at) for line in found)
            note = "extrapolated a year beyond the newest model" if day > newest else ""
            yield row | _estimate(float(point[0]), drawn, families, note)


def _prices(
    series: Series, price_frontier: pl.DataFrame, as_of: date, draws: int, seed: int
) -> Iterator[dict[str, Any]]:
    """The cheapest price of each level in a year, if it falls as density x hardware rises."""
    found, families = _drawn(series, HEADLINE[4], draws, seed), len(set(series.families))
    now = (
        price_frontier.filter(
            pl.col("curve") == "cheapest_now",
            pl.col("blend_input_share") == BLEND,
            pl.col("date") <= as_of,
        )
        .sort("level", "date")
        .group_by("level", maintain_order=True)
        .last()
    )
    for level, price in now.select("level", "usd_per_mtok").iter_rows():
        row = {
            "name": "projected_price", "subject": f"level {level}",
            "at_date": as_of + timedelta(days=365), "unit": "USD per million tokens",
            "inputs": "cheapest price now x 2 ** (-365 (1 / T + 1 / 767)), T of the headline",
            "draws": draws,
        }  # fmt: skip
        if price is None or found is None:
            yield row | _insufficient("nothing is on offer" if found else "no trend")
            continue
        hardware = np.log(2) / HARDWARE_DOUBLING_DAYS
        point, drawn = (price * np.exp(-(line.slope + hardware) * 365) for line in found)
        yield row | _estimate(
            float(point[0]),
            drawn,
            families,
            "a projection from the trend of density, not a forecast",
        )


def _compression(densities: pl.DataFrame, models: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Density of a pruned, distilled or quantised model over that of the model it was made from."""
    dense = densities.filter(
        pl.col("reference_id") == HEADLINE[0],
        pl.col("score_set") == HEADLINE[1],
        pl.col("params_basis") == HEADLINE[2],
        pl.col("density").is_not_null(),
    )
    series = dense.select("model_id", "density", error=pl.Series(score_errors(dense)))
    pairs = (
        models.filter(pl.col("relation").is_in(["pruned", "distilled", "quantised"]))
        .select("model_id", "parent_id", "relation")
        .unique()
        .join(series, on="model_id")
        .join(series, left_on="parent_id", right_on="model_id", suffix="_parent")
        .sort("parent_id", "model_id", "relation")
    )
    for pair in pairs.iter_rows(named=True):
        names = [pair[key].removeprefix("nmi-2025/") for key in ("model_id", "parent_id")]
        ratio = pair["density"] / pair["density_parent"]
        error = float(np.hypot(pair["error"], pair["error_parent"]))
        yield {
            "name": "compression_ratio",
            "subject": f"{names[0]} / {names[1]} ({pair['relation']})",
            "value": ratio,
            "low": ratio * np.exp(-Z_95 * error) if error else None,
            "high": ratio * np.exp(Z_95 * error) if error else None,
            "unit": "1",
            "inputs": "density / density of the original; errors of the two scores",
            "verdict": "ok",
            "reason": "denser" if ratio > 1 else "less dense",
            "draws": 0,
        }


def _doubling(slope: FloatArray, drawn: FloatArray, families: int) -> dict[str, Any]:
    """A doubling time and its interval, by inverting the slope's."""
    interval = clustered_interval(drawn, families)
    if interval is None or slope[0] <= 0:
        return _insufficient("the trend does not rise")
    low, high = interval
    return {
        "value": float(np.log(2) / slope[0]),
        "low": float(np.log(2) / high),
        "high": float(np.log(2) / low) if low > 0 else None,
        "verdict": "ok",
        "reason": "" if low > 0 else "open above: the rate may be zero",
    }


def _estimate(value: float, drawn: FloatArray, families: int, reason: str = "") -> dict[str, Any]:
    """A positive quantity; its interval is that of its logarithm, as wide as the headline's."""
    interval = clustered_interval(np.log(drawn), families)
    if interval is None:
        return _insufficient("too many resamples carry no line")
    low, high = (float(end) for end in np.exp(interval))
    return {"value": value, "low": low, "high": high, "verdict": "ok", "reason": reason}


def _insufficient(reason: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "verdict": "insufficient", "reason": reason}
