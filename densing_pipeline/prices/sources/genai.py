"""genai-prices, version 2 of its remote data: the list whose embedded copy is the offline default.

Amounts are USD per million tokens. This builds the objects of the `genai_prices` package from the
exact text, model by model, so that one bad model costs only itself. Not here: what the conditional
prices mean (`genai_dated`).
"""

import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import genai_dated
from densing_pipeline.prices.sources.snapshot import QUOTES, Entries, ParsedSnapshot
from densing_pipeline.prices.sources.source import GitHistory, Source
from densing_pipeline.prices.sources.terms import is_currency, read_terms
from densing_pipeline.prices.sources.values import (
    PER_MILLION,
    UnreadableError,
    amount,
    day,
    shown,
    text,
    whole,
)

NAME = genai_dated.SOURCE

_UNIT = re.compile(r"[a-z][a-z0-9_]{0,59}")


def parse(content: bytes, observed_on: date) -> ParsedSnapshot:
    """All prices with their dates.

    Args:
        content: the list.
        observed_on: day it was received; prices that start later are `future`.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    entries = Entries(NAME)
    document = entries.load(content)
    if not isinstance(document, list):
        raise SnapshotError(f"the list is no list but {shown(document)}")
    for position, found in enumerate(document):
        _provider(entries, position, found, observed_on)
    return entries.parsed()


def _provider(entries: Entries, position: int, found: Any, observed_on: date) -> None:
    """The prices of a provider's models, as far as they can be read."""
    key = text(found.get("id")) if isinstance(found, dict) else None
    models = found.get("models") if isinstance(found, dict) else None
    if key is None or not isinstance(models, list):
        entries.quarantine(f"[{position}]", "id", found, "a provider without id or models")
        return
    urls = found.get("pricing_urls")
    provider = Provider(id=key, name=key, api_pattern="", pricing_urls=[])
    if isinstance(urls, list):
        provider.pricing_urls = [url for url in urls if isinstance(url, str)]
    for number, model in enumerate(models):
        name = text(model.get("id")) if isinstance(model, dict) else None
        with entries.entry(f"{key}/{name or number}"):
            if name is None:
                raise UnreadableError("id", model, "a model without id")
            if problem := read_terms(PER_MILLION, found, model).problem:
                entries.leave_out(f"{key}/{name}", problem)
                continue
            rows, left_out = genai_dated.model_rows(provider, _model(name, model), observed_on)
            for row in rows:
                entries.add_row({column: row[column] for column in row if column in QUOTES})
            for reason in left_out:
                entries.leave_out(f"{key}/{name}", reason)


def _model(name: str, model: Mapping[str, Any]) -> ModelInfo:
    prices, variants = model.get("prices"), model.get("price_variants") or []
    if not isinstance(variants, list):
        raise UnreadableError("price_variants", variants, "variants are a list")
    if prices == []:
        raise UnreadableError("prices", prices, "no entry at all")
    return ModelInfo(
        id=name,
        match=ClauseEquals(equals=name),
        price_comments=text(model.get("price_comments")),
        prices=[_conditional(entry) for entry in prices]
        if isinstance(prices, list)
        else _prices(prices),
        price_variants=[_variant(variant) for variant in variants],
    )


def _conditional(entry: Any) -> ConditionalPrice:
    if not isinstance(entry, dict):
        raise UnreadableError("prices", entry, "a conditional price is an object")
    return ConditionalPrice(
        _constraint(entry.get("constraint")), prices=_prices(entry.get("prices"))
    )


def _variant(variant: Any) -> PriceVariant:
    when = variant.get("when") if isinstance(variant, dict) else None
    if not isinstance(when, dict) or not when:
        raise UnreadableError("price_variants", variant, "a variant says when it holds")
    return PriceVariant(
        when={name: str(value) for name, value in when.items()},
        prices=_prices(variant.get("prices")),
        constraint=_constraint(variant.get("constraint")),
    )


def _prices(prices: Any) -> ModelPrice:
    if not isinstance(prices, dict):
        raise UnreadableError("prices", prices, "prices are an object")
    if problem := read_terms(PER_MILLION, prices).problem:
        raise UnreadableError("prices", prices, problem)
    prices = {unit: value for unit, value in prices.items() if not is_currency(unit)}
    for unit in prices:
        if not _UNIT.fullmatch(unit) or hasattr(ModelPrice, unit):
            raise UnreadableError("prices", unit, "no name of a unit")
    return ModelPrice(**{unit: _price(unit, value) for unit, value in prices.items()})


def _price(unit: str, value: Any) -> Decimal | TieredPrices | None:
    """A price, or one by prompt length."""
    if not isinstance(value, dict):
        return _amount(unit, value)
    base, tiers = _amount(unit, value.get("base")), value.get("tiers")
    if base is None or not isinstance(tiers, list) or not all(isinstance(t, dict) for t in tiers):
        raise UnreadableError(unit, value, "a tiered price has a base and tiers")
    steps = [(whole(unit, tier.get("start")), _amount(unit, tier.get("price"))) for tier in tiers]
    return TieredPrices(
        base=base,
        tiers=[Tier(start=start, price=price) for start, price in steps if price is not None],
    )


def _amount(unit: str, value: Any) -> Decimal | None:
    """USD, per million tokens where the unit is one of tokens; this list has no -1."""
    found = amount(unit, value)
    if found is not None and found < 0:
        raise UnreadableError(unit, value, "a price is not negative")
    return found


def _constraint(found: Any) -> StartDateConstraint | TimeOfDateConstraint | None:
    if found is None:
        return None
    if isinstance(found, dict) and (start := day(found.get("start_date"))):
        return StartDateConstraint(start)
    try:
        if isinstance(found, dict):
            first, last = (time.fromisoformat(found[name]) for name in ("start_time", "end_time"))
            return TimeOfDateConstraint(first, last)
    except (KeyError, TypeError, ValueError):
        pass
    raise UnreadableError("constraint", found, "a constraint is a start date or hours of the day")


SOURCE = Source(
    NAME,
    address_setting="genai_prices_url",
    parse=parse,
    # Version 1 of the data has the same prices in fewer units; version 2 began in July 2026.
    git=GitHistory("genai_prices_git_url", ("prices/new_data/v2/data.json", "prices/data.json")),
)
