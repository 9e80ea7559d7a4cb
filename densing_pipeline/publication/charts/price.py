"""The chart of prices: what a capability costs over time, and where nobody looked."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.cost.records import UNWATCHED_DAYS
from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.paper import NMI
from densing_pipeline.publication.charts.price_events import events
from densing_pipeline.publication.charts.style import (
    FOCUS,
    HEIGHT,
    INK,
    MUTED,
    NARROW,
    PAPER,
    SERIES,
    Control,
    Figure,
    decades,
    filtered,
    labels_apart,
    nothing,
    price_axis,
    ring,
    rows_of,
    year_axis,
)
from densing_pipeline.publication.charts.unwatched import (
    Box,
    Step,
    Stretch,
    as_lines,
    hatching,
    pieces,
    unlisted,
)
from densing_pipeline.publication.wording import counted, money, percent, two_digits
from densing_pipeline.tables.dates import newest
from densing_pipeline.tables.schemas import Tables

CURVES = {"cheapest_ever": "lowest so far", "cheapest_now": "on offer that day"}

SCALES = {"MMLU": "score on MMLU", "ECI": "Epoch Capabilities Index"}
"""Scales of the levels in words, the default first."""

INDEX_PREFIX = "eci-"
"""How the names of levels on the index begin; the name without it is that of the model."""

LABELLED_DAYS = 150
"""Shortest stretch without a look that is labelled; the words are wider than a shorter one."""


def price(tables: Tables) -> Figure:
    """Cheapest price of every capability level over time, as steps, labelled at the end."""
    name, title = "price", "What a capability costs"
    # The paper's price points are input prices of one study, no curve of the book.
    frontier = tables["price_frontier"].filter(
        pl.col("blend_input_share") == HEADLINE_BLEND, pl.col("level") != NMI
    )
    if frontier.drop_nulls("usd_per_mtok").is_empty():
        return nothing(name, title, "The release has no price of any capability level.")
    rows = _rows(frontier)
    # The asset of the curves draws them before there are halving times.
    known = [
        frontier["date"],
        *(t["as_of"] for t in [tables.get("price_halving")] if t is not None),
    ]
    first, end = frontier["date"].min(), newest(pl.concat(known))
    ticks = decades(*np.quantile(frontier["usd_per_mtok"].drop_nulls().to_numpy(), (0, 1)))
    whole = Box(first, end, ticks[0], ticks[-1])  # type: ignore[arg-type]
    polls = tables.get("price_polls")
    blind = [] if polls is None else unlisted(polls, whole.start, whole.end)
    lines, hatch = _watched(rows, blind, whole)
    scales = tuple(one for one in SCALES.items() if one[0] in set(rows["scale"]))
    controls = (
        Control("curve", "curve", "Show", tuple(CURVES.items())),
        Control("scale", "scale", "Levels by", scales),
    )
    default = frontier.filter(pl.col("level_scale").fill_null("MMLU") == scales[0][0])
    lowest = default.filter(pl.col("curve") == "cheapest_ever").sort("date")
    return Figure(
        name,
        price_title(default),
        _drawn(rows, controls, ticks),
        rows,
        {
            "level": "As capable as", "curve": "Curve", "day": "Since", "usd": "US dollars per million tokens",
            "model": "Model", "seller": "Seller", "dated": "Date is", "earliest": "At the earliest since",
        },
        f"Cheapest price of a million tokens by capability level. {_falls(lowest)}.{_unwatched_words(rows)}",
        controls,
        {
            "lines": lines, "hatch": hatch, "ends": _ends(rows, whole, ticks), "notes": _notes(blind),
            "events": events(rows, whole),
            "blind": hatching([Box(*one, whole.low, whole.high) for one in blind], whole),
        },
        basis=f"{counted(lowest.height, 'record low')} to {end}; hatched: nobody looked",
    )  # fmt: skip


def _rows(frontier: pl.DataFrame) -> pl.DataFrame:
    """A row for every step of a curve, ascending within each: what the table behind the chart shows."""
    return (
        frontier.select(
            "curve",
            level=pl.col("level").str.strip_prefix(INDEX_PREFIX),
            scale=pl.col("level_scale").fill_null("MMLU"),
            day="date",
            earliest=pl.coalesce("date_earliest", "date"),
            usd=pl.col("usd_per_mtok").round_sig_figs(4),
            seller="provider",
            model=pl.col("model").str.split("/").list.last(),
            dated=pl.col("basis"),
        )
        .with_columns(is_late=(pl.col("day") - pl.col("earliest")).dt.total_days() > UNWATCHED_DAYS)
        .sort("scale", "level", "curve", "day")
    )


def _ends(rows: pl.DataFrame, whole: Box, ticks: Sequence[float]) -> pl.DataFrame:
    """The names of the levels with their prices, at the end of each curve that has one, moved apart."""
    last = rows.group_by("scale", "level", "curve", maintain_order=True).last()
    on_offer = last.filter(pl.col("curve") == "cheapest_ever", pl.col("usd").is_not_null())
    words = [f"{level} {money(usd)}" for level, usd in on_offer.select("level", "usd").iter_rows()]
    on_offer = on_offer.with_columns(day=pl.lit(whole.end), text=pl.Series(words, dtype=pl.String))
    return labels_apart(
        on_offer.select("scale", "level", "day", "usd", "text").sort("level"), "usd", "scale", ticks
    )


def _drawn(
    rows: pl.DataFrame, controls: Sequence[Control], ticks: Sequence[float]
) -> alt.TopLevelMixin:
    """The curves with their steps and names, the hatching, and notes; `rows` tell the levels apart by colour."""
    colour, dash = _told_apart(rows)
    x = alt.X("day:T", axis=year_axis(), title=None)
    y = alt.Y(
        "usd:Q",
        scale=alt.Scale(type="log", domain=[ticks[0], ticks[-1]]),
        axis=price_axis(f"US dollars per million tokens, {percent(HEADLINE_BLEND)} input", ticks),
    )
    shown = filtered(rows_of(), controls)
    line = filtered(rows_of("lines"), controls).encode(x=x, y=y, color=colour, detail="run:N")
    tooltip = [
        alt.Tooltip("level:N"), alt.Tooltip("day:T", format="%d %b %Y"),
        alt.Tooltip("earliest:T", title="at the earliest", format="%d %b %Y"),
        alt.Tooltip("usd:Q", title="US dollars"), alt.Tooltip("model:N"), alt.Tooltip("seller:N"),
        alt.Tooltip("dated:N", title="date is"),
    ]  # fmt: skip
    slanted = {"x": x, "y": y, "x2": "day_end:T", "y2": "usd_end:Q"}
    drawn: alt.TopLevelMixin = (
        alt.layer(
            rows_of("blind").mark_rule(color=MUTED, strokeWidth=0.7, opacity=0.4).encode(**slanted),
            rows_of("notes").transform_filter("!narrow")
            .mark_text(align="left", dx=4, baseline="bottom", fontSize=11, color=INK)
            .encode(x=x, y=alt.value(HEIGHT - 5), text="words:N"),
            filtered(rows_of("hatch"), controls).mark_rule(strokeWidth=0.9, opacity=0.75)
            .encode(**slanted, color=colour),
            line.transform_filter("datum.is_watched").mark_line(interpolate="step-after", strokeWidth=2)
            .encode(strokeDash=dash),
            line.transform_filter("!datum.is_watched")
            .mark_line(interpolate="step-after", strokeWidth=1.4, strokeDash=[1, 3]),
            shown.mark_point(size=22, strokeWidth=1.2, opacity=1).encode(
                x=x, y=y, stroke=colour, tooltip=tooltip,
                fill=alt.condition("datum.is_late", alt.value(PAPER), colour),
            ),
            filtered(rows_of("events"), controls).transform_filter("!narrow")
            .mark_text(align="left", dx=5, fontSize=11, color=INK).encode(x=x, y=y, text="words:N"),
            filtered(rows_of("ends"), controls[1:])
            .transform_calculate(label="narrow ? datum.level : datum.text")
            .mark_text(align="left", dx=6, fontWeight=600)
            .encode(x=x, y=y, text="label:N", color=colour),
            ring(shown, x, y),
        )
        .add_params(*(control.parameter for control in controls), NARROW, FOCUS)
        .properties(height=HEIGHT, padding={"left": 5, "top": 5, "bottom": 5, "right": 5})
    )  # fmt: skip
    return drawn


def _falls(lowest: pl.DataFrame) -> str:
    """The first and the lowest price of each level in words; `lowest` are the record lows, ascending by date."""
    return "; ".join(
        f"{level}: {money(of_level['usd_per_mtok'][0])} on {of_level['date'][0]}, "
        f"{money(of_level['usd_per_mtok'][-1])} since {of_level['date'][-1]}"
        for (level,), of_level in lowest.group_by("level", maintain_order=True)
    )


def _watched(
    rows: pl.DataFrame, blind: Sequence[Stretch], whole: Box
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The curves as lines, and the hatching of where each may have been while nobody looked.

    Args:
        rows: the steps of all curves, ascending within each.
        blind: stretches in which no list was looked at.
        whole: the rectangle of the chart.
    """
    lines, hatch = [], []
    for (scale, level, curve), steps in rows.group_by(
        "scale", "level", "curve", maintain_order=True
    ):
        one = {"scale": pl.lit(scale), "level": pl.lit(level), "curve": pl.lit(curve)}
        cut = pieces(
            [Step(*step) for step in steps.select("day", "earliest", "usd").iter_rows()],
            blind,
            whole.end,
        )
        boxes = [
            Box(piece.start, piece.end, piece.low, piece.high)
            for piece in cut
            if piece.low < piece.high
        ]
        lines.append(as_lines(cut).with_columns(**one))
        hatch.append(hatching(boxes, whole).with_columns(**one))
    return pl.concat(lines), pl.concat(hatch)


def _told_apart(rows: pl.DataFrame) -> tuple[alt.Color, alt.StrokeDash]:
    """Hue and dash of each level: the levels of one scale have hues of their own, those beyond them dashes."""
    places: dict[str, int] = {}
    for scale in SCALES:
        levels = rows.filter(pl.col("scale") == scale)["level"].unique().sort().to_list()
        taken = {places[level] for level in levels if level in places}
        free = (place for place in range(len(levels)) if place not in taken)
        places |= {level: next(free) for level in levels if level not in places}
    hues = [SERIES[place % len(SERIES)] for place in places.values()]
    dashes = [[1, 0] if place < len(SERIES) else [6, 3] for place in places.values()]
    domain = list(places)
    return (
        alt.Color("level:N", legend=None, scale=alt.Scale(domain=domain, range=hues)),
        alt.StrokeDash("level:N", legend=None, scale=alt.Scale(domain=domain, range=dashes)),
    )


def _notes(blind: Sequence[Stretch]) -> pl.DataFrame:
    """The words over the longest stretch in which no list was looked at, if there is room."""
    longest = max(blind, key=lambda one: one.end - one.start, default=None)
    has_room = longest is not None and (longest.end - longest.start).days > LABELLED_DAYS
    made = (
        [{"day": longest.start, "words": "no price list was watched here"}]
        if longest and has_room
        else []
    )
    return pl.DataFrame(made, schema={"day": pl.Date, "words": pl.String})


def _unwatched_words(rows: pl.DataFrame) -> str:
    """A sentence of how many changes were found late, for readers who do not see the hatching."""
    late = rows.filter("is_late", curve="cheapest_ever").height
    if not late:
        return ""
    return f" {counted(late, 'record low')} {'was' if late == 1 else 'were'} found after over {UNWATCHED_DAYS} days without a look."


def price_title(frontier: pl.DataFrame) -> str:
    """The message of the price chart: the level whose price fell furthest."""
    ever = (
        frontier.filter(pl.col("curve") == "cheapest_ever")
        .drop_nulls("usd_per_mtok")
        .sort("level", "date")
        .group_by("level", maintain_order=True)
        .agg(
            fold=pl.col("usd_per_mtok").first() / pl.col("usd_per_mtok").last(),
            first=pl.col("date").first(),
        )
        .sort("fold", "level", descending=[True, False])
    )
    if ever.is_empty() or ever["fold"][0] < 1.5:
        return "Prices of a fixed capability have hardly fallen"
    row = ever.row(0, named=True)
    return (
        f"What {row['level']} could do costs 1/{two_digits(row['fold']):,} of its price in "
        f"{row['first']:%B %Y}"
    )
