"""What OpenRouter's lists have in common: pages that make one document, and pricing objects.

Amounts are USD per token, as text. Prices by prompt length or hour stand in `overrides`: an entry
holds where all its conditions do, later entries win, and what it does not name stays as in the base
price (https://openrouter.ai/docs, PricingOverride). Not here: the list of models (`openrouter`), the
lists of sellers (`openrouter_endpoints`), and asking for the pages (`openrouter_fetch`).
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.offers import MINUTES_PER_DAY, Quote, Tariff, kinds_of_day
from densing_pipeline.prices.sources.snapshot import NO_PRICE, Entries
from densing_pipeline.prices.sources.terms import read_terms
from densing_pipeline.prices.sources.values import (
    PER_TOKEN,
    UnreadableError,
    load_json,
    mapping,
    read_quote,
    shown,
    text,
    whole,
)

AMOUNTS = ("prompt", "completion", "input_cache_read")
CONDITIONS = ("min_prompt_tokens", "utc_start", "utc_end")
_CONDITION = re.compile(r"^(min|max|utc)_|day|hour|region")


def next_page(content: bytes) -> str | None:
    """Address of the page after this one, as the document states it; relative or absolute.

    None where there is none, and where the page cannot be read: the parser then says why.
    """
    try:
        links = mapping(load_json(content), "the document").get("links")
    except SnapshotError:
        return None
    return text(links.get("next")) if isinstance(links, dict) else None


def join_pages(pages: Sequence[bytes], *, is_one_too: bool = False) -> bytes:
    """Several documents as one: a single one as it was received, more as they were, in a list.

    Args:
        pages: the documents.
        is_one_too: whether a single one stands in a list as well.
    """
    if len(pages) == 1 and not is_one_too:
        return pages[0]
    return b'{"pages":[' + b",".join(pages) + b"]}"


def pages_of(document: Any) -> list[Mapping[str, Any]]:
    """The pages of a document as `join_pages` makes it; a response by itself is its only page.

    Raises:
        SnapshotError: it has another form.
    """
    found = mapping(document, "the document")
    pages = listed(found["pages"], "`pages`") if "pages" in found else [found]
    return [mapping(page, "a page") for page in pages]


def listed(value: Any, what: str) -> list[Any]:
    """The value, which must be a list.

    Args:
        value: from the document.
        what: name of the value, for the error.

    Raises:
        SnapshotError: it is no list.
    """
    if not isinstance(value, list):
        raise SnapshotError(f"{what} is no list but {shown(value)}")
    return value


def add_offers(
    entries: Entries,
    provider: str,
    model: str,
    pricing: Any,
    columns: Mapping[str, Any],
    around: Sequence[Any] = (),
) -> None:
    """All offers of one pricing object: by prompt length and hour.

    Args:
        entries: where they are collected.
        provider: who sells them.
        model: name as the list writes it.
        pricing: the pricing object.
        columns: further columns of the quotes.
        around: the objects that the pricing object is part of, which may state a currency or unit.
    """
    if not isinstance(pricing, dict) or not {"prompt", "completion"} <= pricing.keys():
        raise UnreadableError("pricing", pricing, "`pricing` without `prompt` and `completion`")
    terms = read_terms(PER_TOKEN, *around, pricing)
    if terms.problem:
        entries.leave_out(model, terms.problem)
        return
    columns = terms.doubt(columns)
    for name in pricing:
        if name not in AMOUNTS and name.startswith(("prompt_", "completion_", "input_cache_read_")):
            entries.leave_out(model, f"{name}: no price that we know")
    base, is_priced = read_quote(pricing, AMOUNTS, PER_TOKEN)
    if not is_priced:
        routed = {"offer": "alias", "reason": NO_PRICE} | dict(columns)
        entries.add(provider, model, base, is_priced=False, **routed)
        return
    overrides = _overrides(entries, model, pricing.get("overrides"))
    kinds, lost = kinds_of_day(_minutes(base, overrides))
    if "offer" in columns:  # a promotion has one price
        kinds, lost = {"standard": kinds["standard"]}, [*kinds.values()][1:] + lost
    for tariff in lost:
        entries.leave_out(model, f"further time-of-day price {tariff[0][1].input}")
    standard = dict(kinds["standard"])
    for kind, tariff in kinds.items():
        for over, quote in tariff:
            if kind == "standard" or standard.get(over) != quote:
                entries.add(provider, model, quote, kind=kind, over=over, **columns)


def _overrides(
    entries: Entries, model: str, found: Any
) -> list[tuple[int, tuple[int, int], Quote]]:
    """Conditional prices: prompt length from which, minutes of the day in which, and the amounts.

    Amounts an entry does not name are None.
    """
    overrides = []
    for entry in found if isinstance(found, list) else []:
        with entries.entry(model):
            if not isinstance(entry, dict) or not any(name in entry for name in CONDITIONS):
                raise UnreadableError("overrides", entry, "an override without a condition we know")
            strangers = [n for n in entry if _CONDITION.search(n) and n not in CONDITIONS]
            if strangers:
                raise UnreadableError("overrides", entry, f"{strangers[0]}: no condition we know")
            if problem := read_terms(PER_TOKEN, entry).problem:
                raise UnreadableError("overrides", entry, problem)
            quote, is_priced = read_quote(entry, AMOUNTS, PER_TOKEN)
            if not is_priced:
                raise UnreadableError("overrides", entry, "an override with price -1")
            over = whole("min_prompt_tokens", entry.get("min_prompt_tokens", Decimal(0)))
            window = _minute(entry, "utc_start", 0), _minute(entry, "utc_end", MINUTES_PER_DAY)
            overrides.append((over, window, quote))
    if found is not None and not isinstance(found, list):
        entries.quarantine(model, "overrides", found, "overrides are a list")
    return overrides


def _minute(entry: Mapping[str, Any], name: str, otherwise: int) -> int:
    """Minute of the day of an HHMM number such as 1630."""
    if name not in entry:
        return otherwise
    hours, minutes = divmod(whole(name, entry[name]), 100)
    if hours > 24 or minutes > 59 or (hours == 24 and minutes):
        raise UnreadableError(name, entry[name], "a time of day is HHMM, from 0 to 2400")
    return hours * 60 + minutes


def _minutes(
    base: Quote, overrides: Sequence[tuple[int, tuple[int, int], Quote]]
) -> dict[Tariff, int]:
    """How many minutes of the day each tariff holds."""
    lengths = sorted({0, *(over for over, _, _ in overrides)})
    edges = sorted({0, MINUTES_PER_DAY, *(edge for _, window, _ in overrides for edge in window)})
    minutes: dict[Tariff, int] = {}
    for start, end in pairwise(edges):
        at_hour = [(over, quote) for over, window, quote in overrides if _holds(window, start)]
        tariff = tuple((length, _folded(base, at_hour, length)) for length in lengths)
        kept = tuple(
            (length, quote)
            for position, (length, quote) in enumerate(tariff)
            if not position or quote != tariff[position - 1][1]
        )
        minutes[kept] = minutes.get(kept, 0) + end - start
    return minutes


def _holds(window: tuple[int, int], minute: int) -> bool:
    start, end = window
    return start <= minute < end if start <= end else minute >= start or minute < end


def _folded(base: Quote, overrides: Sequence[tuple[int, Quote]], length: int) -> Quote:
    """The base price with every override that holds at this prompt length; later ones win."""
    quote = base
    for over, found in overrides:
        if over <= length:
            quote = Quote(*(n if n is not None else b for n, b in zip(found, quote, strict=True)))
    return quote
