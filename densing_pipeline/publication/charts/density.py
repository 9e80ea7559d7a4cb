"""The chart of density: models over time, with the trend line."""

import math
from collections.abc import Mapping

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.paper import NMI_AVERAGE
from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES, current_row
from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    INK,
    MUTED,
    NARROW,
    PAPER,
    Control,
    Figure,
    Search,
    doubling_axis,
    filtered,
    nothing,
    powers_of_two,
    rests_on,
    ring,
    rows_of,
    year_axis,
)
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_MONTH, newest
from densing_pipeline.tables.schemas import Tables

BASES = CURRENT_BASES | {"nonembedding": "parameters outside the embedding"}
"""Counts of parameters in words, the default first."""

SCORES = {
    "mmlu": "MMLU", "average": "average of five", "bbh": "BBH", "math": "MATH",
    "humaneval": "HumanEval", "mbpp": "MBPP", NMI_AVERAGE: "average of the paper's models",
}  # fmt: skip
"""Score sets in words, the default first."""

REFERENCES = {
    CURRENT[0]: "the paper's models", "nmi-2025-refit": "the same, fitted again", "family-qwen2.5": "sizes of Qwen2.5",
    "olmo-ladder": "OLMo models",
}  # fmt: skip
"""Reference laws in words, the default first."""

OF_EVERY_LAW = ("mmlu", "average")
"""Score sets that are shown by every reference law; the others by the default alone."""

SEARCH = Search("find", ("family", "model_id"), "Family or model")
"""What a reader looks for by a part of its name."""

LABEL_DAYS, LABEL_DOUBLINGS = 260, 1.0
"""Record setters closer to a later labelled one than both are not labelled."""

LABEL_SHARE = 0.15
"""Share of the time axis in which names stand to the right of their points."""


def density_today(tables: Tables) -> Figure:
    """Density of every model over its release date, with the trend line and its 95 % band."""
    rows = _points(tables["densities"])
    default = _default(rows)
    if default.is_empty():
        return nothing(
            "density", "Density over release date", "The release has no densities on MMLU."
        )
    controls = _controls(rows)
    as_of = current_row(tables["densing_law"], "total", "all").get("as_of")
    said = rests_on(default.height, newest(default["day"]), as_of)
    title = density_title(tables)
    return Figure(
        "density",
        title,
        _drawn(rows, controls),
        rows,
        {
            "model": "Model", "day": "Released", "billions": "Billions of parameters",
            "score": "Score", "density": "Density", "low": "95 % from", "high": "to",
            "kind": "Score is", "weights": "Weights", "family": "Family",
        },
        f"{counted(default.height, 'model')} by release date and density on MMLU, counting all parameters, "
        f"with the trend line. {title}.",
        controls,
        {"lines": _lines(tables["densing_law"], rows)},
        basis=f"{said}; hollow: reported scores; grey: weights not published",
        search=SEARCH,
    )  # fmt: skip


def _points(densities: pl.DataFrame) -> pl.DataFrame:
    """The models of every choice as the chart shows them, those of one choice by release date."""
    points = densities.filter(
        pl.col("reference_id").is_in(list(REFERENCES)),
        (pl.col("reference_id") == CURRENT[0]) | pl.col("score_set").is_in(OF_EVERY_LAW),
        pl.col("score_set").is_in(list(SCORES)),
        pl.col("params_basis").is_in(list(BASES)),
        pl.col("density") > 0,
    ).sort("reference_id", "score_set", "params_basis", "release_date", "model_id")
    is_closed = pl.col("weights").eq_missing("not-published")
    is_measured = pl.col("score_source_kind").eq_missing("measured")
    rows = points.select(
        "model_id",
        model=pl.col("model_id").str.split("/").list.last(),
        family=pl.col("family").fill_null(""),
        day="release_date",
        reference="reference_id",
        score_set="score_set",
        params_basis="params_basis",
        weights=pl.when(is_closed).then(pl.lit("closed")).otherwise(pl.lit("open")),
        kind=pl.when(is_measured).then(pl.lit("measured")).otherwise(pl.lit("reported")),
        billions=(pl.col("params") / 1e9).round_sig_figs(3),
        score=pl.col("score").round(4),
        density=pl.col("density").round_sig_figs(3),
        low=pl.col("density_low").round_sig_figs(3),
        high=pl.col("density_high").round_sig_figs(3),
        record=pl.col("is_record"),
    )
    # A name to the left of one of the first points would lie on the axis.
    span = pl.col("day").max() - pl.col("day").min()
    return rows.with_columns(
        named=_labelled(rows), is_early=pl.col("day") - pl.col("day").min() < span * LABEL_SHARE
    )


def _controls(rows: pl.DataFrame) -> tuple[Control, ...]:
    """The choices of the reader: those of the line first."""

    def present(words: Mapping[str, str], column: str) -> tuple[tuple[str, str], ...]:
        there = set(rows[column])
        return tuple(option for option in words.items() if option[0] in there)

    weights = {"all": "all", "open": "open weights", "closed": "weights not published"}
    return (
        Control("basis", "params_basis", "Count", tuple(BASES.items())),
        Control("scores", "score_set", "Scores", present(SCORES, "score_set")),
        Control("ref", "reference", "Measured by", present(REFERENCES, "reference")),
        Control("weights", "weights", "Models", tuple(weights.items())),
    )


def _drawn(rows: pl.DataFrame, controls: tuple[Control, ...]) -> alt.TopLevelMixin:
    """Points, names of record setters, line and band; models that are not searched for are faint."""
    low, high = np.quantile(rows["density"].to_numpy(), (0.005, 0.995))
    ticks = powers_of_two(low, high, step=2)
    scale = alt.Scale(type="log", base=2, domain=[ticks[0], ticks[-1]])
    y = alt.Y(
        "density:Q", scale=scale, axis=doubling_axis("Effective over actual parameters", ticks)
    )
    x = alt.X("day:T", axis=year_axis(), title=None)
    shown = filtered(rows_of(), controls)
    of_line = filtered(rows_of("lines"), controls[:3])
    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("day:T", format="%d %b %Y"),
        alt.Tooltip("billions:Q", title="billions of parameters"), alt.Tooltip("score:Q"),
        alt.Tooltip("density:Q"), alt.Tooltip("low:Q", title="95 % from"),
        alt.Tooltip("high:Q", title="to"), alt.Tooltip("kind:N", title="score"),
    ]  # fmt: skip
    colour = alt.condition("datum.weights == 'closed'", alt.value(MUTED), alt.value(BLUE))
    hollow = alt.condition("datum.kind == 'measured'", alt.value(BLUE), alt.value(PAPER))
    names = shown.transform_filter(f"datum.named && !narrow && {SEARCH.keeps}")
    drawn: alt.TopLevelMixin = (
        alt.layer(
            of_line.mark_area(opacity=0.14, color=INK, clip=True).encode(
                x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"
            ),
            of_line.mark_line(color=INK, strokeWidth=2, clip=True).encode(x=x, y=y),
            shown.transform_filter(SEARCH.keeps).mark_point(size=38, strokeWidth=1.3, clip=True).encode(
                x=x, y=y, stroke=colour, fill=hollow, tooltip=tooltip,
                opacity=alt.condition(f"datum.record || {SEARCH.finds}", alt.value(1), alt.value(0.55)),
            ),
            shown.transform_filter(SEARCH.leaves_out).mark_point(size=38, strokeWidth=1, clip=True, opacity=0.15)
            .encode(x=x, y=y, stroke=colour, fill=hollow),
            names.transform_filter("!datum.is_early").mark_text(align="right", dx=-6, dy=-6, fontSize=11)
            .encode(x=x, y=y, text="model:N"),
            names.transform_filter("datum.is_early").mark_text(align="left", dx=8, fontSize=11)
            .encode(x=x, y=y, text="model:N"),
            ring(shown, x, y),
        )
        .add_params(*(control.parameter for control in controls), SEARCH.parameter, NARROW, FOCUS)
        .properties(height=420)
    )  # fmt: skip
    return drawn


def _labelled(rows: pl.DataFrame) -> pl.Series:
    """Whether a record setter has room for its name, newest first."""
    found, last = [False] * rows.height, dict[tuple[str, str, str], tuple[int, float]]()
    for place in reversed(range(rows.height)):
        row = rows.row(place, named=True)
        series = (row["reference"], row["score_set"], row["params_basis"])
        at = ((row["day"] - DAY_ZERO).days, math.log2(row["density"]))
        before = last.get(series, (10**6, math.inf))
        has_room = before[0] - at[0] > LABEL_DAYS or abs(before[1] - at[1]) > LABEL_DOUBLINGS
        if row["record"] and has_room:
            found[place], last[series] = True, at
    return pl.Series(found)


def density_title(tables: Tables) -> str:
    """The message of the density chart, a sentence."""
    row = current_row(tables["densing_law"], "total", "all")
    days = row.get("doubling_days") if row.get("verdict") == "ok" else None
    if days is None:
        return "How fast density on MMLU grows cannot be told from these models"
    return f"On MMLU, a parameter does twice as much every {days / DAYS_PER_MONTH:.1f} months"


def _default(points: pl.DataFrame) -> pl.DataFrame:
    return points.filter(
        pl.col("reference") == CURRENT[0],
        pl.col("score_set") == CURRENT[1],
        pl.col("params_basis") == next(iter(CURRENT_BASES)),
    )


def _lines(law: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The trend line of every series over its models, with the band of its slope's interval.

    The interval is that of the slope, so the band turns about the line at the middle day of the models.
    """
    estimates = law.filter(
        pl.col("window") == CURRENT[2],
        pl.col("estimator") == CURRENT[3],
        pl.col("population") == "all",
        pl.col("verdict") == "ok",
        pl.col("slope_per_day").is_not_null(),
    ).rename({"reference_id": "reference"})
    series = ["reference", "score_set", "params_basis"]
    day = pl.col("day")
    middle = day.sort().get(pl.len() // 2)
    days = rows.group_by(series).agg(first=day.min(), middle=middle, last=day.max())
    from_middle = (day - pl.col("middle")).dt.total_days()
    at_middle = (
        pl.col("intercept")
        + pl.col("slope_per_day") * (pl.col("middle") - DAY_ZERO).dt.total_days()
    )
    low, high = (
        pl.coalesce(f"slope_{end}", "slope_per_day") * from_middle for end in ("low", "high")
    )
    return (
        days.with_columns(day=pl.concat_list("first", "middle", "last").list.unique())
        .explode("day")
        .join(estimates, on=series)
        .select(
            *series,
            "day",
            density=(at_middle + pl.col("slope_per_day") * from_middle).exp(),
            low=(at_middle + pl.min_horizontal(low, high)).exp(),
            high=(at_middle + pl.max_horizontal(low, high)).exp(),
        )
        .sort(*series, "day")
    )
