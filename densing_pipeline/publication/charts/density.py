"""Charts of density: models over time, choices side by side, and whether growth has slowed."""

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.paper import NMI_AVERAGE
from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES, PACES
from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    INK,
    LABEL_LIMIT,
    MUTED,
    NARROW,
    ORANGE,
    PAPER,
    Control,
    Figure,
    doubling_axis,
    nothing,
    powers_of_two,
    rests_on,
    rows_of,
    year_axis,
)
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_MONTH, DAYS_PER_YEAR, newest
from densing_pipeline.trends.sensitivity import FACTORS

Tables = Mapping[str, pl.DataFrame]

BASES = CURRENT_BASES | {"nonembedding": "parameters outside the embedding"}
"""Counts of parameters in words, the default first."""

SCORES = {
    "mmlu": "MMLU", "average": "average of five", "bbh": "BBH", "math": "MATH",
    "humaneval": "HumanEval", "mbpp": "MBPP", NMI_AVERAGE: "average of the paper's models",
}  # fmt: skip
"""Score sets in words, the default first."""

LABEL_DAYS, LABEL_DOUBLINGS = 260, 1.0
"""Record setters closer to a later labelled one than both are not labelled."""

CURVES = {
    "line": "whole history",
    "last-24-months": "last 24 months",
    "saturating": "saturating curve, today",
    "broken-line": "broken line, today",
}
"""Growth curves of `density_paces` in words."""


def density_today(tables: Tables) -> Figure:
    """Density of every model over its release date, with the trend line and its 95 % band."""
    name, title = "density", "Density over release date"
    points = (
        tables["densities"]
        .filter(
            pl.col("reference_id") == CURRENT[0],
            pl.col("score_set").is_in(list(SCORES)),
            pl.col("params_basis").is_in(list(BASES)),
            pl.col("density") > 0,
        )
        .sort("score_set", "params_basis", "release_date", "model_id")
    )
    default = _default(points)
    if default.is_empty():
        return nothing(name, title, "The release has no densities on MMLU.")
    rows = points.select(
        model=pl.col("model_id").str.split("/").list.last(),
        day="release_date",
        score_set="score_set",
        params_basis="params_basis",
        weights=pl.when(pl.col("weights").eq_missing("not-published"))
        .then(pl.lit("closed"))
        .otherwise(pl.lit("open")),
        kind=pl.when(pl.col("score_source_kind").eq_missing("measured"))
        .then(pl.lit("measured"))
        .otherwise(pl.lit("reported")),
        billions=(pl.col("params") / 1e9).round_sig_figs(3),
        score=pl.col("score").round(4),
        density=pl.col("density").round_sig_figs(3),
        low=pl.col("density_low").round_sig_figs(3),
        high=pl.col("density_high").round_sig_figs(3),
        record=pl.col("is_record"),
    )
    rows = rows.with_columns(named=_labelled(rows))
    lines = _lines(tables["densing_law"], rows)
    controls = (
        Control("basis", "params_basis", "Count", tuple(BASES.items())),
        Control(
            "scores",
            "score_set",
            "Scores",
            tuple((key, words) for key, words in SCORES.items() if key in set(rows["score_set"])),
        ),
        Control(
            "weights",
            "weights",
            "Models",
            (("all", "all"), ("open", "open weights"), ("closed", "weights not published")),
        ),
    )
    low, high = np.quantile(rows["density"].to_numpy(), (0.005, 0.995))
    ticks = powers_of_two(low, high, step=2)
    scale = alt.Scale(type="log", base=2, domain=[ticks[0], ticks[-1]])
    axis = doubling_axis("Capacity density: effective over actual parameters", ticks)
    y = alt.Y("density:Q", scale=scale, axis=axis)
    x = alt.X("day:T", axis=year_axis(), title=None)
    shown = _filtered(rows_of(), controls)
    of_line = _filtered(rows_of("lines"), controls[:2])
    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("day:T", format="%d %b %Y"),
        alt.Tooltip("billions:Q", title="billions of parameters"), alt.Tooltip("score:Q"),
        alt.Tooltip("density:Q"), alt.Tooltip("low:Q", title="95 % from"),
        alt.Tooltip("high:Q", title="to"), alt.Tooltip("kind:N", title="score"),
    ]  # fmt: skip
    colour = alt.condition("datum.weights == 'closed'", alt.value(MUTED), alt.value(BLUE))
    hollow = alt.condition("datum.kind == 'measured'", alt.value(BLUE), alt.value(PAPER))
    chart = (
        alt.layer(
            of_line.mark_area(opacity=0.14, color=INK, clip=True).encode(
                x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"
            ),
            of_line.mark_line(color=INK, strokeWidth=2, clip=True).encode(x=x, y=y),
            shown.mark_point(size=38, strokeWidth=1.3, clip=True).encode(
                x=x, y=y, stroke=colour, fill=hollow, tooltip=tooltip,
                opacity=alt.condition("datum.record", alt.value(1), alt.value(0.55)),
            ),
            shown.transform_filter("datum.named && !narrow")
            .mark_text(align="right", dx=-6, dy=-6, fontSize=11)
            .encode(x=x, y=y, text="model:N"),
            _focus(shown, x, y),
        )
        .add_params(*(control.parameter for control in controls), NARROW, FOCUS)
        .properties(height=420)
    )  # fmt: skip
    last, as_of = (
        newest(default["release_date"]),
        _law_row(tables["densing_law"], "total").get("as_of"),
    )
    return Figure(
        name,
        density_title(tables),
        chart,
        rows,
        {
            "model": "Model", "day": "Released", "billions": "Billions of parameters",
            "score": "Score", "density": "Density", "low": "95 % from", "high": "to",
            "kind": "Score is", "weights": "Weights",
        },
        f"{counted(default.height, 'model')} by release date and density on MMLU, counting all parameters, "
        f"with a rising line. {density_title(tables)}",
        controls,
        {"lines": lines},
        basis=f"{rests_on(default.height, last, as_of)}; hollow: reported scores; grey: weights not "
        "published",
    )  # fmt: skip


def _labelled(rows: pl.DataFrame) -> pl.Series:
    """Whether a record setter has room for its name, newest first."""
    found, last = [False] * rows.height, dict[tuple[str, str], tuple[int, float]]()
    for place in reversed(range(rows.height)):
        row = rows.row(place, named=True)
        series = (row["score_set"], row["params_basis"])
        at = ((row["day"] - DAY_ZERO).days, math.log2(row["density"]))
        before = last.get(series, (10**6, math.inf))
        has_room = before[0] - at[0] > LABEL_DAYS or abs(before[1] - at[1]) > LABEL_DOUBLINGS
        if row["record"] and has_room:
            found[place], last[series] = True, at
    return pl.Series(found)


def density_title(tables: Tables) -> str:
    """The message of the density chart, a sentence."""
    row = _law_row(tables["densing_law"], "total")
    days = row.get("doubling_days") if row.get("verdict") == "ok" else None
    if days is None:
        return "How fast density on MMLU grows cannot be told from these models"
    return f"On MMLU, a parameter does twice as much every {days / DAYS_PER_MONTH:.1f} months"


def _focus(shown: alt.Chart, x: alt.X, y: alt.Y) -> alt.Chart:
    """A ring around the row that a reader has gone to."""
    ring: alt.Chart = (
        shown.transform_filter("datum.row == focus")
        .mark_point(size=170, color=ORANGE, strokeWidth=2.5, filled=False)
        .encode(x=x, y=y)
    )
    return ring


def _filtered(chart: alt.Chart, controls: tuple[Control, ...]) -> alt.Chart:
    for control in controls:
        chart = chart.transform_filter(control.filter)
    return chart


def _default(points: pl.DataFrame) -> pl.DataFrame:
    return points.filter(
        pl.col("score_set") == CURRENT[1], pl.col("params_basis") == next(iter(CURRENT_BASES))
    )


def _law_row(law: pl.DataFrame, basis: str) -> dict[str, Any]:
    found = law.filter(
        pl.col("reference_id") == CURRENT[0],
        pl.col("score_set") == CURRENT[1],
        pl.col("params_basis") == basis,
        pl.col("window") == CURRENT[2],
        pl.col("estimator") == CURRENT[3],
        pl.col("population") == "all",
    )
    return found.row(0, named=True) if found.height else {}


def _lines(law: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The trend line of every series over its models, with the band of its slope's interval.

    The interval is that of the slope, so the band turns about the line at the middle day of the models.
    """
    estimates = law.filter(
        pl.col("reference_id") == CURRENT[0],
        pl.col("window") == CURRENT[2],
        pl.col("estimator") == CURRENT[3],
        pl.col("population") == "all",
        pl.col("verdict") == "ok",
        pl.col("slope_per_day").is_not_null(),
    )
    day = pl.col("day")
    middle = day.sort().get(pl.len() // 2)
    days = rows.group_by("score_set", "params_basis").agg(
        first=day.min(), middle=middle, last=day.max()
    )
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
        .join(estimates, on=["score_set", "params_basis"])
        .select(
            "score_set",
            "params_basis",
            "day",
            density=(at_middle + pl.col("slope_per_day") * from_middle).exp(),
            low=(at_middle + pl.min_horizontal(low, high)).exp(),
            high=(at_middle + pl.max_horizontal(low, high)).exp(),
        )
        .sort("score_set", "params_basis", "day")
    )


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
    y = alt.Y(
        "label:N",
        sort=None,
        title=None,
        axis=alt.Axis(labelLimit=LABEL_LIMIT, ticks=False, domain=False, labelPadding=8),
    )
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
        _focus(base, alt.X("middle:Q"), y),
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


def paces(tables: Tables) -> Figure:
    """Doublings a year today by each growth curve, by all and by active parameters."""
    name, title = "paces", "Has growth slowed?"
    yearly = DAYS_PER_YEAR / math.log(2)
    rows = (
        tables["density_paces"]
        .filter(
            *(pl.col(column) == value for column, value in PACES.items()),
            pl.col("params_basis").is_in(list(CURRENT_BASES)),
            pl.col("growth_curve").is_in(list(CURVES)),
            pl.col("verdict") == "ok",
        )
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
    return intervals(
        name,
        _pace_title(tables, title),
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
    )


def _pace_title(tables: Tables, title: str) -> str:
    differs = tables["density_paces"].filter(
        *(pl.col(column) == value for column, value in PACES.items()),
        pl.col("params_basis").is_in(list(CURRENT_BASES)),
        pl.col("growth_curve") == "last-24-months",
        pl.col("verdict") == "ok",
    )
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
    shade = alt.Color(f"{colour}:N", scale=scale, title=None, legend=alt.Legend(orient="top"))
    y = alt.Y(
        f"{label}:N",
        sort=None,
        title=None,
        axis=alt.Axis(labelLimit=LABEL_LIMIT, ticks=False, domain=False, labelPadding=8),
    )
    place = alt.YOffset(f"{colour}:N", sort=hues)
    tooltip = [
        alt.Tooltip(f"{key}:{'N' if rows.schema[key] == pl.String else 'Q'}", title=words)
        for key, words in columns.items()
    ]
    base = rows_of()
    layers = [
        base.mark_bar(height=4, cornerRadius=2, opacity=0.5).encode(
            y=y, yOffset=place, x=alt.X("low:Q", title=axis, axis=alt.Axis(grid=True)), x2="high:Q", color=shade, tooltip=tooltip
        ),
        base.mark_point(size=60, filled=True, opacity=1).encode(
            y=y, yOffset=place, x="yearly:Q", color=shade, tooltip=tooltip
        ),
        base.transform_filter("datum.row == focus").mark_point(size=190, color=INK, strokeWidth=2, filled=False)
        .encode(y=y, yOffset=place, x="yearly:Q"),
        rows_of("marks").mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x="at:Q"),
        rows_of("marks").transform_filter("!narrow").mark_text(align="left", dx=4, dy=-6, fontSize=11, color=MUTED, baseline="bottom")
        .encode(x="at:Q", y=alt.value(0), text="words:N"),
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
            )
        },
        basis=basis,
    )  # fmt: skip


def _end(value: float | None) -> str:
    return "open" if value is None else f"{value:.1f}"
