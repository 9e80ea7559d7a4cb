"""OpenRouter: what a router asks for each model, and what each provider behind it asks.

Amounts are USD per token, as text. Prices by prompt length or hour stand in `overrides`: an entry
holds where all its conditions do, later entries win, and what it does not name stays as in the base
price (https://openrouter.ai/docs, PricingOverride). Not here: asking for the pages (`openrouter_fetch`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from densing_pipeline.prices.offers import MINUTES_PER_DAY, Quote, Tariff, kinds_of_day
from densing_pipeline.prices.sources.snapshot import NO_PRICE, Entries, ParsedSnapshot
from densing_pipeline.prices.sources.values import (
    PER_TOKEN,
    SnapshotError,
    UnreadableError,
    amount,
    day,
    load_json,
    mapping,
    read_quote,
    shown,
    text,
    whole,
)

NAME = "openrouter"
ENDPOINTS = "openrouter-endpoints"
"""Source of the prices by provider; each night covers only the models near a frontier."""

AMOUNTS = ("prompt", "completion", "input_cache_read")
CONDITIONS = ("min_prompt_tokens", "utc_start", "utc_end")
MOST_PAGES = 50


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The headline prices of all models.

    Args:
        content: a response of `/models`, or several joined by `join_pages`.
        observed_on: day it was received.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(NAME)
    pages = _pages(load_json(content))
    expected = max(map(_announced, pages), default=0)
    models = [model for page in pages for model in _list(page.get("data"), "`data`")]
    names = {
        shown(model.get("id") if isinstance(model, dict) else i) for i, model in enumerate(models)
    }
    if len(names) < expected:
        raise SnapshotError(f"{len(names)} models, but `total_count` says {expected}")
    for position, model in enumerate(models):
        key = text(model.get("id")) if isinstance(model, dict) else None
        if key is None:
            entries.quarantine(f"data[{position}]", "id", model, "an entry without id")
            continue
        with entries.entry(key):
            alias = model.get("alias_target")
            columns = {
                "hub_id": text(model.get("hugging_face_id")),
                "alias_of": text(alias.get("slug")) if isinstance(alias, dict) else None,
                "expires_on": day(model.get("expiration_date")),
            }
            _offers(entries, NAME, key, model.get("pricing"), columns)
    return entries.parsed()


def parse_endpoints(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The prices of each provider of some models; `provider` is the endpoint's tag.

    A price under a discount is `promotional`: it is what one pays, and its list price is not stated.

    Args:
        content: responses of `/models/{author}/{slug}/endpoints`, joined by `join_pages`.
        observed_on: day they were received.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(ENDPOINTS)
    for page in _pages(load_json(content)):
        key, endpoints = _sellers(page)
        for position, endpoint in enumerate(endpoints):
            _endpoint(entries, key, position, endpoint)
    return entries.parsed()


def _sellers(page: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The model of a page of endpoints, and they."""
    model = mapping(page.get("data"), "`data`")
    key = text(model.get("id"))
    if key is None:
        raise SnapshotError("endpoints of a model without id")
    return key, _list(model.get("endpoints"), f"`endpoints` of {key}")


def _endpoint(entries: Entries, model: str, position: int, endpoint: Any) -> None:
    seller = None
    if isinstance(endpoint, dict):
        seller = text(endpoint.get("tag")) or text(endpoint.get("provider_name"))
    if seller is None:
        entries.quarantine(f"{model}[{position}]", "tag", endpoint, "an endpoint without provider")
        return
    pricing = endpoint.get("pricing")
    quantisation = text(endpoint.get("quantization"))
    columns: dict[str, Any] = {"quantisation": None if quantisation == "unknown" else quantisation}
    with entries.entry(f"{model}[{seller}]"):
        if isinstance(pricing, dict) and (discount := amount("discount", pricing.get("discount"))):
            columns |= {"offer": "promotional", "reason": f"net of a discount of {discount}"}
        _offers(entries, seller, model, pricing, columns)


def next_page(content: bytes) -> str | None:
    """Address of the page after this one, as the document states it; relative or absolute.

    None where there is none, and where the page cannot be read: `parse` then says why.
    """
    try:
        links = mapping(load_json(content), "the document").get("links")
    except SnapshotError:
        return None
    return text(links.get("next")) if isinstance(links, dict) else None


def check_endpoints(content: bytes) -> None:
    """Whether a response names the sellers of a model, so that it can stand beside others.

    Raises:
        SnapshotError: it does not.
    """
    _sellers(mapping(load_json(content), "the document"))


def join_pages(pages: Sequence[bytes], *, is_one_too: bool = False) -> bytes:
    """Several documents as one: a single one as it was received, more as they were, in a list.

    Args:
        pages: the documents.
        is_one_too: whether a single one stands in a list as well.
    """
    if len(pages) == 1 and not is_one_too:
        return pages[0]
    return b'{"pages":[' + b",".join(pages) + b"]}"


def _pages(document: Any) -> list[Mapping[str, Any]]:
    found = mapping(document, "the document")
    pages = _list(found["pages"], "`pages`") if "pages" in found else [found]
    return [mapping(page, "a page") for page in pages]


def _announced(page: Mapping[str, Any]) -> int:
    """How many models the list says it has; 0 if it does not say."""
    try:
        return whole("total_count", page.get("total_count"))
    except UnreadableError:
        return 0


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise SnapshotError(f"{what} is no list but {shown(value)}")
    return value


def _offers(
    entries: Entries, provider: str, model: str, pricing: Any, columns: Mapping[str, Any]
) -> None:
    """All offers of one pricing object: by prompt length and hour."""
    if not isinstance(pricing, dict) or not {"prompt", "completion"} <= pricing.keys():
        raise UnreadableError("pricing", pricing, "`pricing` without `prompt` and `completion`")
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
