"""The chart that compares density on benchmarks with density on text that no model has seen."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.publication.answers import CURRENT
from densing_pipeline.publication.charts.density import SCORES
from densing_pipeline.publication.charts.labels import Label
from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    HEIGHT,
    INK,
    MUTED,
    NARROW,
    ORANGE,
    WIDTH,
    Control,
    Figure,
    doubling_axis,
    filtered,
    nothing,
    powers_of_two,
    ring,
    rows_of,
)
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.dates import newest
from densing_pipeline.tables.schemas import Tables

LAWS = {CURRENT[0]: "the paper's law", "family-qwen2.5": "sizes of Qwen2.5"}
"""Reference laws of `benchmark_gap` in words, the default first."""

ON_TESTS, ON_TEXT = "denser on tests", "denser on fresh text"
"""Findings of `benchmark_gap` that tell the two densities apart."""

AROUND = 1.02
"""Room around the outermost points, as a factor."""

CORNER_PIXELS = 24
"""Room above and below the points, for the words in the corners."""

LETTER_PIXELS, LINE_PIXELS = 6.2, 14
"""Width of a letter and height of a line of the names of models."""


def fresh(tables: Tables) -> Figure:
    """Density on a benchmark over density on fresh text, with the usual ratio of the two."""
    found = tables["benchmark_gap"].filter(
        pl.col("reference_id").is_in(list(LAWS)),
        pl.col("score_set").is_in(list(SCORES)),
        pl.col("verdict") == "ok",
    )
    default = found.filter(pl.col("reference_id") == CURRENT[0], pl.col("score_set") == CURRENT[1])
    if default.is_empty():
        return nothing(
            "fresh",
            "Dense on tests only?",
            "No model has a density on MMLU and one on fresh text that can be compared.",
        )
    rows = _points(found)
    controls = _controls(rows)
    said = fresh_title(default)
    return Figure(
        "fresh",
        said,
        _drawn(rows, controls),
        rows,
        {
            "model": "Model", "day": "Released", "text": "Density on fresh text", "benchmark": "Density on the benchmark",
            "fold": "Over the usual ratio", "low": "95 % from", "high": "to", "finding": "Finding",
        },
        f"{said}. Density on MMLU over density on fresh text, by the paper's law.",
        controls,
        {"line": _usual(rows), "corners": _corners()},
        basis=f"{counted(default.height, 'base model')} to {newest(default['release_date'])}; dashed: the usual ratio "
        "of the two densities",
    )  # fmt: skip


def _points(found: pl.DataFrame) -> pl.DataFrame:
    """The models of every choice as the chart shows them."""
    rows = found.sort("reference_id", "score_set", "release_date", "model_id").select(
        "model_id",
        model=pl.col("model_id").str.split("/").list.last(),
        day="release_date",
        law="reference_id",
        score_set="score_set",
        text=pl.col("text_density").round_sig_figs(3),
        benchmark=pl.col("benchmark_density").round_sig_figs(3),
        fold=pl.col("excess").exp().round_sig_figs(3),
        low=pl.col("excess_low").exp().round_sig_figs(3),
        high=pl.col("excess_high").exp().round_sig_figs(3),
        finding="finding",
    )
    return rows.with_columns(named=_named(rows, _ticks(rows["text"])))


def _usual(rows: pl.DataFrame) -> pl.DataFrame:
    """The line of the usual ratio of the two densities under each choice, from end to end of the axis."""
    across = _ticks(rows["text"])
    ratios = rows.group_by("law", "score_set", maintain_order=True).agg(
        ratio=(pl.col("benchmark") / pl.col("text")).log().median().exp()
    )
    ends = [
        ratios.with_columns(text=pl.lit(end), benchmark=pl.col("ratio") * end)
        for end in (across[0], across[-1])
    ]
    return pl.concat(ends).drop("ratio").sort("law", "score_set", "text")


def _corners() -> pl.DataFrame:
    """What it means to lie above or below the line."""
    findings = [ON_TESTS, ON_TEXT]
    return pl.DataFrame({"words": [f"{one} than usual" for one in findings], "finding": findings})


def _controls(rows: pl.DataFrame) -> tuple[Control, ...]:
    """The choices of the reader, of what the rows have."""

    def present(words: Mapping[str, str], column: str) -> tuple[tuple[str, str], ...]:
        there = set(rows[column])
        return tuple(option for option in words.items() if option[0] in there)

    return (
        Control("scores", "score_set", "Scores", present(SCORES, "score_set")),
        Control("law", "law", "Measured by", present(LAWS, "law")),
    )


def _drawn(rows: pl.DataFrame, controls: Sequence[Control]) -> alt.TopLevelMixin:
    """Points with the names that have room, the line of the usual ratio, and what its sides mean."""
    across = _ticks(rows["text"])
    x = alt.X(
        "text:Q",
        scale=alt.Scale(type="log", base=2, domain=[across[0], across[-1]]),
        axis=doubling_axis("density on fresh text", across, titleAnchor="end"),
    )
    # Each choice has densities of its own range, so the axis follows it.
    y = alt.Y(
        "benchmark:Q",
        scale=alt.Scale(type="log", base=2, nice=True, padding=CORNER_PIXELS),
        axis=doubling_axis("Density on the benchmark", _ticks(rows["benchmark"])),
    )
    scale = alt.Scale(domain=[ON_TESTS, ON_TEXT, "not told apart"], range=[ORANGE, BLUE, MUTED])
    colour = alt.Color("finding:N", scale=scale, legend=None)
    shown = filtered(rows_of(), controls)
    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("day:T", format="%d %b %Y"),
        alt.Tooltip("text:Q", title="on fresh text"), alt.Tooltip("benchmark:Q", title="on the benchmark"),
        alt.Tooltip("fold:Q", title="over the usual ratio"), alt.Tooltip("low:Q", title="95 % from"),
        alt.Tooltip("high:Q", title="to"), alt.Tooltip("finding:N"),
    ]  # fmt: skip
    corner = rows_of("corners")
    drawn: alt.TopLevelMixin = (
        alt.layer(
            filtered(rows_of("line"), controls).mark_line(color=MUTED, strokeDash=[4, 3], clip=True).encode(x=x, y=y),
            corner.transform_filter(f"datum.finding == {ON_TESTS!r}").mark_text(align="left", baseline="top", fontWeight=600)
            .encode(x=alt.value(8), y=alt.value(6), text="words:N", color=colour),
            corner.transform_filter(f"datum.finding == {ON_TEXT!r}").mark_text(align="right", baseline="bottom", fontWeight=600)
            .encode(x=alt.value(alt.expr("width - 8")), y=alt.value(HEIGHT - 6), text="words:N", color=colour),
            shown.mark_point(size=60, filled=True, opacity=0.9).encode(x=x, y=y, color=colour, tooltip=tooltip),
            shown.transform_filter("datum.named && !narrow").mark_text(align="left", dx=7, fontSize=11, color=INK)
            .encode(x=x, y=y, text="model:N"),
            ring(shown, x, y),
        )
        .add_params(*(control.parameter for control in controls), NARROW, FOCUS)
        .properties(height=HEIGHT)
    )  # fmt: skip
    return drawn


def fresh_title(default: pl.DataFrame) -> str:
    """The message: how many models are denser on tests, or on fresh text, than is usual.

    Args:
        default: rows of `benchmark_gap` that are shown first.
    """
    tests = default.filter(pl.col("finding") == ON_TESTS).height
    text = default.filter(pl.col("finding") == ON_TEXT).height
    if not tests and not text:
        return "No model is denser on MMLU, or on fresh text, than is usual among these models"
    return (
        f"Of {counted(default.height, 'model')}, {tests} {_is(tests)} denser on MMLU than fresh text suggests, "
        f"and {text} {_is(text)} less dense"
    )


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _ticks(densities: pl.Series) -> list[float]:
    """Powers of two around the densities, two at least, none of which lies on the axis."""
    low, high = np.quantile(densities.to_numpy(), (0, 1))
    return powers_of_two(low / AROUND, high * AROUND)


class _Place(NamedTuple):
    """Centre of a point in pixels."""

    x: float
    y: float


def _named(rows: pl.DataFrame, across: Sequence[float]) -> pl.Series:
    """Whether the name of a model has room at its point, the most unusual models first.

    Args:
        rows: the points.
        across: ticks of the horizontal axis, the first and the last at its ends.
    """
    named = [False] * rows.height
    for _, of_chart in rows.with_row_index().group_by("law", "score_set"):
        up = _ticks(of_chart["benchmark"])
        dots = [_place(row, across, up) for row in of_chart.to_dicts()]
        taken: list[Label] = []
        unusual = of_chart.filter(pl.col("finding").is_in([ON_TESTS, ON_TEXT]))
        unusual = unusual.sort(pl.col("fold").log().abs(), "model", descending=[True, False])
        for row in unusual.to_dicts():
            label = Label(*_place(row, across, up), len(row["model"]) * LETTER_PIXELS, LINE_PIXELS)
            on_dots = any(
                0 < dot.x - label.x < label.width and abs(dot.y - label.y) < LINE_PIXELS / 2
                for dot in dots
            )
            if not any(map(label.meets, taken)) and not on_dots and label.x + label.width < WIDTH:
                named[row["index"]] = True
                taken.append(label)
    return pl.Series(named)


def _place(row: Mapping[str, float], across: Sequence[float], up: Sequence[float]) -> _Place:
    x = math.log(row["text"] / across[0]) / math.log(across[-1] / across[0])
    y = math.log(row["benchmark"] / up[0]) / math.log(up[-1] / up[0])
    return _Place(x * WIDTH, y * HEIGHT)
