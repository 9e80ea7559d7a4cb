"""Values of a price list: exact numbers from text, and errors for values that are no numbers.

Amounts are `Decimal` from the text of the document; each reader declares their unit. Three states
are kept apart: null (no price stated), 0 (free) and -1 (no price of its own). Not here: entries and
lists (`snapshot`).
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Context, Decimal
from typing import Any

from densing_pipeline.json_documents import load_first_stated
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.offers import Quote
from densing_pipeline.text import clean

PER_TOKEN = Decimal(1_000_000)
"""Factor to USD per million tokens for a list in USD per token."""

PER_MILLION = Decimal(1)
"""Factor for a list in USD per million tokens."""

_DOUBLE = Context(prec=15)
"""The digits that a binary number of 64 bits holds faithfully. Those that lists state beyond them are of the conversion:
2.9999900000000004e-06 is 2.99999e-06, and neither a rise nor a fall from it."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_TOKENS = re.compile(
    r"(?P<digits>\d{1,3}([_,]\d{3})+|\d+(\.\d+)?)[_ ]?(?P<unit>k|m|)", re.ASCII | re.IGNORECASE
)
_THOUSANDS = {"": Decimal(1), "k": Decimal(1_000), "m": Decimal(1_000_000)}
_LONGEST = 60
"""Characters of a number, and of a value repeated in a message."""


class UnreadableError(ValueError):
    """One value of an entry cannot be read.

    Attributes:
        column: name of the value in the document.
        value: what stands there, shortened.
    """

    def __init__(self, column: str, value: object, reason: str) -> None:
        """Name the value."""
        super().__init__(reason)
        self.column = column
        self.value = shown(value)


def load_json(content: bytes) -> Any:
    """The document, with numbers as exact `Decimal`, and the first value of a key that is stated twice.

    Raises:
        SnapshotError: it is not JSON, or not all of it is there.
    """
    return load_with_repeats(content)[0]


def load_with_repeats(content: bytes) -> tuple[Any, list[tuple[str, str, Any]]]:
    """The document as of `load_json`, and what is stated again in it with another value (`stated_again`).

    Raises:
        SnapshotError: it is not JSON, or not all of it is there.
    """
    head = content[:200].lstrip().lower()
    if head.startswith(b"<"):
        raise SnapshotError("HTML or XML instead of JSON: an error page, or the address has moved")
    try:
        return _loaded(content)
    except ValueError as error:
        raise SnapshotError(f"not JSON, or cut short ({error}); {len(content)} bytes") from error


def _loaded(content: bytes) -> tuple[Any, list[tuple[str, str, Any]]]:
    try:
        return load_first_stated(content, Decimal)
    except ArithmeticError:
        # Hardly a document has a number that `Decimal` cannot hold.
        return load_first_stated(content, _number)


def _number(written: str) -> Decimal | str:
    """A number of the document; its text if `Decimal` cannot hold it, so that only its entry is refused."""
    try:
        return Decimal(written)
    except ArithmeticError:
        return written


def mapping(document: Any, what: str) -> Mapping[str, Any]:
    """The document, if it is a JSON object.

    Raises:
        SnapshotError: it is something else.
    """
    if not isinstance(document, dict):
        raise SnapshotError(f"{what} is no JSON object but {shown(document)}")
    return document


def read_quote(
    prices: Mapping[str, Any], names: tuple[str, str, str], unit: Decimal
) -> tuple[Quote, bool]:
    """Input, output and cache-read price of an entry.

    Args:
        prices: the entry.
        names: names of the three amounts in it; an absent one is a null.
        unit: `PER_TOKEN` or `PER_MILLION`, as the list declares.

    Returns:
        The quote, and whether it is priced: false if input or output is -1.

    Raises:
        UnreadableError: an amount is no number, not finite, or negative but for -1.
    """
    amounts = [amount(name, prices.get(name)) for name in names]
    quote = Quote(*(None if a is None or a < 0 else a * unit for a in amounts))
    return quote, not any(a is not None and a < 0 for a in amounts[:2])


def amount(column: str, value: object) -> Decimal | None:
    """An amount as the document states it; -1 stays -1.

    Raises:
        UnreadableError: it is no number, not finite, or negative but for -1.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if len(value) > _LONGEST or not _NUMBER.fullmatch(value.strip()):
            raise UnreadableError(column, value, "a price is a decimal number")
        value = _number(value.strip())
        if isinstance(value, str):
            raise UnreadableError(column, value, "no price has this magnitude")
    if not isinstance(value, Decimal):
        raise UnreadableError(column, value, "a price is a decimal number")
    if not value.is_finite():
        raise UnreadableError(column, value, "a price is a finite number")
    if value < 0 and value != -1:
        raise UnreadableError(column, value, "a price is not negative (only -1, for none)")
    if value and not -15 <= value.adjusted() <= 12:
        raise UnreadableError(column, value, "no price has this magnitude")
    return value


def as_float(price: Decimal | None) -> float | None:
    """A price as tables have it, without digits that a float does not hold."""
    return None if price is None else float(_DOUBLE.plus(price))


def tokens(column: str, written: str) -> int:
    """A number of tokens as names spell it: `200000`, `256_000`, `200,000`, `128k`, `1m`, `1.5M`.

    Raises:
        UnreadableError: it is no such number, or no whole one.
    """
    found = _TOKENS.fullmatch(written)
    if found is None:
        raise UnreadableError(
            column, written, "a number of tokens is digits, with k or m after them"
        )
    digits = Decimal(re.sub("[_,]", "", found["digits"]))
    return whole(column, digits * _THOUSANDS[found["unit"].lower()])


def whole(column: str, value: object) -> int:
    """A count of tokens.

    Raises:
        UnreadableError: it is no whole number, or negative.
    """
    if isinstance(value, Decimal) and value.is_finite() and 0 <= value < 10**12 and value % 1 == 0:
        return int(value)
    raise UnreadableError(column, value, "a number of tokens is a whole number")


def text(value: object) -> str | None:
    """The text without outer blanks, as `densing_pipeline.text.clean` writes it; None if it is empty or no text."""
    return clean(value, max(len(value), 3)).strip() or None if isinstance(value, str) else None


def day(value: object) -> date | None:
    """The day of a date or instant as text; None if it is none between 2018 and 2097.

    Lists write a date far in the future for none.
    """
    try:
        found = date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and 2018 <= found.year <= 2097 else None


def shown(value: object) -> str | None:
    """A value as text for messages, shortened."""
    if value is None:
        return None
    return clean(str(value), _LONGEST)
