"""Charts of growth rates with intervals: by ruler, and by growth curve."""

import math
from collections.abc import Mapping

import altair as alt
import polars as pl

from densing_pipeline.paper import TREND_DOUBLING_DAYS
from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES, PACES
from densing_pipeline.publication.charts.style import (
    BEFORE_COMMA,
    BLUE,
    FOCUS,
    INK,
    MUTED,
    NARROW,
    ORANGE,
    Figure,
    named_rows,
    nothing,
    rows_of,
)
from densing_pipeline.publication.wording import counted, listed
from densing_pipeline.tables.dates import DAYS_PER_YEAR

Tables = Mapping[str, pl.DataFrame]

CURVES = {
    "line": "whole history",
    "last-24-months": "last 24 months",
    "saturating": "saturating curve, today",
    "broken-line": "broken line, today",
}
"""Growth curves of `density_paces` in words."""


RULERS = {
    "size-lines-bent": "{group}",
    "size-lines": "{group}, on a straight scale",
    "nmi-2025": "{group}, by the paper's law",
    "incompressible-knowledge-probes": "obscure facts, of chat models",
    "fresh-text-qwen2.5": "{group}",
}
"""What a ruler of `density_growth` measures in words, in the order of the chart; others are named as they are."""

GROUPS = {
    "all-benchmarks": "five benchmarks, together",
    "more-benchmarks": "eight benchmarks, together",
    "fresh-text": "fresh text, compressed",
    "fresh-text-arxiv": "fresh text of arXiv",
    "fresh-text-github": "fresh text of GitHub",
    "fresh-text-prose": "fresh prose",
}
"""Groups of `density_growth` in words, where their names are not words themselves."""

RULER_POPULATIONS = ("base", "instruct-and-thinking")
"""Populations that are shown; the others are parts of these, made for one comparison."""

SHORT_BASES = dict(zip(CURRENT_BASES.values(), ("all", "active"), strict=True))
"""Counts of parameters in one word, for narrow charts."""

UNSHOWN_RULER = "size-lines"
"""A ruler that is left out: the same as the headline's on a straight scale, which does not hold every world."""

FRONTIERS = (CURRENT[3], f"pooled-{CURRENT[3]}")
"""Estimators of the frontier, of one measure and pooled over several."""


def ruler_words(ruler: str, group: str) -> str:
    """What a ruler measures in words."""
    return RULERS.get(ruler, f"{{group}}, by {ruler}").format(group=GROUPS.get(group, group))


def rulers(tables: Tables) -> Figure:
    """Doublings a year by every ruler and group of benchmarks, by all and by active parameters."""
    name, title = "rulers", "Does every ruler agree?"
    found = tables["density_growth"].filter(
        pl.col("estimator").is_in(FRONTIERS),
        pl.col("verdict") == "ok",
        pl.col("ruler") != UNSHOWN_RULER,
        pl.col("population").is_in(RULER_POPULATIONS),
        pl.col("params_basis").is_in(list(CURRENT_BASES)),
        pl.col("growth_per_year").is_not_null(),
        pl.col("window") == CURRENT[2],
    )
    if found.is_empty():
        return nothing(name, title, "The release has no growth of density by any ruler.")
    doublings = 1 / math.log(2)
    place = pl.col("ruler").replace_strict(
        {ruler: at for at, ruler in enumerate(RULERS)}, default=len(RULERS), return_dtype=pl.Int64
    )
    # Several benchmarks together first, then one by one.
    rows = found.sort(
        place,
        "ruler",
        ~pl.col("group").is_in(list(GROUPS)),
        "group",
        "params_basis",
        descending=[False, False, False, False, True],
    )
    words = [ruler_words(*pair) for pair in rows.select("ruler", "group").iter_rows()]
    rows = rows.select(
        label=pl.Series(words, dtype=pl.String),
        basis=pl.col("params_basis").replace_strict(CURRENT_BASES, default=None),
        yearly=(pl.col("growth_per_year") * doublings).round(2),
        low=(pl.col("growth_low") * doublings).round(2),
        high=(pl.col("growth_high") * doublings).round(2),
        n="n_models",
        newest="newest_release",
        ruler="ruler",
    )
    grows = rows.filter(pl.col("low") > 0).height
    said = (
        "By every ruler density grows"
        if grows == rows.height
        else f"{grows} of {counted(rows.height, 'measure')} show that density grows; the others cannot tell"
    )
    return intervals(
        name,
        said,
        rows,
        "label",
        "basis",
        {"label": "What is measured", "basis": "Counting", "yearly": "Doublings a year", "low": "95 % from",
         "high": "to", "n": "Models", "newest": "Newest", "ruler": "Ruler"},
        "doublings a year, with 95 % interval",
        marks={0.0: "no growth", DAYS_PER_YEAR / TREND_DOUBLING_DAYS: "the paper"},
        basis=f"the 90 % quantile of models, by {counted(rows['ruler'].n_unique(), 'ruler')}",
    )  # fmt: skip


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


def intervals(
    name: str,
    title: str,
    rows: pl.DataFrame,
    label: str,
    colour: str,
    columns: Mapping[str, str],
    axis: str,
    *,
    marks: Mapping[float, str] | None = None,
    basis: str = "",
) -> Figure:
    """A chart of growth rates with intervals, one line a row and colour.

    Args:
        name: file stem.
        title: the message.
        rows: columns `label`, `colour`, yearly, low, high.
        label: column that names the line.
        colour: column that tells the rows of a line apart, of two values.
        columns: headings of the table behind the chart.
        axis: title of the axis.
        marks: values marked by a line, with their words.
        basis: what the chart rests on.
    """
    hues = list(dict.fromkeys(rows[colour]))
    scale = alt.Scale(domain=hues, range=[BLUE, ORANGE][: max(len(hues), 1)])
    shade = alt.Color(f"{colour}:N", scale=scale, legend=None)
    y = named_rows(label, BEFORE_COMMA)
    place = alt.YOffset(f"{colour}:N", sort=hues)
    tooltip = [
        alt.Tooltip(f"{key}:{'N' if rows.schema[key] == pl.String else 'Q'}", title=words)
        for key, words in columns.items()
    ]
    base = rows_of()
    layers = [
        base.mark_bar(height=4, cornerRadius=2, opacity=0.5).encode(
            y=y, yOffset=place, x=alt.X("low:Q", title=axis, axis=alt.Axis(grid=True, tickMinStep=1, format="d")), x2="high:Q", color=shade, tooltip=tooltip
        ),
        base.mark_point(size=60, filled=True, opacity=1).encode(
            y=y, yOffset=place, x="yearly:Q", color=shade, tooltip=tooltip
        ),
        base.transform_filter("datum.row == focus").mark_point(size=190, color=INK, strokeWidth=2, filled=False)
        .encode(y=y, yOffset=place, x="yearly:Q"),
        rows_of("marks").mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x="at:Q"),
        rows_of("marks").transform_filter("!narrow").mark_text(align="left", dx=4, dy=-6, fontSize=11, color=MUTED, baseline="bottom")
        .encode(x="at:Q", y=alt.value(0), text="words:N"),
        rows_of("names").transform_calculate(name=f"narrow ? datum.short : datum.{colour}")
        .mark_text(align="left", dx=6, baseline="middle", fontSize=11, fontWeight=600)
        .encode(y=y, yOffset=place, x="end:Q", text="name:N", color=shade),
    ]  # fmt: skip
    found = [
        f"{row[label]}, {row[colour]}: {row['yearly']:.1f} ({_end(row['low'])} to {_end(row['high'])})"
        for row in rows.to_dicts()
    ]
    return Figure(
        name,
        title,
        alt.layer(*layers).add_params(NARROW, FOCUS).properties(height=24 * rows.height),
        rows,
        columns,
        f"{title}. {axis}: {'; '.join(found)}.",
        more={
            "marks": pl.DataFrame(
                [{"at": at, "words": words} for at, words in (marks or {0.0: "no growth"}).items()],
                schema={"at": pl.Float64, "words": pl.String},
            ),
            "names": _named_once(rows, label, colour),
        },
        basis=basis,
    )  # fmt: skip


def _named_once(rows: pl.DataFrame, label: str, colour: str) -> pl.DataFrame:
    """The end of a bar of each colour with its name, in the first line that has them all: a legend where readers look."""
    end = pl.coalesce("high", "yearly")
    whole = rows.filter(pl.len().over(label) == rows[colour].n_unique()).head(1)
    return rows.filter(pl.col(label).is_in(whole[label].implode())).select(
        label, colour, short=pl.col(colour).replace(SHORT_BASES), end=end
    )


def _end(value: float | None) -> str:
    return "open" if value is None else f"{value:.1f}"
