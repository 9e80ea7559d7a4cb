"""Charts of models: the smallest that reaches a level, and what compression does to density."""

from collections.abc import Mapping

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES
from densing_pipeline.publication.charts.style import (
    BEFORE_COMMA,
    BLUE,
    FOCUS,
    GREEN,
    HEIGHT,
    MUTED,
    NARROW,
    ORANGE,
    SERIES,
    Control,
    Figure,
    doubling_axis,
    labels_apart,
    named_rows,
    nothing,
    powers_of_two,
    ring,
    rows_of,
    year_axis,
)
from densing_pipeline.publication.wording import counted, percent

Tables = Mapping[str, pl.DataFrame]

SCORE_LEVELS = (0.5, 0.6, 0.7, 0.8)
"""Scores on MMLU whose smallest model is followed."""

NAME_ROOM = 1.4
"""Ratio of densities over which the name of a method extends."""

METHODS = {"pruned": "pruned", "distilled": "distilled", "quantised": "quantised"}


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
    parts = []
    for level in SCORE_LEVELS:
        reached = open_models.filter(pl.col("score") >= level).sort(
            "release_date", "params", "model_id"
        )
        least = pl.col("params").cum_min().over("params_basis")
        before = least.shift(1).over("params_basis")
        parts.append(
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
    rows = pl.concat(parts).sort("params_basis", "level", "day")
    if rows.is_empty():
        return nothing(name, title, f"No open model scores {percent(SCORE_LEVELS[0])} on MMLU.")
    end = open_models["release_date"].max()
    last = rows.group_by("params_basis", "level", maintain_order=True).last()
    last = last.select(rows.columns).with_columns(day=pl.lit(end))
    steps = pl.concat([rows, last]).sort("params_basis", "level", "day")
    control = Control("basis", "params_basis", "Count", tuple(CURRENT_BASES.items()))
    ticks = powers_of_two(*np.quantile(rows["billions"].to_numpy(), (0, 1)))
    words = pl.col("level") + ": " + pl.col("model")
    ends = labels_apart(last.with_columns(text=words), "billions", "params_basis", ticks)
    levels = sorted(set(rows["level"]))
    scale = alt.Scale(type="log", base=2, domain=[ticks[0], ticks[-1]])
    axis = alt.Axis(title="Billions of parameters", values=ticks, format="~g")
    x = alt.X("day:T", axis=year_axis(), title=None)
    y = alt.Y("billions:Q", scale=scale, axis=axis)
    colour = alt.Color(
        "level:N", legend=None, scale=alt.Scale(domain=levels, range=list(SERIES[: len(levels)]))
    )
    shown = rows_of().transform_filter(control.filter)
    tooltip = [alt.Tooltip("level:N"), alt.Tooltip("model:N"), alt.Tooltip("day:T", format="%d %b %Y"),
               alt.Tooltip("billions:Q"), alt.Tooltip("score:Q")]  # fmt: skip
    chart = alt.layer(
        rows_of("steps").transform_filter(control.filter)
        .mark_line(interpolate="step-after", strokeWidth=2).encode(x=x, y=y, color=colour),
        shown.mark_point(size=30, filled=True, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip),
        rows_of("ends").transform_filter(control.filter)
        .transform_calculate(label="narrow ? slice(datum.level, 5) : datum.text")
        .mark_text(align="left", dx=6, fontWeight=600).encode(x=x, y=y, text="label:N", color=colour),
        ring(shown, x, y),
    ).add_params(control.parameter, NARROW, FOCUS).properties(height=HEIGHT)  # fmt: skip
    now = rows.filter(params_basis="total").group_by("level", maintain_order=True).last()
    best = now.sort("level").row(-1, named=True)
    first = rows.filter(params_basis="total", level=best["level"]).row(0, named=True)
    return Figure(
        name,
        f"{best['level'].replace('MMLU ', '')} on MMLU took {first['billions']:,.3g} billion parameters in "
        f"{first['day']:%B %Y} and takes {best['billions']:,.3g} billion since {best['day']:%B %Y}",
        chart,
        rows,
        {"level": "Level", "day": "Since", "billions": "Billions of parameters", "model": "Smallest open model",
         "score": "Score"},
        "Smallest open model by level: "
        + "; ".join(f"{row['level']}: {row['model']}, {row['billions']:g} billion" for row in now.to_dicts())
        + ".",
        (control,),
        {"steps": steps, "ends": ends},
        basis="base models with open weights and a score in the paper's protocol",
    )  # fmt: skip


def compression(tables: Tables) -> Figure:
    """Density of pruned, distilled and quantised models over that of their originals, with interval."""
    name, title = "compression", "What pruning, distillation and quantisation do"
    found = tables["compression"].filter(
        pl.col("reference_id") == CURRENT[0],
        pl.col("score_set").is_in(["mmlu", "nmi-2025-average"]),
        pl.col("params_basis").is_in(["total", "inference_time"]),
        pl.col("method").is_in(list(METHODS)),
        pl.col("log_ratio").is_not_null(),
    )
    # The paper's rows and the Hub's are of the same models.
    one_name = dict(
        tables["models"].drop_nulls("canonical_id").select("model_id", "canonical_id").iter_rows()
    )
    found = found.with_columns(pl.col("parent_id", "child_id").replace(one_name))
    # One row a pair: the paper's average where there is one, else MMLU.
    rows = (
        found.sort("score_set", "params_basis", descending=[True, True])
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
    if rows.is_empty():
        return nothing(name, title, "The release compares no model with its original.")
    ends = [*rows["low"].drop_nulls(), *rows["high"].drop_nulls(), 1.0]
    ticks = powers_of_two(min(ends), max(ends))
    y = named_rows("pair", BEFORE_COMMA)
    scale = alt.Scale(type="log", base=2, domain=[ticks[0], ticks[-1]])
    axis = doubling_axis("density over the original's", ticks, grid=True)
    x = alt.X("low:Q", scale=scale, axis=axis)
    domain = list(METHODS)
    colour = alt.Color(
        "method:N", scale=alt.Scale(domain=domain, range=[BLUE, GREEN, ORANGE]), legend=None
    )
    end = pl.max_horizontal("high", "ratio")
    names = (
        rows.select("pair", "method", end=end)
        # A name that would lie on the line of no difference stands at another bar of its method, if one has room.
        .sort((pl.col("end") < 1) & (pl.col("end") > 1 / NAME_ROOM), maintain_order=True)
        .unique("method", keep="first", maintain_order=True)
    )
    tooltip = [
        alt.Tooltip("pair:N"),
        alt.Tooltip("method:N"),
        alt.Tooltip("ratio:Q"),
        alt.Tooltip("low:Q"),
        alt.Tooltip("high:Q"),
        alt.Tooltip("finding:N"),
    ]
    base = rows_of()
    chart = alt.layer(
        base.mark_bar(height=4, cornerRadius=2, opacity=0.5).encode(y=y, x=x, x2="high:Q", color=colour, tooltip=tooltip),
        base.mark_point(size=55, filled=True, opacity=1).encode(y=y, x="ratio:Q", color=colour, tooltip=tooltip),
        ring(base, alt.X("ratio:Q"), y),
        rows_of("marks").mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x="at:Q"),
        rows_of("names").mark_text(align="left", dx=6, fontSize=11, fontWeight=600)
        .encode(y=y, x="end:Q", text="method:N", color=colour),
    ).add_params(NARROW, FOCUS).properties(height=22 * rows.height)  # fmt: skip
    denser = rows.filter(pl.col("low") > 1).height
    less = rows.filter(pl.col("high") < 1).height
    said = (
        f"Of {counted(rows.height, 'compressed model')}, {less} {'is' if less == 1 else 'are'} less dense "
        f"than the original and {denser} denser; the others cannot be told apart"
    )
    return Figure(
        name,
        said,
        chart,
        rows,
        {"pair": "Model and original", "method": "Made by", "ratio": "Density over the original's",
         "low": "95 % from", "high": "to", "finding": "Finding"},
        f"{said}.",
        more={"marks": pl.DataFrame({"at": [1.0]}), "names": names},
        basis="left of the line: less capability per parameter than the original",
    )  # fmt: skip
