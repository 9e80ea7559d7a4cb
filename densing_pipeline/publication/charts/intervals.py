"""A chart of growth rates with intervals, of which the charts of rulers and of paces are made."""

from collections.abc import Mapping

import altair as alt
import polars as pl

from densing_pipeline.publication.answers import CURRENT_BASES
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
    rows_of,
)

SHORT_BASES = dict(zip(CURRENT_BASES.values(), ("all", "active"), strict=True))
"""Counts of parameters in one word, for narrow charts."""


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
