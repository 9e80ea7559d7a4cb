"""The chart of paces: how fast density grows today by each growth curve, and whether growth has slowed."""

import math

import polars as pl

from densing_pipeline.publication.answers import CURRENT_BASES, PACES
from densing_pipeline.publication.charts.intervals import intervals
from densing_pipeline.publication.charts.style import Figure, nothing
from densing_pipeline.publication.wording import listed
from densing_pipeline.tables.dates import DAYS_PER_YEAR
from densing_pipeline.tables.schemas import Tables

CURVES = {
    "line": "whole history",
    "last-24-months": "last 24 months",
    "saturating": "saturating curve, today",
    "broken-line": "broken line, today",
}
"""Growth curves of `density_paces` in words."""


def paces(tables: Tables) -> Figure:
    """Doublings a year today by each growth curve, by all and by active parameters."""
    name, title = "paces", "Has growth slowed?"
    yearly = DAYS_PER_YEAR / math.log(2)
    known = tables["density_paces"].filter(
        *(pl.col(column) == value for column, value in PACES.items()),
        pl.col("params_basis").is_in(list(CURRENT_BASES)),
        pl.col("verdict") == "ok",
    )
    rows = (
        known.filter(pl.col("growth_curve").is_in(list(CURVES)))
        .select(
            curve=pl.col("growth_curve").replace_strict(CURVES, default=None),
            basis=pl.col("params_basis").replace_strict(CURRENT_BASES, default=None),
            yearly=(pl.col("slope_per_day") * yearly).round(2),
            low=(pl.col("slope_low") * yearly).round(2),
            high=(pl.col("slope_high") * yearly).round(2),
            n="n_models",
        )
        .sort(
            pl.col("curve").replace_strict({w: i for i, w in enumerate(CURVES.values())}), "basis"
        )
    )
    if rows.is_empty():
        return nothing(name, title, "The release has no estimate of the pace on MMLU.")
    lacking = [words for words in CURVES.values() if words not in set(rows["curve"])]
    return intervals(
        name,
        _pace_title(known, title),
        rows,
        "curve",
        "basis",
        {
            "curve": "Curve",
            "basis": "Counting",
            "yearly": "Doublings a year",
            "low": "95 % from",
            "high": "to",
            "n": "Models",
        },
        "doublings a year, with 95 % interval",
        basis=f"density on MMLU; not determined by the data: {listed(lacking)}"
        if lacking
        else "density on MMLU",
    )


def _pace_title(known: pl.DataFrame, title: str) -> str:
    differs = known.filter(pl.col("growth_curve") == "last-24-months")
    slower = differs.filter(pl.col("slope_less_line_high") < 0).height
    faster = differs.filter(pl.col("slope_less_line_low") > 0).height
    if not differs.height:
        return title
    if slower == differs.height:
        return "Growth over the last 24 months is slower than over the whole history"
    if faster == differs.height:
        return "Growth over the last 24 months is faster than over the whole history"
    if slower or faster:
        return "By one count of parameters the last 24 months differ from the whole history"
    return "The last 24 months cannot be told from the whole history"
