"""The chart of compression: what pruning, distillation and quantisation do to the density of a model."""

import altair as alt
import polars as pl

from densing_pipeline.publication.answers import CURRENT
from densing_pipeline.publication.charts.style import (
    BEFORE_COMMA,
    BLUE,
    FOCUS,
    GREEN,
    MUTED,
    NARROW,
    ORANGE,
    Figure,
    doubling_axis,
    named_rows,
    nothing,
    powers_of_two,
    ring,
    rows_of,
)
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.schemas import Tables

METHODS = {"pruned": BLUE, "distilled": GREEN, "quantised": ORANGE}
"""Methods that are shown, each with its colour."""

NAME_ROOM = 1.4
"""Ratio of densities over which the name of a method extends."""


def compression(tables: Tables) -> Figure:
    """Density of pruned, distilled and quantised models over that of their originals, with interval."""
    name, title = "compression", "What pruning, distillation and quantisation do"
    rows = _pairs(tables["compression"], tables["models"])
    if rows.is_empty():
        return nothing(name, title, "The release compares no model with its original.")
    denser = rows.filter(pl.col("low") > 1).height
    less = rows.filter(pl.col("high") < 1).height
    said = (
        f"Of {counted(rows.height, 'compressed model')}, {less} {'is' if less == 1 else 'are'} less dense "
        f"than the original and {denser} denser; the others cannot be told apart"
    )
    return Figure(
        name,
        said,
        _drawn(rows),
        rows,
        {"pair": "Model and original", "method": "Made by", "ratio": "Density over the original's",
         "low": "95 % from", "high": "to", "finding": "Finding"},
        f"{said}.",
        more={"marks": pl.DataFrame({"at": [1.0]}), "names": _named_once(rows)},
        basis="left of the line: less capability per parameter than the original",
    )  # fmt: skip


def _pairs(compressed: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """A row for each model and its original: by the paper's average where there is one, else by MMLU."""
    # The paper's rows and the Hub's are of the same models.
    one_name = dict(
        models.drop_nulls("canonical_id").select("model_id", "canonical_id").iter_rows()
    )
    return (
        compressed.filter(
            pl.col("reference_id") == CURRENT[0],
            pl.col("score_set").is_in(["mmlu", "nmi-2025-average"]),
            pl.col("params_basis").is_in(["total", "inference_time"]),
            pl.col("method").is_in(list(METHODS)),
            pl.col("log_ratio").is_not_null(),
        )
        .with_columns(pl.col("parent_id", "child_id").replace(one_name))
        .sort("score_set", "params_basis", descending=[True, True])
        .unique(["parent_id", "child_id", "method"], keep="first", maintain_order=True)
        .select(
            pair=pl.col("child_id").str.split("/").list.last()
            + ", of "
            + pl.col("parent_id").str.split("/").list.last(),
            method="method",
            ratio=pl.col("log_ratio").exp().round_sig_figs(3),
            low=pl.col("low").exp().round_sig_figs(3),
            high=pl.col("high").exp().round_sig_figs(3),
            finding="finding",
        )
        .sort("method", "ratio", "pair")
    )


def _named_once(rows: pl.DataFrame) -> pl.DataFrame:
    """The name of each method at the end of one of its bars: a legend where readers look.

    A name that would lie on the line of no difference stands at another bar of its method, if one has room.
    """
    return (
        rows.select("pair", "method", end=pl.max_horizontal("high", "ratio"))
        .sort((pl.col("end") < 1) & (pl.col("end") > 1 / NAME_ROOM), maintain_order=True)
        .unique("method", keep="first", maintain_order=True)
    )


def _drawn(rows: pl.DataFrame) -> alt.TopLevelMixin:
    """A bar for each interval with a dot at the ratio, and the line of no difference."""
    ends = [*rows["low"].drop_nulls(), *rows["high"].drop_nulls(), 1.0]
    ticks = powers_of_two(min(ends), max(ends))
    y = named_rows("pair", BEFORE_COMMA)
    scale = alt.Scale(type="log", base=2, domain=[ticks[0], ticks[-1]])
    axis = doubling_axis("density over the original's", ticks, grid=True)
    x = alt.X("low:Q", scale=scale, axis=axis)
    colour = alt.Color(
        "method:N",
        scale=alt.Scale(domain=list(METHODS), range=list(METHODS.values())),
        legend=None,
    )
    tooltip = [alt.Tooltip("pair:N"), alt.Tooltip("method:N"), alt.Tooltip("ratio:Q"), alt.Tooltip("low:Q"),
               alt.Tooltip("high:Q"), alt.Tooltip("finding:N")]  # fmt: skip
    base = rows_of()
    drawn: alt.TopLevelMixin = alt.layer(
        base.mark_bar(height=4, cornerRadius=2, opacity=0.5).encode(y=y, x=x, x2="high:Q", color=colour, tooltip=tooltip),
        base.mark_point(size=55, filled=True, opacity=1).encode(y=y, x="ratio:Q", color=colour, tooltip=tooltip),
        ring(base, alt.X("ratio:Q"), y),
        rows_of("marks").mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x="at:Q"),
        rows_of("names").mark_text(align="left", dx=6, fontSize=11, fontWeight=600)
        .encode(y=y, x="end:Q", text="method:N", color=colour),
    ).add_params(NARROW, FOCUS).properties(height=22 * rows.height)  # fmt: skip
    return drawn
