"""Charts of forecasts: what is expected of density and of prices as fans, with what came of earlier ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import altair as alt
import polars as pl

from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    GREEN,
    HEIGHT,
    INK,
    NARROW,
    ORANGE,
    Control,
    Figure,
    decades,
    doubling_axis,
    filtered,
    labels_apart,
    nothing,
    powers_of_two,
    price_axis,
    ring,
    rows_of,
    year_axis,
)
from densing_pipeline.publication.wording import counted, money
from densing_pipeline.tables.schemas import Tables

METHODS = {
    "trend": "our trend",
    "paper-constant": "the paper's pace",
    "no-change": "no change",
}
"""Methods of `forecasts` in words."""

MONTHS_AHEAD = 6
"""Months from a forecast to the day it is for, of the forecasts that are counted."""

FAN_DAYS = 360
"""Least days between two fans, so that one ends where the next begins."""

SCORE_SETS = {
    "mmlu": "MMLU",
    "nmi-2025-average": "average of the paper's models",
    "average": "average of five",
}
"""Score sets of the forecasts of density in words."""

FORECAST = ("series", "made_on", "horizon_months", "method")
"""What identifies a forecast of one target; a published one and one made afterwards for its day are the same."""


@dataclass(frozen=True)
class Subject:
    """What is forecast.

    Attributes:
        name: file stem of its chart.
        target: `target` of its rows.
        words: words of a series; None if the series is not shown.
        value: a value in words.
        axis: the axis for its ticks.
        ticks: ticks of the axis for its least and greatest value.
        label: name of the choice of the series.
        outlook: the expectation as a sentence, from the words of the series and the newest forecast.
        missing: what to say if there is no forecast.
    """

    name: str
    target: str
    words: Callable[[str], str | None]
    value: Callable[[float], str]
    axis: Callable[[Sequence[float]], alt.Axis]
    ticks: Callable[[float, float], list[float]]
    label: str
    outlook: Callable[[str, Mapping[str, object]], str]
    missing: str


def _density_words(series: str) -> str | None:
    reference, score_set, basis = (*series.split("/"), "", "")[:3]
    is_shown = reference == "nmi-2025" and basis == "nonembedding"
    return SCORE_SETS.get(score_set) if is_shown else None


def _price_words(series: str) -> str:
    return series.partition("/")[0]


def _density_outlook(_: str, newest: Mapping[str, object]) -> str:
    fold, low, high = (
        float(str(newest[name])) / float(str(newest["current"]))
        for name in ("median", "low", "high")
    )
    return (
        f"The densest model of {newest['day']:%B %Y} is expected to be {fold:.1f} times as dense as that of "
        f"{newest['made_on']:%B %Y} ({low:.1f} to {high:.0f})"
    )


def _price_outlook(level: str, newest: Mapping[str, object]) -> str:
    now, then, low, high = (
        money(float(str(newest[name]))) for name in ("current", "median", "low", "high")
    )
    return (
        f"What costs {now} in {newest['made_on']:%B %Y}, as capable as {level}, is expected to cost {then} in "
        f"{newest['day']:%B %Y} ({low} to {high})"
    )


DENSITY = Subject(
    "forecasts", "density", _density_words, lambda value: f"{value:.2g}",
    lambda ticks: doubling_axis("Density of the densest model so far", ticks), powers_of_two, "Scores",
    _density_outlook, "No forecast can be made of density.",
)  # fmt: skip

PRICE = Subject(
    "price_forecasts", "price", _price_words, money,
    lambda ticks: price_axis("US dollars per million tokens, cheapest so far", ticks), decades, "As capable as",
    _price_outlook, "No forecast can be made of any level's price.",
)  # fmt: skip


def forecasts(tables: Tables) -> Figure:
    """Density of the densest model as it was and is expected, with what came."""
    return fans(tables, DENSITY)


def price_forecasts(tables: Tables) -> Figure:
    """The cheapest price of each level as it was and is expected, with what came."""
    return fans(tables, PRICE)


def fans(tables: Tables, subject: Subject) -> Figure:
    """Forecasts of some days a year apart as fans, over the line of what came.

    Args:
        tables: `forecasts` and `forecast_scores`.
        subject: what is forecast.
    """
    every = _made(tables["forecasts"], tables["forecast_scores"], subject)
    chosen = every.join(_chosen_days(every), on=["series", "made_on"], maintain_order="left")
    shown = chosen.filter(pl.col("day") <= pl.col("until")).drop("until")
    trend = shown.filter(method=METHODS["trend"])
    if trend.is_empty():
        return nothing(subject.name, "What is expected, and what came", subject.missing)
    newest = trend.sort("made_on", "day", "words").row(-1, named=True)
    series = [newest["words"], *sorted(set(trend["words"]) - {newest["words"]})]
    control = Control("series", "words", subject.label, tuple((one, one) for one in series))
    rows = shown.filter(pl.col("words").is_in(series))
    came = _came(every.filter(pl.col("words").is_in(series)))
    known = [*trend["q_10"], *trend["q_90"], *rows["median"], *came["value"]]
    ticks = subject.ticks(min(known), max(known))
    said = subject.outlook(newest["words"], newest)
    return Figure(
        subject.name,
        said,
        _drawn(subject, control, ticks),
        rows,
        {"words": subject.label, "method": "Method", "made_on": "Made on", "day": "For", "median": "Median",
         "low": "95 % from", "high": "to", "outcome": "Came"},
        f"{said}. {_held(every, newest['words'])}.",
        (control,),
        {"fans": _with_starts(rows), "came": came, "ends": _ends(rows, ticks)},
        basis=f"{_held(every, newest['words'])}; bands: 80 % and 95 % intervals; black: what came",
    )  # fmt: skip


def _made(made: pl.DataFrame, scores: pl.DataFrame, subject: Subject) -> pl.DataFrame:
    """The forecasts of a subject with what came, one a day, horizon and method."""
    key = ["target", "made_on", "series", "horizon_months", "method", "origin"]
    found = made.filter(
        pl.col("target") == subject.target,
        pl.col("verdict") == "ok",
        pl.col("method").is_in(list(METHODS)),
        pl.col("median") > 0,
        pl.col("current") > 0,
    ).join(scores.select(*key, "outcome", "covered"), on=key, how="left")
    names = {one: subject.words(one) for one in found["series"].unique()}
    return (
        found.with_columns(words=pl.col("series").replace_strict(names, return_dtype=pl.String))
        .drop_nulls("words")
        .sort(*FORECAST, "origin", descending=[*[False] * len(FORECAST), True])
        .unique(FORECAST, keep="first", maintain_order=True)
        .select(
            "words",
            "series",
            "made_on",
            "horizon_months",
            "current",
            "covered",
            method=pl.col("method").replace_strict(METHODS),
            day="target_date",
            **{
                name: pl.col(name).round_sig_figs(3)
                for name in ("low", "q_10", "median", "q_90", "high", "outcome")
            },
        )
    )


def _chosen_days(every: pl.DataFrame) -> pl.DataFrame:
    """The days of the forecasts that are shown, the newest and before it one a year, and the last day of each trend.

    Returns:
        series, made_on, until.
    """
    trend = every.filter(method=METHODS["trend"])
    days = trend.group_by("series", "made_on").agg(until=pl.col("day").max())
    chosen: list[dict[str, object]] = []
    last: dict[str, date] = {}
    for row in days.sort("series", "made_on", descending=[False, True]).to_dicts():
        if (last.get(row["series"], date.max) - row["made_on"]).days >= FAN_DAYS:
            chosen.append(row)
            last[row["series"]] = row["made_on"]
    return pl.DataFrame(chosen, schema=days.schema)


def _came(every: pl.DataFrame) -> pl.DataFrame:
    """What was known on each day of a forecast, and what came on the days they were for."""
    known = every.select("words", day="made_on", value="current")
    came = every.drop_nulls("outcome").select("words", "day", value="outcome")
    return (
        pl.concat([came, known])
        .unique(["words", "day"], keep="first", maintain_order=True)
        .sort("words", "day")
    )


def _with_starts(rows: pl.DataFrame) -> pl.DataFrame:
    """The forecasts as lines and bands, each from the value of the day on which it was made."""
    run = pl.concat_str("method", pl.col("made_on").dt.to_string("%Y-%m-%d"), separator=" ")
    columns = ["words", "method", "run", "day", "low", "q_10", "median", "q_90", "high"]
    starts = rows.with_columns(
        run=run, day="made_on", **{name: pl.col("current") for name in columns[4:]}
    ).unique(["words", "run"], keep="first", maintain_order=True)
    return pl.concat([starts.select(columns), rows.with_columns(run=run).select(columns)]).sort(
        "words", "run", "day"
    )


def _ends(rows: pl.DataFrame, ticks: Sequence[float]) -> pl.DataFrame:
    """The end of each method's newest line with its name."""
    last = rows.sort("made_on", "day").group_by("words", "method", maintain_order=True).last()
    ends = last.filter(pl.col("made_on") == pl.col("made_on").max().over("words"))
    return labels_apart(
        ends.select("words", "method", "day", "median").sort("words", "method"),
        "median",
        "words",
        ticks,
    )


def _held(every: pl.DataFrame, words: str) -> str:
    """How many forecasts of a series held what came, as a phrase."""
    judged = every.filter(method=METHODS["trend"], words=words, horizon_months=MONTHS_AHEAD)
    judged = judged.drop_nulls("covered")
    if judged.is_empty():
        return f"No forecast made {MONTHS_AHEAD} months before has come due"
    return (
        f"{int(judged['covered'].sum())} of {counted(judged.height, 'forecast')} made {MONTHS_AHEAD} months before "
        "held what came"
    )


def _drawn(subject: Subject, control: Control, ticks: Sequence[float]) -> alt.TopLevelMixin:
    """The fans of one series over the line of what came."""
    scale = alt.Scale(
        type="log", base=2 if subject.ticks is powers_of_two else 10, domain=[ticks[0], ticks[-1]]
    )
    x = alt.X("day:T", axis=year_axis(), title=None)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", scale=scale, axis=subject.axis(ticks))

    colour = alt.Color(
        "method:N", legend=None,
        scale=alt.Scale(domain=list(METHODS.values()), range=[BLUE, ORANGE, GREEN]),
    )  # fmt: skip
    tooltip = [
        alt.Tooltip("method:N"), alt.Tooltip("made_on:T", title="made on", format="%d %b %Y"),
        alt.Tooltip("day:T", title="for", format="%d %b %Y"), alt.Tooltip("median:Q"),
        alt.Tooltip("low:Q", title="95 % from"), alt.Tooltip("high:Q", title="to"), alt.Tooltip("outcome:Q", title="came"),
    ]  # fmt: skip
    points, lines = filtered(rows_of(), [control]), filtered(rows_of("fans"), [control])
    of_trend = lines.transform_filter(f"datum.method == {METHODS['trend']!r}")
    return alt.layer(
        of_trend.mark_area(opacity=0.14, color=BLUE, clip=True).encode(x=x, y=y("low"), y2="high:Q", detail="run:N"),
        of_trend.mark_area(opacity=0.2, color=BLUE, clip=True).encode(x=x, y=y("q_10"), y2="q_90:Q", detail="run:N"),
        lines.mark_line(strokeWidth=1.8, clip=True).encode(
            x=x, y=y("median"), detail="run:N", color=colour,
            strokeDash=alt.condition(f"datum.method == {METHODS['trend']!r}", alt.value([1, 0]), alt.value([5, 3])),
        ),
        points.mark_point(size=26, filled=True, opacity=1, clip=True).encode(x=x, y=y("median"), color=colour, tooltip=tooltip),
        filtered(rows_of("came"), [control]).mark_line(interpolate="step-after", strokeWidth=2.2, color=INK, clip=True)
        .encode(x=x, y=y("value")),
        filtered(rows_of("ends"), [control]).transform_filter("!narrow")
        .mark_text(align="left", dx=7, fontSize=11, fontWeight=600).encode(x=x, y=y("median"), text="method:N", color=colour),
        ring(points, x, y("median")),
    ).add_params(control.parameter, NARROW, FOCUS).properties(height=HEIGHT)  # fmt: skip
