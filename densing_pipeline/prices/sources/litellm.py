"""The LiteLLM map: one key per model and seller, maintained by hand by many contributors.

Amounts are USD per token. A key's cost fields spell out prompt length and kind of offer
(`input_cost_per_token_above_200k_tokens_batches`). Not here: which of its prices to believe; wrong
units have stood in it for months (`prices.book` compares sources).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from densing_pipeline.prices.offers import Quote
from densing_pipeline.prices.sources.snapshot import NO_PRICE, Entries, ParsedSnapshot
from densing_pipeline.prices.sources.source import GitHistory, Source
from densing_pipeline.prices.sources.values import (
    PER_TOKEN,
    UnreadableError,
    day,
    load_json,
    mapping,
    read_quote,
    text,
    whole,
)

NAME = "litellm"

NOT_MODELS = frozenset({"sample_spec", "fallback_generalizations", "last_updated"})
TEXT_MODES = frozenset({"chat", "completion", "responses"})
"""Modes whose price per token is the price of text. The others sell images, audio, vectors."""

AMOUNTS = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
OLD_CACHE_READ = "input_cost_per_token_cache_hit"

UNSTATED = "unstated"
"""Provider of a key for which the map names no seller, as early ones did."""

NO_SELLER = "the list names no seller"

KINDS = {
    None: "standard",
    "batches": "batch",
    "batch_requests": "batch",
    "flex": "flex",
    "priority": "priority",
}
"""Kind of offer by the last word of a cost field."""

_FIELD = re.compile(
    rf"(?P<amount>{'|'.join(AMOUNTS)})(_above_(?P<over>\d+)k_tokens)?(_(?P<kind>[a-z_]+))?"
)


class Offer(NamedTuple):
    """Prompt length and kind of offer that the name of a cost field states."""

    over: int
    kind: str


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The prices of all text models.

    Args:
        content: the map.
        observed_on: day it was received; models retired before are `unconfirmed`.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(NAME)
    for key, model in mapping(load_json(content), "the map").items():
        if key in NOT_MODELS:
            continue
        with entries.entry(key):
            _entry(entries, key, model, observed_on)
    return entries.parsed()


def _entry(entries: Entries, key: str, model: Any, observed_on: date) -> None:
    if not isinstance(model, dict):
        raise UnreadableError("", model, "an entry that is no object")
    mode = text(model.get("mode"))
    if mode not in TEXT_MODES:
        entries.leave_out(key, f"mode {mode}: not a price of text")
    elif not any("token" in name and "cost" in name for name in model) and _is_priced(model):
        entries.leave_out(key, "priced by other units than tokens")
    else:
        _model(entries, key, model, observed_on)


def _is_priced(model: Mapping[str, Any]) -> bool:
    return "tiered_pricing" not in model and any("cost" in name for name in model)


def _model(entries: Entries, key: str, model: Mapping[str, Any], observed_on: date) -> None:
    provider = text(model.get("litellm_provider")) or _prefix(key)
    columns = _columns(model, observed_on)
    if provider is None:
        provider, columns = UNSTATED, columns | {"flag": "unconfirmed", "reason": NO_SELLER}
    base: Quote | None = None
    for offer, amounts in sorted(_fields(entries, key, model).items()):
        with entries.entry(key):
            quote, is_priced = read_quote(amounts, AMOUNTS, PER_TOKEN)
            if offer == Offer(0, "standard"):
                base = quote
            elif offer.kind == "standard":
                quote = _inherited(quote, base)
            stated = {} if is_priced else {"reason": NO_PRICE}
            entries.add(
                provider, key, quote, kind=offer.kind, over=offer.over, is_priced=is_priced,
                **(columns | stated),
            )  # fmt: skip


def _prefix(key: str) -> str | None:
    """The seller a key such as `deepinfra/...` names; early maps had no field for it."""
    head, slash, _ = key.partition("/")
    return head if slash else None


def _columns(model: Mapping[str, Any], observed_on: date) -> dict[str, Any]:
    retired = day(model.get("deprecation_date"))
    columns: dict[str, Any] = {"expires_on": retired, "source_url": text(model.get("source"))}
    if retired and retired <= observed_on:
        columns |= {"flag": "unconfirmed", "reason": f"retired on {retired}, says the list"}
    return columns


def _fields(entries: Entries, key: str, model: Mapping[str, Any]) -> dict[Offer, dict[str, Any]]:
    """Amounts by offer; the standard offer is always among them, if only with empty prices."""
    offers: dict[Offer, dict[str, Any]] = {Offer(0, "standard"): {}}
    for offer, amount, value in (*_flat(entries, key, model), *_tiers(entries, key, model)):
        offers.setdefault(offer, {})[amount] = value
    standard = offers[Offer(0, "standard")]
    if AMOUNTS[2] not in standard and OLD_CACHE_READ in model:
        standard[AMOUNTS[2]] = model[OLD_CACHE_READ]
    off_peak = model.get("off_peak_pricing")
    if isinstance(off_peak, dict):
        offers[Offer(0, "off_peak")] = {name: off_peak.get(name) for name in AMOUNTS}
    # A cached price alone, as some keys state for a kind of offer, is no offer.
    return {
        offer: amounts
        for offer, amounts in offers.items()
        if offer == Offer(0, "standard") or amounts.keys() & set(AMOUNTS[:2])
    }


def _flat(entries: Entries, key: str, model: Mapping[str, Any]) -> Iterator[tuple[Offer, str, Any]]:
    """Cost fields whose name states the offer."""
    for name, value in model.items():
        found = _FIELD.fullmatch(name)
        if found is None or name == OLD_CACHE_READ:
            continue
        kind = KINDS.get(found["kind"])
        if kind is None:
            entries.leave_out(key, f"{found['kind']} price: no kind of offer we know")
            continue
        with entries.entry(key):
            over = whole(name, 1000 * Decimal(found["over"] or 0))
            yield Offer(over, kind), found["amount"], value


def _tiers(
    entries: Entries, key: str, model: Mapping[str, Any]
) -> Iterator[tuple[Offer, str, Any]]:
    """Amounts of `tiered_pricing`: a list of prices, each for a range of prompt lengths."""
    tiers = model.get("tiered_pricing")
    for tier in tiers if isinstance(tiers, list) else []:
        with entries.entry(key):
            if not isinstance(tier, dict) or not isinstance(tier.get("range"), list):
                raise UnreadableError(
                    "tiered_pricing", tier, "a tier without range of prompt lengths"
                )
            over = whole("range", tier["range"][0] if tier["range"] else None)
            for name in AMOUNTS:
                if name in tier:
                    yield Offer(over, "standard"), name, tier[name]


def _inherited(quote: Quote, base: Quote | None) -> Quote:
    """A price for long prompts; amounts that it does not state are those of the base price."""
    if base is None:
        return quote
    pairs = zip(quote, base, strict=True)
    return Quote(*(own if own is not None else other for own, other in pairs))


SOURCE = Source(
    NAME,
    address_setting="litellm_url",
    parse=parse,
    git=GitHistory("litellm_git_url", ("model_prices_and_context_window.json",)),
)
