"""What an entry states of its amounts beside them: a currency, a unit, a fee per request.

The readers take amounts as USD per token, or per million, as their list declares. An entry that states another
currency or unit is left out, for its amounts are no such prices; one with a fee per request is
`unconfirmed`, for its tokens alone do not say what a request costs. Nothing is converted. Not here: the amounts (`values`).
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from densing_pipeline.prices.sources.values import (
    PER_MILLION,
    PER_TOKEN,
    UnreadableError,
    amount,
    shown,
)

DOLLARS = frozenset({"usd", "us$", "$", "us dollar", "us dollars", "dollar", "dollars"})

UNIT_FIELDS = frozenset(
    {"unit", "units", "per", "price_unit", "pricing_unit", "cost_unit", "billing_unit"}
    | {"unit_of_measure"}
)

TOKEN_UNITS: Mapping[Decimal, frozenset[str]] = {
    PER_TOKEN: frozenset({"token", "1token", "1"}),
    PER_MILLION: frozenset(
        {"mtok", "1mtok", "mtoken", "1mtoken", "milliontoken", "1milliontoken", "1000000token"}
        | {"1m", "million", "1million", "1000000"}
    ),
}
"""Ways to write the unit of a list, as `_plain` gives them."""

_FEE = re.compile(
    r"requests?(_(cost|price|fee|kcount))?|(\w+_)?(cost|price|fee)_per_(1k_)?requests?"
)
_UNIT_NOISE = re.compile(r"^(us\$|usd|\$)?\s*(per\b|/)?\s*|[\s_,./-]+")


class Terms(NamedTuple):
    """What an entry states of its amounts.

    Attributes:
        problem: why they are not in USD in the unit of the list; None if nothing says so.
        fee: what is charged per request beside them; None if nothing is.
    """

    problem: str | None
    fee: str | None

    def doubt(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Columns of a quote, `unconfirmed` if there is a fee; a flag that is there stays."""
        if self.fee is None:
            return dict(columns)
        reasons = [columns.get("reason"), self.fee]
        return {**columns, "flag": columns.get("flag") or "unconfirmed"} | {
            "reason": "; ".join(filter(None, reasons))
        }


def read_terms(unit: Decimal, *stated: Any) -> Terms:
    """The terms that some objects of a document state, such as a provider, its model and their prices.

    Args:
        unit: `PER_TOKEN` or `PER_MILLION`, as the list declares.
        stated: the objects; other values are ignored.
    """
    problem = fee = None
    for found in stated:
        for name, value in found.items() if isinstance(found, dict) else ():
            if value is None:
                continue
            if is_currency(name) and str(value).strip().lower() not in DOLLARS:
                problem = problem or f"in {shown(value)}, says the list: not a price in USD"
            elif name.lower() in UNIT_FIELDS and _plain(value) not in TOKEN_UNITS[unit]:
                problem = problem or f"per {shown(value)}, says the list: not its price per token"
            elif _FEE.fullmatch(name.lower()):
                fee = fee or _fee(name, value)
    return Terms(problem, fee)


def is_currency(name: str) -> bool:
    """Whether a field of this name states a currency."""
    return "currency" in name.lower()


def _plain(value: object) -> str:
    """A unit without currency, `per`, separators and plural: `USD per 1M tokens` is `1mtoken`."""
    return _UNIT_NOISE.sub("", str(value).strip().lower()).removesuffix("s")


def _fee(name: str, value: object) -> str | None:
    try:
        found = amount(name, value)
    except UnreadableError:
        return f"{name} {shown(value)}: a fee for requests that cannot be read"
    return f"{name} {found}: a fee for requests beside the tokens" if found and found > 0 else None
