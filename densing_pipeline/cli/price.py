"""`densing price`: what a model cost on a day, seller by seller, and what each price rests on."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.table import Table

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings, published_folder
from densing_pipeline.past_prices.evidence import where
from densing_pipeline.past_prices.naming import UnknownModelError
from densing_pipeline.past_prices.on_day import (
    NO_PRICE,
    TABLES,
    FutureDayError,
    OfferOnDay,
    PriceAnswer,
    price_on_day,
)
from densing_pipeline.past_prices.wording import amount, kind, sentence, since
from densing_pipeline.publication.reading import read_tables
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.schemas import TableError
from densing_pipeline.text import plain


def run(
    screen: Screen, model: str, on: date, known: date | None, seller: str | None, *, show_all: bool
) -> None:
    """Print what a model cost on a day.

    Raises:
        CommandError: there is no release, no offer has that name, or the day has not come.
    """
    landing = current_settings().landing_dir
    try:
        latest = published_folder() / "latest"
        answer = price_on_day(read_tables(TABLES, latest), model, on, known)
    except (TableError, UnknownModelError, FutureDayError) as error:
        raise CommandError(str(error)) from error
    shown = [
        one
        for one in answer.offers
        if (one.is_named or show_all) and seller in (None, one.seller, one.provider)
    ]
    if not shown and seller is not None:
        sellers = sorted({one.seller for one in answer.offers if one.is_named or show_all})
        raise CommandError(f"{seller} does not sell {model}; these do: {', '.join(sellers)}")
    screen.say(sentence(answer, shown), end="\n\n")
    priced = [one for one in shown if one.certainty not in NO_PRICE]
    if priced:
        screen.show(_table(priced))
        screen.say()
    for certainty, words in (("not offered", "Not on sale that day"), ("unknown", "Not known")):
        said = [f"{_offered(one)}, {one.reason}" for one in shown if one.certainty == certainty]
        if said:
            screen.say(f"{words}: {'; '.join(dict.fromkeys(said))}.", end="\n\n")
    _evidence(screen, priced, landing)
    _rest(screen, answer, show_all=show_all)


def _table(offers: Sequence[OfferOnDay]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("offer", "kind", "input", "output", "cached", "how sure", "since", "remark"):
        right = name in ("input", "output", "cached")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for one in offers:
        table.add_row(
            plain(_name(one)),
            plain(kind(one)),
            amount(one.input_usd_per_mtok, one.or_input_usd_per_mtok),
            amount(one.output_usd_per_mtok, one.or_output_usd_per_mtok),
            amount(one.cache_read_usd_per_mtok),
            one.certainty,
            since(one),
            plain(one.reason),
        )
    return table


def _name(one: OfferOnDay) -> str:
    """Offer and list: the seller first, where the name does not say it."""
    named = one.model if one.model.startswith(f"{one.provider}/") else f"{one.provider} {one.model}"
    return f"{named} ({one.source})"


def _offered(one: OfferOnDay) -> str:
    """Offer and list, with the kind of any but a standard offer: one name may be sold in several ways."""
    return _name(one) if kind(one) == "standard" else f"{_name(one)}, {kind(one)}"


def _evidence(screen: Screen, priced: Sequence[OfferOnDay], landing: Path) -> None:
    """The bytes behind the prices, one line for each."""
    said = dict.fromkeys(
        f"{one.source}: sha256 {one.snapshot_sha256}, "
        f"{where(one.source, one.snapshot_sha256, one.observed_from, landing)}"
        for one in priced
    )
    for line in said:
        screen.line(line)


def _rest(screen: Screen, answer: PriceAnswer, *, show_all: bool) -> None:
    others = sum(not one.is_named for one in answer.offers)
    if others and not show_all:
        sold = " and ".join(answer.canonical_ids)
        screen.say(f"{counted(others, 'more offer')} of {sold} under other names: add --all.")
