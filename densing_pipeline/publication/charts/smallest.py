"""The chart of the smallest open model so far that reaches a score on MMLU."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES
from densing_pipeline.publication.charts.style import (
    FOCUS,
    HEIGHT,
    NARROW,
    SERIES,
    Control,
    Figure,
    labels_apart,
    nothing,
    powers_of_two,
    ring,
    rows_of,
    year_axis,
)
from densing_pipeline.publication.wording import percent
from densing_pipeline.tables.schemas import Tables

SCORE_LEVELS = (0.5, 0.6, 0.7, 0.8)
"""Scores on MMLU whose smallest model is followed."""


def smallest(tables: Tables) -> Figure:
    """Size of the smallest open model so far that scores at least a level on MMLU, over release date."""
    name, title = "smallest", "The smallest model that reaches a level"
    open_models = tables["densities"].filter(
        pl.col("reference_id") == CURRENT[0],
        pl.col("score_set") == CURRENT[1],
        pl.col("params_basis").is_in(list(CURRENT_BASES)),
        pl.col("weights").ne_missing("not-published"),
        pl.col("score").is_not_null(),
    )
    each = [_record_setters(open_models, level) for level in SCORE_LEVELS]
    rows = pl.concat(each).sort("params_basis", "level", "day")
    if rows.is_empty():
        return nothing(name, title, f"No open model scores {percent(SCORE_LEVELS[0])} on MMLU.")
    last = rows.group_by("params_basis", "level", maintain_order=True).last().select(rows.columns)
    last = last.with_columns(day=pl.lit(open_models["release_date"].max()))
    steps = pl.concat([rows, last]).sort("params_basis", "level", "day")
    control = Control("basis", "params_basis", "Count", tuple(CURRENT_BASES.items()))
    ticks = powers_of_two(*np.quantile(rows["billions"].to_numpy(), (0, 1)))
    names = last.with_columns(text=pl.col("level") + ": " + pl.col("model"))
    now = rows.filter(params_basis="total").group_by("level", maintain_order=True).last()
    best = now.sort("level").row(-1, named=True)
    first = rows.filter(params_basis="total", level=best["level"]).row(0, named=True)
    return Figure(
        name,
        f"{best['level'].replace('MMLU ', '')} on MMLU took {first['billions']:,.3g} billion parameters in "
        f"{first['day']:%B %Y} and takes {best['billions']:,.3g} billion since {best['day']:%B %Y}",
        _drawn(sorted(set(rows["level"])), control, ticks),
        rows,
        {"level": "Level", "day": "Since", "billions": "Billions of parameters", "model": "Smallest open model",
         "score": "Score"},
        "Smallest open model by level: "
        + "; ".join(f"{row['level']}: {row['model']}, {row['billions']:g} billion" for row in now.to_dicts())
        + ".",
        (control,),
        {"steps": steps, "ends": labels_apart(names, "billions", "params_basis", ticks)},
        basis="base models with open weights and a score in the paper's protocol",
    )  # fmt: skip


def _record_setters(open_models: pl.DataFrame, level: float) -> pl.DataFrame:
    """The models that were smaller than every earlier one with such a score, ascending by day; one a day.

    Args:
        open_models: rows of `densities`.
        level: least score.
    """
    reached = open_models.filter(pl.col("score") >= level).sort(
        "release_date", "params", "model_id"
    )
    least = pl.col("params").cum_min().over("params_basis")
    before = least.shift(1).over("params_basis")
    return (
        reached.filter((pl.col("params") == least) & (before.is_null() | (least < before)))
        .unique(["params_basis", "release_date"], keep="last", maintain_order=True)
        .select(
            pl.lit(f"MMLU {percent(level)}").alias("level"),
            "params_basis",
            "model_id",
            day="release_date",
            billions=(pl.col("params") / 1e9).round_sig_figs(3),
            model=pl.col("model_id").str.split("/").list.last(),
            score=pl.col("score").round(3),
        )
    )


def _drawn(levels: Sequence[str], control: Control, ticks: Sequence[float]) -> alt.TopLevelMixin:
    """A curve of steps for each level with its name at the end, of one count of parameters at a time."""
    x = alt.X("day:T", axis=year_axis(), title=None)
    y = alt.Y(
        "billions:Q",
        scale=alt.Scale(type="log", base=2, domain=[ticks[0], ticks[-1]]),
        axis=alt.Axis(title="Billions of parameters", values=ticks, format="~g"),
    )
    colour = alt.Color(
        "level:N",
        legend=None,
        scale=alt.Scale(domain=list(levels), range=list(SERIES[: len(levels)])),
    )
    shown = rows_of().transform_filter(control.filter)
    tooltip = [alt.Tooltip("level:N"), alt.Tooltip("model:N"), alt.Tooltip("day:T", format="%d %b %Y"),
               alt.Tooltip("billions:Q"), alt.Tooltip("score:Q")]  # fmt: skip
    drawn: alt.TopLevelMixin = alt.layer(
        rows_of("steps").transform_filter(control.filter)
        .mark_line(interpolate="step-after", strokeWidth=2).encode(x=x, y=y, color=colour),
        shown.mark_point(size=30, filled=True, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip),
        rows_of("ends").transform_filter(control.filter)
        .transform_calculate(label="narrow ? slice(datum.level, 5) : datum.text")
        .mark_text(align="left", dx=6, fontWeight=600).encode(x=x, y=y, text="label:N", color=colour),
        ring(shown, x, y),
    ).add_params(control.parameter, NARROW, FOCUS).properties(height=HEIGHT)  # fmt: skip
    return drawn
