"""models.dev: models of many providers, with their cost in USD per million tokens.

Not here: its release dates (`release_date` of a model is no date of a price).
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from densing_pipeline.prices.offers import Quote
from densing_pipeline.prices.sources import modelsdev_files
from densing_pipeline.prices.sources.snapshot import NO_PRICE, Entries, ParsedSnapshot
from densing_pipeline.prices.sources.source import GitHistory, Source
from densing_pipeline.prices.sources.terms import read_terms
from densing_pipeline.prices.sources.values import (
    PER_MILLION,
    UnreadableError,
    mapping,
    read_quote,
    text,
    tokens,
    whole,
)

NAME = "models-dev"
AMOUNTS = ("input", "output", "cache_read")
PRIORITY = frozenset({("service_tier", "priority"), ("speed", "fast")})
"""Request fields that ask for priority."""

OVER = "context_over_"
"""How the name of a price for long prompts starts, as older copies of the list state it."""

CONVERTED = "converted from CNY by the source at a fixed rate"
DEPRECATED = "deprecated, says the list"


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The prices of all models that write text.

    Args:
        content: the list.
        observed_on: day it was received.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(NAME)
    for provider, listed in mapping(entries.load(content), "the list").items():
        models = listed.get("models") if isinstance(listed, dict) else None
        if not isinstance(models, dict):
            entries.quarantine(provider, "models", models, "a provider without models")
            continue
        of_all = {name: value for name, value in listed.items() if name != "models"}
        for key, model in models.items():
            entries.read(f"{provider}/{key}", _entry, provider, key, model, of_all)
    return entries.parsed()


def _entry(
    entries: Entries, provider: str, key: str, model: Any, of_all: Mapping[str, Any]
) -> None:
    if not isinstance(model, dict):
        raise UnreadableError("", model, "an entry that is no object")
    if "text" not in _outputs(model):
        entries.leave_out(f"{provider}/{key}", "does not write text")
    else:
        _model(entries, provider, key, model, of_all)


def _outputs(model: Mapping[str, Any]) -> list[Any]:
    """Kinds of output of the model; text if the list does not say."""
    modalities = model.get("modalities")
    outputs = modalities.get("output") if isinstance(modalities, dict) else None
    return outputs if isinstance(outputs, list) else ["text"]


def _model(
    entries: Entries,
    provider: str,
    key: str,
    model: Mapping[str, Any],
    of_all: Mapping[str, Any],
) -> None:
    columns: dict[str, Any] = {"source_url": text(of_all.get("doc"))} | _doubts(provider, model)
    base: Quote | None = None
    for kind, over, amounts in _offers(entries, f"{provider}/{key}", model):
        with entries.entry(f"{provider}/{key}"):
            if amounts is not None and not isinstance(amounts, dict):
                raise UnreadableError("cost", amounts, "a cost is an object")
            terms = read_terms(PER_MILLION, of_all, model, model.get("cost"), amounts)
            if terms.problem:
                entries.leave_out(f"{provider}/{key}", terms.problem)
                continue
            quote, is_priced = read_quote(amounts or {}, AMOUNTS, PER_MILLION)
            if over and base:
                quote = Quote(
                    *(own if own is not None else b for own, b in zip(quote, base, strict=True))
                )
            elif kind == "standard":
                base = quote
            stated = {} if is_priced else {"reason": NO_PRICE}
            entries.add(
                provider, key, quote, kind=kind, over=over, is_priced=is_priced,
                **terms.doubt(columns | stated),
            )  # fmt: skip


def _doubts(provider: str, model: Mapping[str, Any]) -> dict[str, str]:
    """Flag and reason of a price that may not be the one charged."""
    if model.get("status") == "deprecated":
        return {"flag": "unconfirmed", "reason": DEPRECATED}
    if provider.endswith("cn") or "-cn-" in provider:
        return {"flag": "unconfirmed", "reason": CONVERTED}
    return {}


def _offers(entries: Entries, key: str, model: Mapping[str, Any]) -> Iterator[tuple[str, int, Any]]:
    """Kind, prompt length and amounts of each offer, the base price first.

    `context_over_200k` is read only where there are no tiers: it repeats one, often with another threshold.
    """
    cost = model.get("cost")
    yield "standard", 0, cost
    tiers = cost.get("tiers") if isinstance(cost, dict) else None
    if tiers is not None and not isinstance(tiers, list):
        entries.quarantine(key, "tiers", tiers, "tiers are a list")
    for tier in tiers if isinstance(tiers, list) else []:
        size = tier.get("tier") if isinstance(tier, dict) else None
        with entries.entry(key):
            if not isinstance(size, dict) or size.get("type") != "context":
                raise UnreadableError("tiers", tier, "a tier that is not by context size")
            yield "standard", whole("size", size.get("size")), tier
    for name, amounts in cost.items() if isinstance(cost, dict) and tiers is None else ():
        if name.startswith(OVER):
            with entries.entry(key):
                over = tokens(name, name.removeprefix(OVER).removesuffix("_tokens"))
                yield "standard", over, amounts
    experimental = model.get("experimental")
    modes = experimental.get("modes") if isinstance(experimental, dict) else None
    for name, mode in modes.items() if isinstance(modes, dict) else []:
        if isinstance(mode, dict) and "cost" in mode:
            if _requests(mode) & PRIORITY:
                yield "priority", 0, mode["cost"]
            else:
                entries.leave_out(key, f"mode {name}: no kind of offer we know")


def _requests(mode: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Fields that a request must have to be served in this mode."""
    provider = mode.get("provider")
    body = provider.get("body") if isinstance(provider, dict) else None
    return {(name, str(value)) for name, value in body.items()} if isinstance(body, dict) else set()


SOURCE = Source(
    NAME,
    address_setting="models_dev_url",
    parse=parse,
    git=GitHistory("models_dev_git_url", ("providers", "models"), modelsdev_files.document),
)
