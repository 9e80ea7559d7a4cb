"""Charts of prices: what a capability costs, who makes it cheaper, and the index."""

import math
from collections.abc import Mapping

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.paper import NMI
from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    HEIGHT,
    NARROW,
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
from densing_pipeline.publication.wording import counted
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
}
"""Columns of `price_decomposition` in words."""


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
    end = newest(pl.concat(known))
    steps = frontier.select(
        "curve",
        level=named_level(),
        scale=pl.col("level_scale").fill_null("MMLU"),
        day="date",
        usd=pl.col("usd_per_mtok").round_sig_figs(4),
        seller="provider",
        model=pl.col("model").str.split("/").list.last(),
        dated=pl.col("basis"),
    )
    last = steps.sort("day").group_by("scale", "level", "curve", maintain_order=True).last()
    last = last.select(steps.columns)
    rows = pl.concat(
        [steps.with_columns(is_step=True), last.with_columns(day=pl.lit(end), is_step=False)]
    ).sort("scale", "level", "curve", "day")
    low, high = np.quantile(frontier["usd_per_mtok"].drop_nulls().to_numpy(), (0, 1))
    ticks = decades(low, high)
    on_offer = last.filter(pl.col("curve") == "cheapest_ever", pl.col("usd").is_not_null())
    words = [f"{level} {money(usd)}" for level, usd in on_offer.select("level", "usd").iter_rows()]
    on_offer = on_offer.with_columns(day=pl.lit(end), text=pl.Series(words, dtype=pl.String))
    ends = labels_apart(on_offer.sort("level"), "usd", "scale", ticks)
    controls = (
        Control("curve", "curve", "Show", tuple(CURVES.items())),
        Control(
            "scale",
            "scale",
            "Levels by",
            tuple(one for one in SCALES.items() if one[0] in set(rows["scale"])),
        ),
    )
    levels = sorted(set(rows["level"]))
    scale = alt.Scale(domain=levels, range=[SERIES[i % len(SERIES)] for i in range(len(levels))])
    colour = alt.Color("level:N", scale=scale, legend=None)
    dash = alt.StrokeDash(
        "level:N", legend=None,
        scale=alt.Scale(domain=levels, range=[[1, 0] if i < len(SERIES) else [5, 3] for i in range(len(levels))]),
    )  # fmt: skip
    x = alt.X("day:T", axis=year_axis(), title=None)
    scale_y = alt.Scale(type="log", domain=[ticks[0], ticks[-1]])
    y = alt.Y(
        "usd:Q",
        scale=scale_y,
        axis=price_axis(f"US dollars per million tokens, {HEADLINE_BLEND:.0%} input", ticks),
    )
    shown = filtered(rows_of(), controls)
    tooltip = [
        alt.Tooltip("level:N"), alt.Tooltip("day:T", format="%d %b %Y"),
        alt.Tooltip("usd:Q", title="US dollars"), alt.Tooltip("model:N"), alt.Tooltip("seller:N"),
        alt.Tooltip("dated:N", title="date is"),
    ]  # fmt: skip
    chart = (
        alt.layer(
            filtered(rows_of("steps"), controls)
            .mark_line(interpolate="step-after", strokeWidth=2)
            .encode(x=x, y=y, color=colour, strokeDash=dash),
            shown.mark_point(size=22, filled=True, opacity=0.9).encode(
                x=x, y=y, color=colour, tooltip=tooltip
            ),
            filtered(rows_of("ends"), controls[1:])
            .transform_calculate(label="narrow ? datum.level : datum.text")
            .mark_text(align="left", dx=6, fontWeight=600)
            .encode(x=x, y=y, text="label:N", color=colour),
            ring(shown, x, y),
        )
        .add_params(*(control.parameter for control in controls), NARROW, FOCUS)
        .properties(height=HEIGHT, padding={"left": 5, "top": 5, "bottom": 5, "right": 5})
    )
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
        rows.filter("is_step"),
        {
            "level": "As capable as", "curve": "Curve", "day": "Since", "usd": "US dollars per million tokens",
            "model": "Model", "seller": "Seller", "dated": "Date is",
        },
        f"Cheapest price of a million tokens by capability level. {'; '.join(falls)}.",
        controls,
        {"steps": rows, "ends": ends},
        basis=f"{counted(dearest.height, 'record low')} to {end}",
    )  # fmt: skip


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
    rows = (
        falls.unpivot(on=list(CAUSES), index=["level", "log_change"], variable_name="cause")
        .with_columns(
            halvings=(-pl.col("value") / math.log(2)).round(2),
            words=pl.col("cause").replace_strict(CAUSES),
            place=pl.col("cause").replace_strict({cause: i for i, cause in enumerate(CAUSES)}),
        )
        .filter(pl.col("halvings") != 0)
        .sort("level", "place")
        .select("level", "words", "halvings", "place")
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
    x = alt.X(
        "halvings:Q",
        title="halvings of the price since the first, negative where it rose",
        axis=alt.Axis(grid=True),
    )
    chart = alt.layer(
        rows_of().mark_bar(height=16).encode(
            y=y, x=x, order="place:Q", tooltip=tooltip,
            color=alt.Color("words:N", title=None, scale=alt.Scale(domain=domain, range=list(SERIES[: len(domain)])),
                            legend=alt.Legend(orient="top")),
        ),
    ).add_params(NARROW, FOCUS).properties(height=30 * falls.height)  # fmt: skip
    found = [f"{row['level']}, {row['words']}: {row['halvings']}" for row in rows.to_dicts()]
    return Figure(
        name,
        said,
        chart,
        rows,
        {"level": "As capable as", "words": "Cause", "halvings": "Halvings"},
        f"{said}. Halvings by level and cause: {'; '.join(found)}.",
        basis="of the price on offer, over each level's whole history",
    )


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
