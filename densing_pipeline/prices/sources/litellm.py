"""The LiteLLM map: one key per model and seller, maintained by hand by many contributors.

Amounts are USD per token. A key's cost fields spell out prompt length and kind of offer
(`input_cost_per_token_above_200k_tokens_batches`). Not here: which of its prices to believe; wrong
units have stood in it for months (`prices.book` compares sources).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from densing_pipeline.prices.offers import Quote, Tariff, kinds_of_day
from densing_pipeline.prices.sources.hours import MINUTES_PER_WEEK, minutes_of_week
from densing_pipeline.prices.sources.snapshot import NO_PRICE, Entries, ParsedSnapshot
from densing_pipeline.prices.sources.source import GitHistory, Source
from densing_pipeline.prices.sources.terms import read_terms
from densing_pipeline.prices.sources.values import (
    PER_TOKEN,
    UnreadableError,
    day,
    mapping,
    read_quote,
    text,
    tokens,
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
    rf"(?P<amount>{'|'.join(AMOUNTS)})(_(above|over)_(?P<over>\d[\d_]*?(\.\d+)?_?[kKmM]?)(_tokens)?)?"
    r"(_(?P<kind>[a-z_]+))?",
)
_TEXT_PRICE = re.compile(r"(input|output)_cost_per_|cache_read_input_token_cost")
_OTHER_PRICE = re.compile(
    "audio|image|video|pixel|character|second|query|request|page|credit|session|message"
    "|reasoning|citation|dbu|db_cost"
)
"""Words in the names of cost fields that are no price of a prompt's or an answer's text."""


class Offer(NamedTuple):
    """Prompt length and kind of offer that the name of a cost field states."""

    over: int
    kind: str


STANDARD = Offer(0, "standard")


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The prices of all text models.

    Args:
        content: the map.
        observed_on: day it was received; models retired before are `unconfirmed`.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(NAME)
    for key, model in mapping(entries.load_members(content), "the map").items():
        if key in NOT_MODELS:
            continue
        retired = day(model.get("deprecation_date")) if isinstance(model, dict) else None
        is_retired = retired is not None and retired <= observed_on
        entries.read(key, _entry, key, model, is_retired)
    return entries.parsed()


def _entry(entries: Entries, key: str, model: Any, is_retired: bool) -> None:
    if not isinstance(model, dict):
        raise UnreadableError("", model, "an entry that is no object")
    mode = text(model.get("mode"))
    if mode not in TEXT_MODES:
        entries.leave_out(key, f"mode {mode}: not a price of text")
    elif not any("token" in name and "cost" in name for name in model) and _is_priced(model):
        entries.leave_out(key, "priced by other units than tokens")
    else:
        _model(entries, key, model, is_retired)


def _is_priced(model: Mapping[str, Any]) -> bool:
    return "tiered_pricing" not in model and any("cost" in name for name in model)


def _model(entries: Entries, key: str, model: Mapping[str, Any], is_retired: bool) -> None:
    terms = read_terms(PER_TOKEN, model)
    if terms.problem:
        entries.leave_out(key, terms.problem)
        return
    provider = text(model.get("litellm_provider")) or _prefix(key)
    columns = terms.doubt(_columns(model, is_retired))
    if provider is None:
        provider, columns = UNSTATED, columns | {"flag": "unconfirmed", "reason": NO_SELLER}
    base: Quote | None = None
    fields, doubts = _by_hours(entries, key, model, _fields(entries, key, model))
    columns |= doubts
    for offer, amounts in sorted(fields.items()):
        with entries.entry(key):
            quote, is_priced = read_quote(amounts, AMOUNTS, PER_TOKEN)
            if offer == STANDARD:
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


def _columns(model: Mapping[str, Any], is_retired: bool) -> dict[str, Any]:
    retired = day(model.get("deprecation_date"))
    columns: dict[str, Any] = {"expires_on": retired, "source_url": text(model.get("source"))}
    if is_retired:
        columns |= {"flag": "unconfirmed", "reason": f"retired on {retired}, says the list"}
    return columns


def _fields(entries: Entries, key: str, model: Mapping[str, Any]) -> dict[Offer, dict[str, Any]]:
    """Amounts by offer; the standard offer is always among them, if only with empty prices."""
    offers: dict[Offer, dict[str, Any]] = {STANDARD: {}}
    for offer, amount, value in (*_flat(entries, key, model), *_tiers(entries, key, model)):
        amounts = offers.setdefault(offer, {})
        if amounts.get(amount) is None:
            amounts[amount] = value
        elif amounts[amount] != value:
            entries.quarantine(key, amount, value, f"a second {offer.kind} price for one offer")
    standard = offers[STANDARD]
    if AMOUNTS[2] not in standard and OLD_CACHE_READ in model:
        standard[AMOUNTS[2]] = model[OLD_CACHE_READ]
    # A cached price alone, as some keys state for a kind of offer, is no offer.
    return {
        offer: amounts
        for offer, amounts in offers.items()
        if offer == STANDARD or amounts.keys() & set(AMOUNTS[:2])
    }


def _flat(entries: Entries, key: str, model: Mapping[str, Any]) -> Iterator[tuple[Offer, str, Any]]:
    """Cost fields whose name states the offer."""
    for name, value in model.items():
        found = _FIELD.fullmatch(name)
        if found is None:
            is_text = _TEXT_PRICE.match(name) and "token" in name
            if is_text and not _OTHER_PRICE.search(name):
                entries.leave_out(key, f"{name}: no price that we know")
            continue
        if name == OLD_CACHE_READ:
            continue
        kind = KINDS.get(found["kind"])
        if kind is None:
            entries.leave_out(key, f"{found['kind']} price: no kind of offer we know")
            continue
        with entries.entry(key):
            over = tokens(name, found["over"]) if found["over"] else 0
            yield Offer(over, kind), found["amount"], value


def _by_hours(
    entries: Entries, key: str, model: Mapping[str, Any], offers: dict[Offer, dict[str, Any]]
) -> tuple[dict[Offer, dict[str, Any]], dict[str, str]]:
    """The offers with those of certain hours: `standard` is the price of most of the week.

    Returns:
        Amounts by offer, and columns of all quotes of the model: if the hours cannot be read, nobody can
        tell which price is the ordinary one.
    """
    stated = model.get("off_peak_pricing")
    if stated is None:
        return offers, {}
    with entries.entry(key):
        if not isinstance(stated, dict):
            raise UnreadableError(
                "off_peak_pricing", stated, "prices of certain hours are an object"
            )
        if problem := read_terms(PER_TOKEN, stated).problem:
            raise UnreadableError("off_peak_pricing", stated, problem)
        usual = offers[STANDARD]
        amounts = usual | {name: stated[name] for name in AMOUNTS if name in stated}
        minutes = minutes_of_week(stated)
        quotes: list[Tariff] = [
            ((0, read_quote(each, AMOUNTS, PER_TOKEN)[0]),) for each in (usual, amounts)
        ]
        of_quote = dict(zip(quotes, (usual, amounts), strict=True))
        kinds, _ = kinds_of_day(
            dict(zip(quotes, (MINUTES_PER_WEEK - minutes, minutes), strict=True))
        )
        return offers | {Offer(0, kind): of_quote[found] for kind, found in kinds.items()}, {}
    return offers, {"flag": "unconfirmed", "reason": "prices of certain hours that cannot be read"}


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
            if problem := read_terms(PER_TOKEN, tier).problem:
                raise UnreadableError("tiered_pricing", tier, problem)
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
