"""Numbers as people write them: 1731M, 1.7e9, 1,5, 1.731.234, $0.15, 3.1 x 10^20.

A comma can be a decimal mark or separate thousands; the whole file is asked which, for one cell such as
`1,234` cannot say. Not here: units that a header states (`roles`).
"""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

Mark = Literal["point", "comma"]

MULTIPLES = {
    "": 1.0,
    "k": 1e3, "thousand": 1e3, "thousands": 1e3,
    "m": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6,
    "b": 1e9, "bn": 1e9, "g": 1e9, "billion": 1e9, "billions": 1e9,
    "t": 1e12, "tn": 1e12, "trillion": 1e12, "trillions": 1e12,
}  # fmt: skip
"""Factors written behind a number, in small letters."""

CURRENCIES = {"$": "USD", "usd": "USD", "us$": "USD", "€": "EUR", "eur": "EUR", "£": "GBP", "gbp": "GBP",
              "¥": "JPY or CNY", "rmb": "CNY", "cny": "CNY", "jpy": "JPY"}  # fmt: skip

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "?", "."})

_SPACES = re.compile("[\u00a0\u2007\u2009\u202f]")
_POWER = re.compile(r"\s*[x×*·]\s*10\s*\^?\s*\(?([+-]?\d+)\)?$")
_SHAPE = re.compile(
    r"([^\d\s.,+-]*)\s*([+-]?)\s*([^\d\s.,+-]*)\s*(\d[\d.,' _’]*|[.,]\d+)(?:[eE]([+-]?\d+))?\s*([^\d\s]*)"
)
_GROUPS = re.compile(r"(?<=\d)[ '_’](?=\d{3}(?!\d))")


class Number(NamedTuple):
    """A cell that is a number.

    Attributes:
        value: the number, its factor included.
        factor: the word behind it in small letters, such as `m` of 1731M; empty without one.
        currency: code of the currency beside it; empty without one.
    """

    value: float
    factor: str = ""
    currency: str = ""


class _Parts(NamedTuple):
    sign: str
    digits: str
    exponent: str
    word: str
    currency: str


def number(cell: str, mark: Mark = "point") -> Number | str:
    """The number in a cell, or in words why there is none.

    Args:
        cell: the cell.
        mark: the decimal mark of the file.

    Examples:
        >>> number("1731M").value, number("1.730,5", "comma").value, number("$0.15").value
        (1731000000.0, 1730.5, 0.15)
        >>> number("n/a")
        'is empty'
    """
    if mark == "point":
        try:
            value = float(cell)
        except ValueError:
            value = np.nan
        if np.isfinite(value):
            return Number(value)
    if cell.strip().lower() in MISSING:
        return "is empty"
    if cell.strip().lower().lstrip("+-") in ("inf", "infinity", "∞"):
        return "is infinite"
    parts = _parts(cell)
    if parts is None or parts.word not in MULTIPLES:
        return "is not a number"
    digits = parts.digits
    point, group = (",", ".") if mark == "comma" else (".", ",")
    whole, _, fraction = digits.partition(point)
    if point in fraction or group in fraction or not _is_grouped(whole, group):
        return f"is not a number with a decimal {mark}"
    try:
        text = f"{parts.sign}{whole.replace(group, '')}.{fraction}e{parts.exponent or 0}"
        value = float(text) * MULTIPLES[parts.word]
    except ValueError:
        return "is not a number"
    return Number(value, parts.word, parts.currency) if abs(value) < float("inf") else "is infinite"


def decimal_mark(cells: Iterable[str]) -> Mark | tuple[str, str]:
    """The decimal mark that the cells of a file show: `point` unless some cells need a comma.

    Returns:
        The mark. If cells show both, or if commas are in front of three digits everywhere so that they
        may be either, two cells (the second empty) that show it.
    """
    shows = dict[Mark, str]()
    either = ""
    for cell in cells:
        is_simple = "," not in cell and cell.count(".") < 2
        if is_simple and ("." not in cell or "point" in shows):
            continue
        parts = _parts(cell)
        if parts is None or parts.word not in MULTIPLES:
            continue
        if is_simple:
            # Three digits behind one point may be thousands where commas are decimal marks.
            if len(parts.digits.partition(".")[2]) != 3 or parts.exponent:
                shows["point"] = cell
        elif found := _mark_of(parts.digits, parts.exponent):
            shows.setdefault(found, cell)
        else:
            either = either or cell
    if len(shows) == 2:
        return shows["point"], shows["comma"]
    if either and not shows:
        return either, ""
    return next(iter(shows), "point")


def _mark_of(digits: str, exponent: str) -> Mark | None:
    """The decimal mark that one number with commas or several points shows; None if it may be either."""
    if "," in digits and "." in digits:
        return "comma" if digits.rindex(",") > digits.rindex(".") else "point"
    if digits.count(".") > 1:
        return "comma"
    if digits.count(",") > 1:
        return "point"
    whole, _, fraction = digits.partition(",")
    is_group = len(fraction) == 3 and 1 <= len(whole) <= 3 and whole != "0" and not exponent
    return None if is_group else "comma"


def _is_grouped(whole: str, group: str) -> bool:
    """Whether separators of thousands, if any, stand before every three digits."""
    first, *others = whole.split(group)
    return not others or (1 <= len(first) <= 3 and all(len(each) == 3 for each in others))


def _parts(cell: str) -> _Parts | None:
    text = _POWER.sub(r"e\1", _SPACES.sub(" ", cell).strip().replace("\u2212", "-"))
    found = _SHAPE.fullmatch(_GROUPS.sub("", text))
    if found is None:
        return None
    before, sign, behind_sign, digits, exponent, word = found.groups()
    if before and behind_sign:
        return None
    words, currency = word.lower(), ""
    for each in filter(None, (before.lower(), behind_sign.lower())):
        if each not in CURRENCIES:
            return None
        currency = CURRENCIES[each]
    if words in CURRENCIES:
        currency, words = CURRENCIES[words], ""
    digits = digits.strip()
    return _Parts(sign, digits, exponent or "", words, currency)
