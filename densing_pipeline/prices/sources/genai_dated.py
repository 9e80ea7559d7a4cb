"""Read price lists in the format of `genai-prices`: providers, models, conditional prices.

The format says which price applies to one request; a row of `prices` says which price held over an
interval. So each model is cut at every date on which one of its prices starts, and the format's own
resolution (`ModelInfo.get_prices`, later entries win) is asked once per piece.

Not here: where the list comes from (`embedded` for the installed copy).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from densing_pipeline.prices.offers import (
    MINUTES_PER_DAY,
    Quote,
    Tariff,
    kind_by_name,
    kinds_of_day,
    label,
)
from densing_pipeline.prices.sources.terms import read_terms
from densing_pipeline.prices.sources.values import PER_MILLION, as_float

SOURCE = "genai-prices"
MAKERS = frozenset(
    {"anthropic", "cohere", "deepseek", "google", "meta", "minimax", "mistral", "moonshotai"}
    | {"openai", "perplexity", "voyageai", "x-ai", "zai", "zhipuai"}
)
"""Providers that sell their own models and announce their prices. For all others upstream notes the
day on which its check found the new price: 130 of 211 dates of one reseller are one day."""

CONTEXT_KINDS = {
    ("processing", "batch"): "batch",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
    ("service_tier", "fast"): "priority",
    ("speed", "fast"): "priority",
}
"""Kind of offer by the request context a price variant asks for."""

SAME_PRICE_CONTEXTS = frozenset({("service_tier", "default"), ("search_type", "web")})
"""Contexts that only name the standard price."""

WITHDRAWN_WORDS = ("no longer list", "no longer in the", "shut down", "retired", "discontinued")
"""Words in a comment of the list that mark a model as no longer sold."""

UNDATED = (
    "undated: the list keeps withdrawn models, so it does not show that this one is still sold"
)
ANY_DAY = date(2026, 1, 1)
"""A day to ask on where the answer is the same on all days."""

Context = tuple[tuple[str, str], ...]
"""Properties of a request that select a price variant; empty for an ordinary request."""


class Piece(NamedTuple):
    """A quote over the half-open interval [start, end); None is an open end."""

    start: date | None
    end: date | None
    quote: Quote


def read_prices(
    providers: Sequence[Provider], *, observed_on: date, snapshot_sha256: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `prices`, and what was left out.

    Args:
        providers: the parsed list.
        observed_on: day the list was published; prices that start later are `future`.
        snapshot_sha256: hash of the bytes the list was read from.

    Returns:
        The rows, and a frame (provider, model, reason) of what has no row: models priced by the
        hour, page or character, and price variants that are no kind of offer we know.
    """
    rows: list[dict[str, Any]] = []
    left_out: list[tuple[str, str, str]] = []
    common = {"observed_from": observed_on, "snapshot_sha256": snapshot_sha256}
    for provider in providers:
        for model in provider.models:
            found, reasons = model_rows(provider, model, observed_on)
            left_out += [(provider.id, model.id, reason) for reason in reasons]
            rows += [common | row for row in found]
    return (
        pl.DataFrame(rows, infer_schema_length=None),
        pl.DataFrame(left_out, schema=["provider", "model", "reason"], orient="row").cast(
            pl.String
        ),
    )


def model_rows(
    provider: Provider, model: ModelInfo, observed_on: date
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of one model, without what they have in common, and why something of it was left out."""
    offers, reasons = _offers(model)
    common = {
        "source": SOURCE,
        "provider": provider.id,
        "model": model.id,
        "currency": "USD",
        "source_url": next(iter(provider.pricing_urls or ()), None),
    }
    return [common | row for row in _rows(offers, provider.id, model, observed_on)], reasons


def tariff(prices: ModelPrice) -> Tariff:
    """The token prices of one entry by prompt length; a tier holds for prompts longer than it."""
    values = (prices.input_mtok, prices.output_mtok, prices.cache_read_mtok)
    tiers = [value.tiers for value in values if isinstance(value, TieredPrices)]
    starts = sorted({0, *(tier.start for several in tiers for tier in several)})
    return tuple((start, Quote(*(_at(value, start) for value in values))) for start in starts)


def _at(value: Decimal | TieredPrices | None, start: int) -> Decimal | None:
    if not isinstance(value, TieredPrices):
        return value
    reached = [tier.price for tier in value.tiers if 0 < tier.start <= start]
    return reached[-1] if reached else value.base


def _offers(model: ModelInfo) -> tuple[dict[tuple[str, int], list[Piece]], list[str]]:
    """Prices of a model over time, keyed by (kind, minimum prompt tokens), and skipped entries with reasons."""
    if not any(_has_token_price(prices) for prices in _entries(model)) and _priced(model):
        return {}, ["priced by other units than tokens"]
    offers: dict[tuple[str, int], list[Piece]] = {}
    left_out: dict[str, None] = {}
    for context in _contexts(model):
        kind = "standard" if not context else CONTEXT_KINDS.get(context[0])
        if len(context) > 1 or kind is None:
            left_out[f"price variant {dict(context)} is no kind of offer we know"] = None
            continue
        found, lost = _pieces(model, context, kind)
        left_out |= dict.fromkeys(lost)
        for key, pieces in found.items():
            if offers.setdefault(key, pieces) != pieces:
                left_out[f"a second {key[0]} price, of {dict(context)}"] = None
    return offers, list(left_out)


def _pieces(
    model: ModelInfo, context: Context, kind: str
) -> tuple[dict[tuple[str, int], list[Piece]], list[str]]:
    """Prices of one request context, keyed by (kind, minimum prompt tokens), and skipped entries with reasons."""
    offers: dict[tuple[str, int], list[Piece]] = {}
    left_out: list[str] = []
    for start, end in pairwise([None, *_start_dates(model), None]):
        day = start or (end - timedelta(days=1) if end else ANY_DAY)
        if context and not _is_active(model, context, day):
            continue
        by_kind, lost = _by_time_of_day(model, context, day)
        left_out += lost
        for time_kind, quotes in by_kind.items():
            offer = kind if time_kind == "standard" else time_kind
            for over, quote in quotes:
                _append(offers.setdefault((offer, over), []), Piece(start, end, quote))
    return offers, left_out


def _append(pieces: list[Piece], piece: Piece) -> None:
    """Append a piece, or prolong the last one if nothing changed."""
    if pieces and pieces[-1].end == piece.start and pieces[-1].quote == piece.quote:
        piece = pieces.pop()._replace(end=piece.end)
    pieces.append(piece)


def _by_time_of_day(
    model: ModelInfo, context: Context, day: date
) -> tuple[dict[str, Tariff], list[str]]:
    """Tariffs of one day by kind: `standard` holds for most of the day, the others beside it.

    Of several cheaper (dearer) ones the cheapest is `off_peak` (the dearest `peak`); the rest, and
    hours of an offer that is not standard, are reported as left out.
    """
    edges = [0, *_time_edges(model), MINUTES_PER_DAY]
    minutes: dict[Tariff, int] = {}
    for start, end in pairwise(edges):
        instant = datetime(day.year, day.month, day.day, start // 60, start % 60, tzinfo=UTC)
        found = tariff(model.get_prices(instant, dict(context) or None))
        minutes[found] = minutes.get(found, 0) + end - start
    kinds, lost = kinds_of_day(minutes)
    if context:
        kinds, lost = (
            {"standard": kinds["standard"]},
            [t for t in minutes if t != kinds["standard"]],
        )
    return kinds, [f"further time-of-day price {found[0][1]}" for found in lost]


def _rows(
    offers: dict[tuple[str, int], list[Piece]], provider: str, model: ModelInfo, observed_on: date
) -> Iterator[dict[str, Any]]:
    """The rows of one model."""
    by_name = kind_by_name(model.id)
    withdrawn = any(words in (model.price_comments or "").lower() for words in WITHDRAWN_WORDS)
    fee = read_terms(PER_MILLION, *map(vars, _entries(model))).fee
    for (kind, over), pieces in offers.items():
        for before, piece in zip([None, *pieces[:-1]], pieces, strict=True):
            quote, refusal = _checked(piece.quote)
            end = piece.end if piece.end and piece.end <= observed_on else None
            is_future = piece.start is not None and piece.start > observed_on
            flag, reason = None, None
            if is_future:
                # An announcement closes nothing until its day has come: some never do.
                flag, end, reason = "future", piece.end, "announced for a later day"
            elif refusal:
                flag, reason = "refused", refusal
            elif fee:
                flag, reason = "unconfirmed", fee
            elif piece.quote == Quote(None, None, None):
                reason = "no price stated: free, or unknown to the list"
            elif end is None and withdrawn:
                flag, reason = "unconfirmed", "the list says that the model is no longer sold"
            elif end is None and piece.start is None:
                flag, reason = "unconfirmed", UNDATED
            yield {
                "offer": label(kind, by_name, over, quote, is_priced=not refusal),
                "context_over_tokens": over,
                "input_usd_per_mtok": as_float(quote.input),
                "output_usd_per_mtok": as_float(quote.output),
                "cache_read_usd_per_mtok": as_float(quote.cache_read),
                "valid_from": piece.start,
                "valid_to": end,
                "basis": (basis := _basis(piece.start, kind, provider)),
                "flag": flag,
                "reason": reason,
            } | _began(before, piece, basis, observed_on)


def _basis(start: date | None, kind: str, provider: str) -> str:
    if start is None:
        return "undated"
    if kind not in ("standard", "off_peak", "peak"):
        return "documented"  # variants start on the day upstream checked them
    return "announced" if provider in MAKERS else "first_observed"


def _began(before: Piece | None, piece: Piece, basis: str, observed_on: date) -> dict[str, Any]:
    """Between which days a price began: the day itself where the seller announced it.

    Where upstream notes the day of its check, the price began after the one before did.
    """
    earliest = piece.start if basis == "announced" else None
    if basis == "first_observed" and before and before.start:
        earliest = before.start + timedelta(days=1)
    last_known = piece.end - timedelta(days=1) if piece.end else observed_on
    latest = piece.start or min(observed_on, last_known)
    return {"valid_from_earliest": earliest, "valid_from_latest": latest}


def _checked(quote: Quote) -> tuple[Quote, str | None]:
    """The quote without amounts that are no prices, and why they are none."""
    bad = [
        f"{name} price {value} refused: a price is a finite number, zero or above"
        for name, value in zip(Quote._fields, quote, strict=True)
        if value is not None and not (value.is_finite() and value >= 0)
    ]
    sound = (v if v is None or (v.is_finite() and v >= 0) else None for v in quote)
    return Quote(*sound), "; ".join(bad) or None


def _entries(model: ModelInfo) -> list[ModelPrice]:
    if isinstance(model.prices, ModelPrice):
        return [model.prices]
    return [entry.prices for entry in model.prices]


def _has_token_price(prices: ModelPrice) -> bool:
    return any(value is not None for quote in tariff(prices) for value in quote[1])


def _priced(model: ModelInfo) -> bool:
    return any(v is not None for prices in _entries(model) for v in vars(prices).values())


def _conditions(model: ModelInfo) -> Iterable[ConditionalPrice | PriceVariant]:
    entries = [] if isinstance(model.prices, ModelPrice) else model.prices
    return [*entries, *(model.price_variants or ())]


def _start_dates(model: ModelInfo) -> list[date]:
    conditions = (entry.constraint for entry in _conditions(model))
    return sorted({c.start_date for c in conditions if isinstance(c, StartDateConstraint)})


def _time_edges(model: ModelInfo) -> list[int]:
    """Minutes of the UTC day, without midnight, at which a time-of-day price begins or ends."""
    conditions = (entry.constraint for entry in _conditions(model))
    daily = [c for c in conditions if isinstance(c, TimeOfDateConstraint)]
    edges = {_minute(t) for c in daily for t in (c.start_time, c.end_time)}
    return sorted(edges - {0})


def _minute(moment: time) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    utc = datetime.combine(ANY_DAY, aware).astimezone(UTC)
    return utc.hour * 60 + utc.minute


def _contexts(model: ModelInfo) -> list[Context]:
    """The request contexts a model has prices of its own for, the ordinary one first."""
    found = {tuple(sorted(v.when.items())) for v in model.price_variants or () if _prices_tokens(v)}
    return [(), *sorted(c for c in found if not set(c) <= SAME_PRICE_CONTEXTS)]


def _prices_tokens(variant: PriceVariant) -> bool:
    return _has_token_price(variant.prices)


def _is_active(model: ModelInfo, context: Context, day: date) -> bool:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return any(
        tuple(sorted(v.when.items())) == context
        and (v.constraint is None or v.constraint.active(noon))
        for v in model.price_variants or ()
    )
