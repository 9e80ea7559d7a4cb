"""The cards of the first screen: one for every ruler of density, and one for the price."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import polars as pl

from densing_pipeline.headline import HEADLINE_BLEND, QUOTED_GROWTH
from densing_pipeline.publication.answers import (
    CURRENT_BASES,
    GROWTH,
    PRICE,
    Answer,
)
from densing_pipeline.publication.estimate import Estimate
from densing_pipeline.publication.growth import NOT_SHOWN, UNKNOWN, pace
from densing_pipeline.publication.report import glyphs
from densing_pipeline.publication.wording import counted, listed
from densing_pipeline.tables.schemas import Tables


@dataclass(frozen=True)
class Card:
    """One answer on the first screen.

    Attributes:
        topic: what it is about.
        figure: the number in large type; why there is none if it could not be estimated.
        interval: its 95 % interval with its unit, and what it is of; empty without one.
        others: further numbers, name and value.
        text: the answer and what it rests on.
        section: section of the page that shows it.
        series: series of the number in large type, as in the tables; empty without a number.
        glyph: a small drawing of it as SVG; empty without numbers.
        held: how often such intervals hold the truth in simulations; empty where that was not counted.
    """

    topic: str
    figure: str
    interval: str
    others: tuple[tuple[str, str], ...]
    text: str
    section: str
    series: str = ""
    glyph: str = ""
    held: str = ""


def cards(given: Sequence[Answer], tables: Tables | None = None) -> list[Card]:
    """The cards of the first screen: one for every ruler of density, and one for the price.

    Args:
        given: the answers.
        tables: the published tables, for the curve of the price and for how often intervals hold.
    """
    by_ruler = [made for answer in given if answer.topic == GROWTH for made in ruler_cards(answer)]
    made = [*by_ruler, *(price_card(answer) for answer in given if answer.topic == PRICE)]
    return made if tables is None else [with_evidence(one, tables) for one in made]


def with_evidence(made: Card, tables: Tables) -> Card:
    """A card with how often its intervals hold in simulations, and that of the price with its curve."""
    if made.section == "price":
        shown = tables["price_halving"].filter(
            pl.col("is_headline"),
            pl.col("level") == made.series,
            pl.col("blend_input_share") == HEADLINE_BLEND,
        )
        curve = (
            tables["price_frontier"]
            .filter(
                pl.col("level") == made.series,
                pl.col("blend_input_share") == HEADLINE_BLEND,
                pl.col("curve") == "cheapest_ever",
            )
            .drop_nulls("usd_per_mtok")
            .sort("date")
        )
        if curve.height:
            days = [day.toordinal() for day in curve["date"].to_list()]
            end = max(days[-1], *(day.toordinal() for day in shown["as_of"].to_list()), days[0])
            made = replace(made, glyph=glyphs.steps(days, curve["usd_per_mtok"].to_list(), end))
    elif made.series == QUOTED_GROWTH[0].name:
        shown = tables["density_growth"].filter("is_headline")
    else:
        return made
    held = shown["simulated_coverage"].drop_nulls()
    if held.is_empty():
        return made
    return replace(
        made, held=f"Such intervals held the truth in {held[0] * 100:.0f} % of simulated worlds."
    )


def ruler_cards(answer: Answer) -> list[Card]:
    """A card for every ruler of the answer to what gets denser, by all and by active parameters."""
    made = []
    ends = axis_of(answer.estimates)
    for name, of_ruler in groupby(answer.estimates, lambda one: one.series.rpartition(", ")[0]):
        # By all parameters first, as in every other answer.
        estimates = sorted(of_ruler, key=lambda one: list(CURRENT_BASES).index(basis_of(one)))
        made.append(
            Card(
                topic=f"Density: {name}",
                figure=figure(estimates[0]),
                interval=_of(basis_of(estimates[0]), ends_of(estimates[0])),
                others=tuple(
                    (
                        f"by {basis_of(one)} parameters",
                        f"{figure(one)} ({ends_of(one)})" if ends_of(one) else figure(one),
                    )
                    for one in estimates[1:]
                ),
                text=f"It rests on {counted(estimates[0].n, 'model')} to {estimates[0].until}."
                if estimates[0].until
                else "",
                section="rulers",
                glyph=ruler_glyph(estimates[0], ends),
                series=name,
            )
        )
    return made


def axis_of(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Ends of an axis of doublings a year that has room for the intervals of all estimates."""
    known = [
        value / math.log(2)
        for one in estimates
        for value in (one.growth_low, one.growth_high)
        if value is not None
    ]
    return min([-1.0, *known]) - 0.2, max([1.0, *known]) + 0.2


def ruler_glyph(estimate: Estimate, ends: tuple[float, float]) -> str:
    """The interval of an estimate, with its middle where a pace is quoted; empty without an interval."""
    low, high = estimate.growth_low, estimate.growth_high
    if low is None or high is None or estimate.growth is None:
        return ""
    told = low > 0 or high < 0
    middle = estimate.growth / math.log(2) if told else None
    return glyphs.interval(low / math.log(2), middle, high / math.log(2), ends)


def basis_of(estimate: Estimate) -> str:
    """The parameters that an estimate of the growth of density counts: `total` or `active`."""
    return estimate.series.rpartition(", ")[2]


FIGURES = {NOT_SHOWN: "no growth shown", UNKNOWN.verb: "cannot be told"}
"""What stands in large type in place of a verb that needs a subject."""


def figure(estimate: Estimate) -> str:
    """How fast density grows in a few words: `doubles every 6.6 months`, `no growth shown`."""
    told = pace(estimate)
    return f"{FIGURES.get(told.verb, told.verb)} {told.time}".strip()


def ends_of(estimate: Estimate) -> str:
    """The 95 % interval with its unit: in months where a doubling time is told, else a year's growth; empty without one."""
    told = pace(estimate)
    return f"{told.ends} months" if told.time and told.ends else told.ends


def _of(basis: str, ends: str) -> str:
    return f"{ends} by {basis} parameters (95 % interval)" if ends else f"by {basis} parameters"


def price_card(answer: Answer) -> Card:
    """The card of the price: the pace of the first level in large type, and that of each level."""
    told = [one for one in answer.estimates if one.is_bounded]
    if not told:
        return Card(answer.topic, "cannot be told", "", (), answer.sentence, "price")
    first = told[0]
    return Card(
        topic=answer.topic,
        figure=f"halves every {first.months:.1f} months",
        interval=f"{first.ends} months (95 % interval), as capable as {first.series}",
        others=tuple((one.series, one.text) for one in told) if len(told) > 1 else (),
        text=_price_text(answer, told),
        section="price",
        series=first.series,
    )


def _price_text(answer: Answer, told: Sequence[Estimate]) -> str:
    """The levels without an estimate, and what the others rest on."""
    lacking = [one.series for one in answer.estimates if one not in told]
    none = f"No pace can be told of {listed(lacking)}. " if lacking else ""
    return f"{none}{answer.basis}"
