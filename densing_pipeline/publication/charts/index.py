"""The chart of the price index: what tokens of all models cost at equal quality, by month."""

import altair as alt
import polars as pl

from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    NARROW,
    Figure,
    decades,
    nothing,
    ring,
    rows_of,
    year_axis,
)
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.schemas import Tables


def index(tables: Tables) -> Figure:
    """Price of all models at equal quality by month, with its interval."""
    name, title = "index", "The price of all models at equal quality"
    rows = (
        tables["price_index"]
        .filter(pl.col("blend_input_share") == HEADLINE_BLEND, pl.col("verdict") == "ok")
        .sort("month")
        .select(
            "month",
            pl.col("index", "low", "high").round_sig_figs(3),
            n="n_offers",
            models="n_models",
        )
    )
    if rows.is_empty():
        return nothing(
            name, title, "Too few models have a score and a price in every month for an index."
        )
    ticks = decades(rows["low"].min(), rows["high"].max())  # type: ignore[arg-type]
    x = alt.X("month:T", axis=year_axis(), title=None)
    scale = alt.Scale(type="log", domain=[ticks[0], ticks[-1]])
    axis = alt.Axis(title="Index, first month 100", values=ticks, format="~g")
    tooltip = [alt.Tooltip("month:T", format="%B %Y"), alt.Tooltip("index:Q"), alt.Tooltip("low:Q"),
               alt.Tooltip("high:Q"), alt.Tooltip("n:Q", title="offers")]  # fmt: skip
    base = rows_of()
    chart = alt.layer(
        base.mark_area(opacity=0.2, color=BLUE).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_line(color=BLUE, strokeWidth=2, point={"size": 20, "color": BLUE}).encode(
            x=x, y=alt.Y("index:Q", scale=scale, axis=axis), tooltip=tooltip
        ),
        ring(base, x, alt.Y("index:Q", scale=scale)),
    ).add_params(NARROW, FOCUS).properties(height=300)  # fmt: skip
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    fold = first["index"] / last["index"]
    said = (
        f"At equal quality, tokens cost 1/{fold:.2g} of what they did in {first['month']:%B %Y}"
        if fold >= 1.5
        else "At equal quality, the price of all models has not fallen by half"
    )
    return Figure(
        name,
        said,
        chart,
        rows,
        {"month": "Month", "index": "Index", "low": "95 % from", "high": "to", "n": "Offers",
         "models": "Models"},
        f"{said}: index {last['index']} ({last['low']} to {last['high']}) in {last['month']:%Y-%m}.",
        basis=f"hedonic index; {counted(last['n'], 'offer')} in {last['month']:%B %Y}",
    )  # fmt: skip
