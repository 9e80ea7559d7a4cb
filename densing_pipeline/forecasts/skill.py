"""The `forecast_skill` table: how good a method was on the whole, and against the simplest rivals.

Skill is 1 - mean CRPS over the rival's mean CRPS, both over the forecasts that both made: 0 is as good
as the rival, 1 perfect, below 0 worse. Its interval comes from the circular block bootstrap over
vintages (Politis and Romano 1992), blocks as long as the horizon or three months, for forecasts of
neighbouring months share most of their outcome. Few independent outcomes hide behind many rows, and
the intervals say so.

Not here: the scores of single forecasts (`scores`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.forecasts.methods import METHODS
from densing_pipeline.tables.published import FORECAST_SKILL
from densing_pipeline.trends.lines import FloatArray

POOLED = "all"
"""Name of the series that pools all series of a target."""

RIVALS = {"skill_no_change": "no-change", "skill_constant": "paper-constant"}

FEWEST_VINTAGES = 12
"""Vintages behind a verdict of `ok`: a year of them, and at least twice the horizon."""

SHORTEST_BLOCK = 3

_NUMBERS = ("mean_crps", "mean_absolute_log_error", "bias", "coverage",
            *(f"{name}{end}" for name in RIVALS for end in ("", "_low", "_high")))  # fmt: skip


def forecast_skill(
    forecast_scores: pl.DataFrame, *, as_of: date, draws: int, seed: int
) -> pl.DataFrame:
    """Mean scores, coverage and skill of every method, by series and horizon, and pooled.

    Args:
        forecast_scores: a `forecast_scores` frame.
        as_of: last day that is known.
        draws: resamples behind the intervals.
        seed: seed of the resamples.

    Returns:
        A `forecast_skill` frame; with too few vintages the verdict is `insufficient` (means are given,
        intervals are not).
    """
    scored = forecast_scores.filter(pl.col("verdict") == "ok")
    if forecast_scores.is_empty():
        return FORECAST_SKILL.empty()
    pooled = pl.concat([forecast_scores, forecast_scores.with_columns(series=pl.lit(POOLED))])
    rows = []
    for target, series, months in (
        pooled.select("target", "series", "horizon_months").unique().sort(pl.all()).iter_rows()
    ):
        of_series = scored.filter(
            pl.col("target") == target,
            pl.col("horizon_months") == months,
            (pl.col("series") == series) | (series == POOLED),
        )
        for method in METHODS[target]:
            row = _row(of_series, method, months, draws, seed)
            named = {"target": target, "series": series, "horizon_months": months}
            fixed = {"as_of": as_of, "draws": draws, "seed": seed}
            rows.append(row | named | fixed | {"method": method})
    return FORECAST_SKILL.cast(pl.DataFrame(rows, infer_schema_length=None))


def _row(
    of_series: pl.DataFrame, method: str, months: int, draws: int, seed: int
) -> dict[str, Any]:
    """Scores of one method over one series and horizon."""
    own = of_series.filter(pl.col("method") == method)
    vintages = own["made_on"].n_unique()
    if own.is_empty():
        reason = "no forecast of this method has an outcome"
        return dict.fromkeys(_NUMBERS) | {
            "n_forecasts": 0, "verdict": "insufficient", "reason": reason
        }  # fmt: skip
    needed = max(FEWEST_VINTAGES, 2 * months)
    row: dict[str, Any] = {
        "n_forecasts": own.height,
        "mean_crps": own["crps"].mean(),
        "mean_absolute_log_error": own["log_error"].abs().mean(),
        "bias": own["log_error"].mean(),
        "coverage": own["covered"].mean(),
        "verdict": "ok" if vintages >= needed else "insufficient",
        "reason": f"vintages with an outcome: {vintages}"
        + ("" if vintages >= needed else f", needed: {needed}"),
    }
    for name, rival in RIVALS.items():
        row |= dict(_skill(of_series, own, name, rival, months, draws, seed))
    return row


def _skill(
    of_series: pl.DataFrame,
    own: pl.DataFrame,
    name: str,
    rival: str,
    months: int,
    draws: int,
    seed: int,
) -> Iterator[tuple[str, float | None]]:
    """Skill against a rival on the forecasts both made, with its interval."""
    key = ["series", "made_on"]
    paired = own.join(of_series.filter(pl.col("method") == rival), on=key, suffix="_rival")
    sums = paired.group_by("made_on").agg(pl.col("crps", "crps_rival").sum()).sort("made_on")
    ours, theirs = sums["crps"].to_numpy(), sums["crps_rival"].to_numpy()
    if not theirs.size or theirs.sum() == 0:
        yield from ((f"{name}{end}", None) for end in ("", "_low", "_high"))
        return
    yield name, float(1 - ours.sum() / theirs.sum())
    low = high = None
    if own["method"][0] != rival and theirs.size >= max(FEWEST_VINTAGES, 2 * months):
        skills = _resampled(ours, theirs, max(months, SHORTEST_BLOCK), draws, seed)
        low, high = map(float, np.nanquantile(skills, [0.025, 0.975]))
    yield f"{name}_low", low
    yield f"{name}_high", high


def _resampled(
    ours: FloatArray, theirs: FloatArray, block: int, draws: int, seed: int
) -> FloatArray:
    """Skill over resampled blocks of neighbouring vintages, shape (draws,)."""
    n = ours.size
    block = min(block, n)
    starts = np.random.default_rng(seed).integers(0, n, (draws, -(-n // block)))
    rows = ((starts[:, :, None] + np.arange(block)) % n).reshape(draws, -1)[:, :n]
    total = theirs[rows].sum(axis=1)
    return np.asarray(1 - ours[rows].sum(axis=1) / np.where(total > 0, total, np.nan))
