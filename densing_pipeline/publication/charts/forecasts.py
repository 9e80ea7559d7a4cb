"""Charts of forecasts: what was expected, and what came."""

from collections.abc import Mapping

import altair as alt
import polars as pl

from densing_pipeline.headline import HEADLINE
from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    GREEN,
    INK,
    NARROW,
    ORANGE,
    Figure,
    doubling_axis,
    nothing,
    powers_of_two,
    ring,
    rows_of,
    year_axis,
)
from densing_pipeline.publication.wording import counted

Tables = Mapping[str, pl.DataFrame]

METHODS = {
    "trend": "our trend",
    "paper-constant": "the paper's constant",
    "no-change": "no change",
}
"""Methods of `forecasts` in words."""

MONTHS_AHEAD = 6
"""Months from a forecast to the day it is for."""


def forecasts(tables: Tables) -> Figure:
    """Density of the densest model as forecast `MONTHS_AHEAD` before, with what came."""
    name, title = "forecasts", "What was expected, and what came"
    key = ["target", "series", "made_on", "horizon_months", "method", "origin"]
    made = tables["forecasts"].filter(
        pl.col("series") == "/".join(HEADLINE[:3]),
        pl.col("horizon_months") == MONTHS_AHEAD,
        pl.col("origin") == "backtest",
        pl.col("verdict") == "ok",
        pl.col("method").is_in(list(METHODS)),
    )
    if made.is_empty():
        return nothing(name, title, "No forecast can be made of the headline series.")
    outcomes = tables["forecast_scores"].select(*key, "outcome", "covered")
    rows = (
        made.join(outcomes, on=key, how="left")
        .select(
            method=pl.col("method").replace_strict(METHODS),
            made_on="made_on",
            day="target_date",
            median=pl.col("median").round_sig_figs(3),
            low=pl.col("low").round_sig_figs(3),
            high=pl.col("high").round_sig_figs(3),
            outcome=pl.col("outcome").round_sig_figs(3),
            covered=pl.col("covered"),
        )
        .sort("method", "day")
    )
    trend = rows.filter(method=METHODS["trend"])
    ends = [
        value
        for column in ("median", "outcome")
        for value in rows[column].drop_nulls()
        if value > 0
    ]
    ticks = powers_of_two(min(ends), max(ends) * 2)
    scale = alt.Scale(type="log", base=2, domain=[ticks[0], ticks[-1]])
    x = alt.X("day:T", axis=year_axis(), title=None)
    y = alt.Y(
        "median:Q", scale=scale, axis=doubling_axis("Density of the densest model so far", ticks)
    )
    domain = list(METHODS.values())
    colour = alt.Color(
        "method:N",
        title=None,
        scale=alt.Scale(domain=domain, range=[BLUE, ORANGE, GREEN]),
        legend=alt.Legend(orient="bottom"),
    )
    tooltip = [
        alt.Tooltip("method:N"),
        alt.Tooltip("made_on:T", format="%d %b %Y"),
        alt.Tooltip("day:T", title="for", format="%d %b %Y"),
        alt.Tooltip("median:Q"),
        alt.Tooltip("low:Q"),
        alt.Tooltip("high:Q"),
        alt.Tooltip("outcome:Q", title="came"),
    ]
    base = rows_of()
    of_trend = base.transform_filter(f"datum.method == {METHODS['trend']!r}")
    chart = alt.layer(
        of_trend.mark_area(opacity=0.15, color=BLUE, clip=True).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_line(strokeWidth=2, clip=True).encode(x=x, y=y, color=colour),
        of_trend.transform_filter("isValid(datum.outcome)").mark_point(size=45, filled=True, color=INK, opacity=1)
        .encode(x=x, y=alt.Y("outcome:Q", scale=scale), tooltip=tooltip),
        ring(base, x, y),
    ).add_params(NARROW, FOCUS).properties(height=340)  # fmt: skip
    judged = trend.drop_nulls("covered")
    inside = int(judged["covered"].sum())
    said = (
        f"{inside} of {counted(judged.height, 'forecast')} made {MONTHS_AHEAD} months before held what came in "
        "their 95 % interval"
        if judged.height
        else "No forecast of the headline series has come due"
    )
    return Figure(
        name,
        said,
        chart,
        rows,
        {"method": "Method", "made_on": "Made on", "day": "For", "median": "Median", "low": "95 % from",
         "high": "to", "outcome": "Came"},
        f"{said}.",
        basis="the paper's models; dots: what came; each forecast uses only what was known when it was made",
    )  # fmt: skip
