"""Charts of prices: what a capability costs, who makes it cheaper, and the index."""

import math
from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.cost.records import UNWATCHED_DAYS
from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.paper import NMI
from densing_pipeline.publication.charts.price_events import events
from densing_pipeline.publication.charts.style import (
    BLUE,
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
    named_rows,
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
    late_finds,
    pieces,
    unlisted,
)
from densing_pipeline.publication.wording import counted, percent
from densing_pipeline.tables.dates import newest

Tables = Mapping[str, pl.DataFrame]

CURVES = {"cheapest_ever": "lowest so far", "cheapest_now": "on offer that day"}

SCALES = {"MMLU": "score on MMLU", "ECI": "Epoch Capabilities Index"}
"""Scales of the levels in words, the default first."""

PREFIX = "eci-"
"""How the names of levels on the index begin; the name without it is that of the model."""

CAUSES = {
    "entry_of_models": "new models",
    "entry_of_providers": "new sellers",
    "repricing": "price changes",
    "exit": "withdrawals",
    "undated_log_change": "first looks at a list",
}
"""Columns of `price_decomposition` in words."""


FOUND_LATE = f"of all: found after over {UNWATCHED_DAYS} days without a look"
"""The part of a level's fall of which no more is known than that it happened in an unwatched stretch."""

HATCH_HALVINGS = 0.08
"""Distance between two strokes of the hatching of bars, in halvings."""

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
    # The asset of the curves draws them before there are halving times.
    known = [
        frontier["date"],
        *(t["as_of"] for t in [tables.get("price_halving")] if t is not None),
    ]
    first, end = frontier["date"].min(), newest(pl.concat(known))
    rows = (
        frontier.select(
            "curve",
            level=named_level(),
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
    low, high = np.quantile(frontier["usd_per_mtok"].drop_nulls().to_numpy(), (0, 1))
    ticks = decades(low, high)
    whole = Box(first, end, ticks[0], ticks[-1])  # type: ignore[arg-type]
    polls = tables.get("price_polls")
    blind = [] if polls is None else unlisted(polls, whole.start, whole.end)
    lines, hatch = _watched(rows, blind, whole)
    last = rows.group_by("scale", "level", "curve", maintain_order=True).last()
    on_offer = last.filter(pl.col("curve") == "cheapest_ever", pl.col("usd").is_not_null())
    words = [f"{level} {money(usd)}" for level, usd in on_offer.select("level", "usd").iter_rows()]
    on_offer = on_offer.with_columns(day=pl.lit(end), text=pl.Series(words, dtype=pl.String))
    ends = labels_apart(
        on_offer.select("scale", "level", "day", "usd", "text").sort("level"), "usd", "scale", ticks
    )
    controls = (
        Control("curve", "curve", "Show", tuple(CURVES.items())),
        Control(
            "scale",
            "scale",
            "Levels by",
            tuple(one for one in SCALES.items() if one[0] in set(rows["scale"])),
        ),
    )
    colour, dash = _told_apart(rows)
    x = alt.X("day:T", axis=year_axis(), title=None)
    scale_y = alt.Scale(type="log", domain=[ticks[0], ticks[-1]])
    y = alt.Y(
        "usd:Q",
        scale=scale_y,
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
    chart = (
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
    default = frontier.filter(pl.col("level_scale").fill_null("MMLU") == controls[1].options[0][0])
    dearest = default.filter(pl.col("curve") == "cheapest_ever").sort("date")
    falls = [
        f"{level}: {money(of_level['usd_per_mtok'][0])} on {of_level['date'][0]}, "
        f"{money(of_level['usd_per_mtok'][-1])} since {of_level['date'][-1]}"
        for (level,), of_level in dearest.group_by("level", maintain_order=True)
    ]
    return Figure(
        name,
        price_title(default),
        chart,
        rows,
        {
            "level": "As capable as", "curve": "Curve", "day": "Since", "usd": "US dollars per million tokens",
            "model": "Model", "seller": "Seller", "dated": "Date is", "earliest": "At the earliest since",
        },
        f"Cheapest price of a million tokens by capability level. {'; '.join(falls)}.{_unwatched_words(rows)}",
        controls,
        {
            "lines": lines, "hatch": hatch, "ends": ends, "notes": _notes(blind),
            "events": events(rows, whole),
            "blind": hatching([Box(*one, whole.low, whole.high) for one in blind], whole),
        },
        basis=f"{counted(dearest.height, 'record low')} to {end}; hatched: nobody looked",
    )  # fmt: skip


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
    return pl.concat(lines), pl.concat(hatch)  # fmt: skip


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
    return pl.DataFrame(made, schema={"day": pl.Date, "words": pl.String})  # fmt: skip


def _unwatched_words(rows: pl.DataFrame) -> str:
    """A sentence of how many changes were found late, for readers who do not see the hatching."""
    late = rows.filter("is_late", curve="cheapest_ever").height
    if not late:
        return ""
    return f" {counted(late, 'record low')} {'was' if late == 1 else 'were'} found after over {UNWATCHED_DAYS} days without a look."


def named_level() -> pl.Expr:
    """The level as its model is named."""
    return pl.col("level").str.strip_prefix(PREFIX)


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
        f"What {row['level']} could do costs 1/{_round(row['fold']):,} of its price in "
        f"{row['first']:%B %Y}"
    )


def _round(value: float) -> int:
    """A number with two significant digits."""
    digits = 1 - math.floor(math.log10(value))
    return round(round(value, digits))


def money(usd: float | None) -> str:
    """A price with two significant digits: `$38`, `$0.40`, `1.8 c`."""
    if usd is None:
        return "not on offer"
    usd *= 1 + 1e-9  # half a cent is rounded up, however it was computed
    if usd >= 10:
        return f"${_round(usd):,}"
    if usd >= 0.1:
        return f"${usd:.2f}"
    return f"{usd * 100:.2g} c"


def causes(tables: Tables) -> Figure:
    """Which part of each level's fall came from new models, new sellers and price changes."""
    name, title = "causes", "Who makes it cheaper"
    falls = tables["price_decomposition"].filter(
        pl.col("blend_input_share") == HEADLINE_BLEND,
        pl.col("period") == "all",
        pl.col("level") != NMI,
        pl.col("n_changes") > 0,
        ~pl.col("level").str.starts_with(PREFIX),
    )
    if falls.is_empty():
        return nothing(name, title, "No level's price has changed.")
    rows = falls.unpivot(on=list(CAUSES), index="level", variable_name="cause").select(
        "level",
        words=pl.col("cause").replace_strict(CAUSES),
        halvings=(-pl.col("value") / math.log(2)).round(2),
        place=pl.col("cause").replace_strict({cause: i for i, cause in enumerate(CAUSES)}),
    )
    late = _found_late(tables["price_frontier"], falls["level"])
    rows = pl.concat([rows, late]).filter(pl.col("halvings") != 0).sort("level", "place")
    strokes = pl.DataFrame(
        [
            {"level": level, "at": step * HATCH_HALVINGS}
            for level, halvings in late.select("level", "halvings").iter_rows()
            for step in range(1, int(halvings / HATCH_HALVINGS) + 1)
        ],
        schema={"level": pl.String, "at": pl.Float64},
    )
    entry = falls.select(pl.col("entry_of_models") + pl.col("entry_of_providers")).to_series().sum()
    said = (
        "New models and sellers, not price cuts, bring most of the fall"
        if entry < falls["repricing"].sum()
        else "Price cuts bring more of the fall than new models"
    )
    domain = list(CAUSES.values())
    y = named_rows("level")
    tooltip = [
        alt.Tooltip("level:N"),
        alt.Tooltip("words:N", title="cause"),
        alt.Tooltip("halvings:Q"),
    ]
    title_x = "halvings of the price since the first, negative where it rose"
    x = alt.X("halvings:Q", title=title_x, axis=alt.Axis(grid=True, tickMinStep=1))
    shades = alt.Scale(domain=domain, range=[*SERIES[: len(domain) - 1], MUTED])
    chart = alt.layer(
        rows_of().transform_filter(f"datum.place < {len(CAUSES)}").mark_bar(height=15, yOffset=-4).encode(
            y=y, x=x, order="place:Q", tooltip=tooltip,
            color=alt.Color("words:N", title=None, scale=shades, legend=alt.Legend(orient="top")),
        ),
        rows_of("strokes").mark_point(shape="M-1,1L1,-1", size=26, strokeWidth=1, color=INK, opacity=0.8, yOffset=9)
        .encode(y=y, x="at:Q"),
    ).add_params(NARROW, FOCUS).properties(height=36 * falls.height)  # fmt: skip
    found = [f"{row['level']}, {row['words']}: {row['halvings']}" for row in rows.to_dicts()]
    return Figure(
        name,
        said,
        chart,
        rows,
        {"level": "As capable as", "words": "Cause", "halvings": "Halvings"},
        f"{said}. Halvings by level and cause: {'; '.join(found)}.",
        more={"strokes": strokes},
        basis="of the price on offer, over each level's whole history; hatched: the part that was found after over "
        f"{UNWATCHED_DAYS} days in which nobody looked",
    )


def _found_late(frontier: pl.DataFrame, levels: pl.Series) -> pl.DataFrame:
    """The halvings of each level's price on offer that were found late, as rows of the chart of causes."""
    now = frontier.filter(
        pl.col("blend_input_share") == HEADLINE_BLEND, pl.col("curve") == "cheapest_now"
    )
    halvings = []
    for level in levels:
        steps = now.filter(pl.col("level") == level).sort("date")
        steps = steps.select("date", pl.coalesce("date_earliest", "date"), "usd_per_mtok")
        late = late_finds([Step(*step) for step in steps.iter_rows()])
        halvings.append(np.sum([math.log2(one.before / one.usd) for one in late if one.before]))
    made = {"level": levels, "words": FOUND_LATE, "halvings": pl.Series(halvings, dtype=pl.Float64)}
    place = pl.lit(len(CAUSES), pl.Int64)
    return pl.DataFrame(made).with_columns(pl.col("halvings").round(2), place=place)


def index(tables: Tables) -> Figure:
    """Price of all models at equal quality by month, with its interval."""
    name, title = "index", "The price of all models at equal quality"
    rows = (
        tables["price_index"]
        .filter(pl.col("blend_input_share") == HEADLINE_BLEND, pl.col("verdict") == "ok")
        .sort("month")
        .select(
            "month",
            pl.col("index", "low", "high").round_sig_figs(3),
            n="n_offers",
            models="n_models",
        )
    )
    if rows.is_empty():
        return nothing(
            name, title, "Too few models have a score and a price in every month for an index."
        )
    ticks = decades(rows["low"].min(), rows["high"].max())  # type: ignore[arg-type]
    x = alt.X("month:T", axis=year_axis(), title=None)
    scale = alt.Scale(type="log", domain=[ticks[0], ticks[-1]])
    axis = alt.Axis(title="Index, first month 100", values=ticks, format="~g")
    tooltip = [alt.Tooltip("month:T", format="%B %Y"), alt.Tooltip("index:Q"), alt.Tooltip("low:Q"),
               alt.Tooltip("high:Q"), alt.Tooltip("n:Q", title="offers")]  # fmt: skip
    base = rows_of()
    chart = alt.layer(
        base.mark_area(opacity=0.2, color=BLUE).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_line(color=BLUE, strokeWidth=2, point={"size": 20, "color": BLUE}).encode(
            x=x, y=alt.Y("index:Q", scale=scale, axis=axis), tooltip=tooltip
        ),
        ring(base, x, alt.Y("index:Q", scale=scale)),
    ).add_params(NARROW, FOCUS).properties(height=300)  # fmt: skip
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    fold = first["index"] / last["index"]
    said = (
        f"At equal quality, tokens cost 1/{fold:.2g} of what they did in {first['month']:%B %Y}"
        if fold >= 1.5
        else "At equal quality, the price of all models has not fallen by half"
    )
    return Figure(
        name,
        said,
        chart,
        rows,
        {"month": "Month", "index": "Index", "low": "95 % from", "high": "to", "n": "Offers",
         "models": "Models"},
        f"{said}: index {last['index']} ({last['low']} to {last['high']}) in {last['month']:%Y-%m}.",
        basis=f"hedonic index; {counted(last['n'], 'offer')} in {last['month']:%B %Y}",
    )  # fmt: skip
