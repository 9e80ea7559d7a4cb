"""The chart of causes: which part of each level's fall in price came from new models, new sellers and price changes."""

import math

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.cost.records import UNWATCHED_DAYS
from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.paper import NMI
from densing_pipeline.publication.charts.price import INDEX_PREFIX
from densing_pipeline.publication.charts.style import (
    FOCUS,
    INK,
    MUTED,
    NARROW,
    SERIES,
    Figure,
    named_rows,
    nothing,
    rows_of,
)
from densing_pipeline.publication.charts.unwatched import Step, late_finds
from densing_pipeline.tables.schemas import Tables

CAUSES = {
    "entry_of_models": "new models",
    "entry_of_providers": "new sellers",
    "repricing": "price changes",
    "exit": "withdrawals",
    "undated_log_change": "first looks at a list",
}
"""Columns of `price_decomposition` in words."""


FOUND_LATE = f"of all: found after over {UNWATCHED_DAYS} days without a look"
"""The part of a level's fall of which no more is known than that it happened in an unwatched stretch."""

HATCH_HALVINGS = 0.08
"""Distance between two strokes of the hatching of bars, in halvings."""


def causes(tables: Tables) -> Figure:
    """Which part of each level's fall came from new models, new sellers and price changes."""
    name, title = "causes", "Who makes it cheaper"
    falls = tables["price_decomposition"].filter(
        pl.col("blend_input_share") == HEADLINE_BLEND,
        pl.col("period") == "all",
        pl.col("level") != NMI,
        pl.col("n_changes") > 0,
        ~pl.col("level").str.starts_with(INDEX_PREFIX),
    )
    if falls.is_empty():
        return nothing(name, title, "No level's price has changed.")
    rows = falls.unpivot(on=list(CAUSES), index="level", variable_name="cause").select(
        "level",
        words=pl.col("cause").replace_strict(CAUSES),
        halvings=(-pl.col("value") / math.log(2)).round(2),
        place=pl.col("cause").replace_strict({cause: i for i, cause in enumerate(CAUSES)}),
    )
    late = _found_late(tables["price_frontier"], falls["level"])
    rows = pl.concat([rows, late]).filter(pl.col("halvings") != 0).sort("level", "place")
    strokes = pl.DataFrame(
        [
            {"level": level, "at": step * HATCH_HALVINGS}
            for level, halvings in late.select("level", "halvings").iter_rows()
            for step in range(1, int(halvings / HATCH_HALVINGS) + 1)
        ],
        schema={"level": pl.String, "at": pl.Float64},
    )
    entry = falls.select(pl.col("entry_of_models") + pl.col("entry_of_providers")).to_series().sum()
    said = (
        "New models and sellers, not price cuts, bring most of the fall"
        if entry < falls["repricing"].sum()
        else "Price cuts bring more of the fall than new models"
    )
    domain = list(CAUSES.values())
    y = named_rows("level")
    tooltip = [
        alt.Tooltip("level:N"),
        alt.Tooltip("words:N", title="cause"),
        alt.Tooltip("halvings:Q"),
    ]
    title_x = "halvings of the price since the first, negative where it rose"
    x = alt.X("halvings:Q", title=title_x, axis=alt.Axis(grid=True, tickMinStep=1))
    shades = alt.Scale(domain=domain, range=[*SERIES[: len(domain) - 1], MUTED])
    chart = alt.layer(
        rows_of().transform_filter(f"datum.place < {len(CAUSES)}").mark_bar(height=15, yOffset=-4).encode(
            y=y, x=x, order="place:Q", tooltip=tooltip,
            color=alt.Color("words:N", title=None, scale=shades, legend=alt.Legend(orient="top")),
        ),
        rows_of("strokes").mark_point(shape="M-1,1L1,-1", size=26, strokeWidth=1, color=INK, opacity=0.8, yOffset=9)
        .encode(y=y, x="at:Q"),
    ).add_params(NARROW, FOCUS).properties(height=36 * falls.height)  # fmt: skip
    found = [f"{row['level']}, {row['words']}: {row['halvings']}" for row in rows.to_dicts()]
    return Figure(
        name,
        said,
        chart,
        rows,
        {"level": "As capable as", "words": "Cause", "halvings": "Halvings"},
        f"{said}. Halvings by level and cause: {'; '.join(found)}.",
        more={"strokes": strokes},
        basis="of the price on offer, over each level's whole history; hatched: the part that was found after over "
        f"{UNWATCHED_DAYS} days in which nobody looked",
    )


def _found_late(frontier: pl.DataFrame, levels: pl.Series) -> pl.DataFrame:
    """The halvings of each level's price on offer that were found late, as rows of the chart of causes."""
    now = frontier.filter(
        pl.col("blend_input_share") == HEADLINE_BLEND, pl.col("curve") == "cheapest_now"
    )
    halvings = []
    for level in levels:
        steps = now.filter(pl.col("level") == level).sort("date")
        steps = steps.select("date", pl.coalesce("date_earliest", "date"), "usd_per_mtok")
        late = late_finds([Step(*step) for step in steps.iter_rows()])
        halvings.append(np.sum([math.log2(one.before / one.usd) for one in late if one.before]))
    made = {"level": levels, "words": FOUND_LATE, "halvings": pl.Series(halvings, dtype=pl.Float64)}
    place = pl.lit(len(CAUSES), pl.Int64)
    return pl.DataFrame(made).with_columns(pl.col("halvings").round(2), place=place)
