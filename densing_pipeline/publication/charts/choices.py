"""The chart of choices: how far the trend moves with each of them."""

import math
from collections.abc import Mapping

import altair as alt
import polars as pl

from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    INK,
    MUTED,
    NARROW,
    Figure,
    named_rows,
    nothing,
    ring,
    rows_of,
)
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.dates import DAYS_PER_YEAR
from densing_pipeline.trends.sensitivity import FACTORS

Tables = Mapping[str, pl.DataFrame]


def choices(tables: Tables) -> Figure:
    """Range of the trend under each choice, over all other choices, with the headline."""
    name = "choices"
    ok = tables["sensitivity"].filter(
        pl.col("verdict") == "ok", pl.col("slope_per_day").is_not_null()
    )
    if ok.is_empty():
        return nothing(
            name, "How much hangs on our choices", "No combination of choices carries an estimate."
        )
    yearly = pl.col("slope_per_day") * DAYS_PER_YEAR / math.log(2)
    parts = []
    for factor, columns in FACTORS.items():
        found = (
            ok.group_by(columns)
            .agg(
                low=yearly.quantile(0.05),
                middle=yearly.median(),
                high=yearly.quantile(0.95),
                n=pl.len(),
            )
            .sort(columns, nulls_last=True)
        )
        words = [choice_words(row, columns) for row in found.to_dicts()]
        parts.append(
            found.select("low", "middle", "high", pl.col("n").cast(pl.Int64)).with_columns(
                factor=pl.lit(factor), choice=pl.Series(words, dtype=pl.String)
            )
        )
    rows = pl.concat(parts).with_columns(
        pl.col("low", "middle", "high").round(2),
        label=pl.col("factor") + ": " + pl.col("choice"),
    )
    headline = ok.filter("is_headline").select(at=yearly).head(1)
    y = named_rows("label")
    x = alt.X(
        "low:Q",
        title="doublings a year, middle 90 %",
        axis=alt.Axis(grid=True),
    )
    tooltip = [alt.Tooltip("label:N", title="choice"), alt.Tooltip("low:Q", title="5 %"),
               alt.Tooltip("middle:Q", title="median"), alt.Tooltip("high:Q", title="95 %"),
               alt.Tooltip("n:Q", title="combinations")]  # fmt: skip
    colour = alt.Color("factor:N", sort=None, legend=None, scale=alt.Scale(range=[BLUE, MUTED]))
    base = rows_of()
    chart = alt.layer(
        base.mark_bar(height=5, cornerRadius=2, opacity=0.55).encode(y=y, x=x, x2="high:Q", color=colour, tooltip=tooltip),
        base.mark_point(size=45, filled=True, opacity=1).encode(y=y, x="middle:Q", color=colour, tooltip=tooltip),
        rows_of("headline").mark_rule(color=INK, strokeWidth=1.5).encode(x="at:Q"),
        ring(base, alt.X("middle:Q"), y),
    ).add_params(NARROW, FOCUS).properties(height=17 * rows.height)  # fmt: skip
    span = ok.select(low=yearly.quantile(0.05), high=yearly.quantile(0.95)).row(0)
    return Figure(
        name,
        f"Other defensible choices put the paper's trend between {span[0]:.1f} and {span[1]:.1f} doublings a year",
        chart,
        rows,
        {"factor": "Choice of", "choice": "Choice", "low": "5 %", "middle": "Median", "high": "95 %",
         "n": "Combinations"},
        f"Range of the doublings a year under each choice, over {ok.height:,} combinations of all other "
        f"choices: from {span[0]:.1f} to {span[1]:.1f} in the middle 90 %.",
        more={"headline": headline},
        basis=f"{counted(ok.height, 'combination')}; the line is the headline of the paper's models",
    )  # fmt: skip


def choice_words(row: Mapping[str, object], columns: tuple[str, ...]) -> str:
    """A choice of `sensitivity` in words."""
    if columns == ("reference_tokens",):
        return f"{float(str(row['reference_tokens'])) / 1e12:g}T tokens"
    if columns == ("family_cap",):
        return "none" if row["family_cap"] is None else f"{row['family_cap']} models"
    words = [str(row[column]) for column in columns if row[column] not in ("none", "one-law")]
    return " without ".join(words).replace("without mean-of-laws", "by benchmark")
