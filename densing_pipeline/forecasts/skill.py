"""The `forecast_skill` table: mean scores of each method, and its skill relative to simple rivals.

Skill is 1 - mean CRPS over the rival's mean CRPS, both over the forecasts that the method and all rivals
made, the same for every rival of a row: 0 is as good
as the rival, 1 perfect, below 0 worse. Its interval comes from the circular block bootstrap over
vintages (Politis and Romano 1992), with blocks as long as the horizon or three months, because
forecasts of neighbouring months share most of their outcome. So the intervals reflect that many
rows contain few independent outcomes.

Not here: the scores of single forecasts (`scores`).
"""

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.forecasts.methods import METHODS
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.tables.published import FORECAST_SKILL
from densing_pipeline.tables.width import MOST_FOLD

POOLED = "all"
"""Name of the series that pools all series of a target."""

RIVALS = {
    "skill_no_change": "no-change",
    "skill_constant": "paper-constant",
    "skill_last_12_months": "last-12-months",
}

FEWEST_VINTAGES = 12
"""Fewest vintages for a verdict of `ok`: a year, and at least twice the horizon."""

SHORTEST_BLOCK = 3

WORST_SKILL = 1.0 - MOST_FOLD
"""Skill below which none is told: the errors are over `MOST_FOLD` times the rival's, who hardly errs where next to
nothing happens."""


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
        A `forecast_skill` frame; with too few vintages the verdict is `insufficient` without
        numbers. Published and rebuilt forecasts have separate rows (`origin`).
    """
    scored = forecast_scores.filter(pl.col("verdict") == "ok")
    if forecast_scores.is_empty():
        return FORECAST_SKILL.empty()
    pooled = pl.concat([forecast_scores, forecast_scores.with_columns(series=pl.lit(POOLED))])
    rows = []
    groups = pooled.select("target", "series", "horizon_months", "origin").unique().sort(pl.all())
    for target, series, months, origin in groups.iter_rows():
        of_series = scored.filter(
            pl.col("target") == target,
            pl.col("horizon_months") == months,
            pl.col("origin") == origin,
            (pl.col("series") == series) | (series == POOLED),
        )
        for method in METHODS[target]:
            named = {"target": target, "series": series, "horizon_months": months,
                     "origin": origin, "method": method}  # fmt: skip
            fixed = {"as_of": as_of, "draws": draws, "seed": seed}
            rows.append(_row(of_series, method, months, draws, seed) | named | fixed)
    return FORECAST_SKILL.cast(pl.DataFrame(rows, infer_schema_length=None))


def _row(
    of_series: pl.DataFrame, method: str, months: int, draws: int, seed: int
) -> dict[str, Any]:
    """Scores of one method over one series and horizon."""
    own = of_series.filter(pl.col("method") == method)
    vintages = own["made_on"].n_unique()
    needed = vintages_needed(months)
    counted = {"n_forecasts": own.height, "reason": f"vintages with an outcome: {vintages}"}
    if vintages < needed:
        reason = f"{counted['reason']}, needed: {needed}"
        return counted | {"verdict": "insufficient", "reason": reason}
    row: dict[str, Any] = counted | {
        "mean_crps": own["crps"].mean(),
        "mean_absolute_log_error": own["log_error"].abs().mean(),
        "bias": own["log_error"].mean(),
        "coverage": own["covered"].mean(),
        "verdict": "ok",
    }
    common = _common(of_series, own, needed)
    for name, rival in RIVALS.items():
        theirs = of_series.filter(pl.col("method") == rival)
        row |= _skill(common, theirs, name, months, draws, seed)
    return row


def _common(of_series: pl.DataFrame, own: pl.DataFrame, needed: int) -> pl.DataFrame:
    """The forecasts of a method on which its skill over every rival is measured.

    They are those that all rivals made too. A rival with which too few vintages are left takes no part, and the
    row tells no skill over it.
    """
    made = [
        of_series.filter(pl.col("method") == rival).select("series", "made_on")
        for rival in RIVALS.values()
    ]
    for theirs in sorted(made, key=lambda each: -each.height):
        both = own.join(theirs, on=["series", "made_on"], how="semi")
        if both["made_on"].n_unique() >= needed:
            own = both
    return own


def vintages_needed(months: int) -> int:
    """Number of vintages needed for a verdict."""
    return max(FEWEST_VINTAGES, 2 * months)


def _skill(
    own: pl.DataFrame, theirs: pl.DataFrame, name: str, months: int, draws: int, seed: int
) -> dict[str, float | int | None]:
    """Mean CRPS of both methods on their common forecasts, and the skill with its interval."""
    paired = own.join(theirs, on=["series", "made_on"], suffix="_rival")
    suffix = name.removeprefix("skill_")
    if paired.is_empty():
        return {f"n_both_{suffix}": 0}
    sums = paired.group_by("made_on").agg(pl.col("crps", "crps_rival").sum()).sort("made_on")
    ours, rivals = sums["crps"].to_numpy(), sums["crps_rival"].to_numpy()
    row: dict[str, float | int | None] = {
        f"n_both_{suffix}": paired.height,
        f"mean_crps_both_{suffix}": float(ours.sum()) / paired.height,
        f"rival_crps_{suffix}": float(rivals.sum()) / paired.height,
    }
    if rivals.sum() == 0 or rivals.size < vintages_needed(months):
        return row
    skill = float(1 - ours.sum() / rivals.sum())
    if skill < WORST_SKILL:
        return row
    row[name] = skill
    if own["method"][0] != theirs["method"][0]:
        skills = resampled_skill(ours, rivals, max(months, SHORTEST_BLOCK), draws, seed)
        low, high = np.nanquantile(skills, [0.025, 0.975])
        told = None if low < WORST_SKILL else float(low)
        row |= {f"{name}_low": told, f"{name}_high": float(high)}
    return row


def resampled_skill(
    ours: FloatArray, theirs: FloatArray, block: int, draws: int, seed: int
) -> FloatArray:
    """Skill over resampled blocks of neighbouring vintages, shape (draws,)."""
    n = ours.size
    block = min(block, n)
    starts = np.random.default_rng(seed).integers(0, n, (draws, -(-n // block)))
    rows = ((starts[:, :, None] + np.arange(block)) % n).reshape(draws, -1)[:, :n]
    total = theirs[rows].sum(axis=1)
    return np.asarray(1 - ours[rows].sum(axis=1) / np.where(total > 0, total, np.nan))
