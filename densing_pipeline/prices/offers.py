"""Offers: prices by prompt length, and the kind of offer derived from a name, an amount or hours.

Only `standard` offers set a frontier. Not here: kinds that a list states in a field of its own
(batch, priority); the reader of that list names those.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

MINUTES_PER_DAY = 24 * 60


class Quote(NamedTuple):
    """Prices of one offer in USD per million tokens; None where the list states none."""

    input: Decimal | None
    output: Decimal | None
    cache_read: Decimal | None


Tariff = tuple[tuple[int, Quote], ...]
"""Quotes by the prompt length above which they hold; the first is the base price at 0."""

_BY_SUFFIX = {":free": "free", ":batch": "batch", ":flex": "flex"}


def kind_by_name(model: str) -> str:
    """The kind of offer a model name stands for.

    `author/x:free` is free, `author/x:batch` a batch offer; `~author/x-latest` and `x-latest` are aliases:
    the model behind the name changes, so their price is not the price of one model.
    """
    name = model.lower()
    if name.startswith("~") or name.endswith(("-latest", ":latest")):
        return "alias"
    return next((kind for suffix, kind in _BY_SUFFIX.items() if name.endswith(suffix)), "standard")


def is_free(input_price: Decimal | None, output_price: Decimal | None) -> bool:
    """Whether nothing is charged for tokens; a price that is not stated charges nothing either."""
    return not input_price and not output_price


def label(kind: str, by_name: str, over: int, quote: Quote, *, is_priced: bool = True) -> str:
    """Kind of offer of a price.

    Args:
        kind: what the list says: `standard`, or a kind of its own such as `batch`.
        by_name: kind the model's name stands for (`kind_by_name`).
        over: prompt length above which the price holds.
        quote: the prices.
        is_priced: false where the list gives no price, so that none is not taken for free.
    """
    if kind != "standard":
        return kind
    if by_name != "standard":
        return by_name
    if is_priced and is_free(quote.input, quote.output):
        return "free"
    return "long_context" if over else "standard"


def kinds_of_day(minutes: Mapping[Tariff, int]) -> tuple[dict[str, Tariff], list[Tariff]]:
    """Tariffs of one day by kind: `standard` holds for most of it, the others beside it.

    Of several cheaper (dearer) ones the cheapest is `off_peak` (the dearest `peak`).

    Args:
        minutes: how long each tariff holds.

    Returns:
        The tariffs by kind, and those that are none of them.
    """
    standard = max(minutes, key=lambda found: (minutes[found], _rank(found)))
    kinds = {"standard": standard}
    others = sorted((found for found in minutes if found != standard), key=_rank)
    if others and _rank(others[0]) < _rank(standard):
        kinds["off_peak"] = others[0]
    if others and _rank(others[-1]) > _rank(standard):
        kinds["peak"] = others[-1]
    return kinds, [found for found in others if found not in kinds.values()]


def _rank(found: Tariff) -> tuple[Decimal, Decimal]:
    base = found[0][1]
    return base.input or Decimal(0), base.output or Decimal(0)
