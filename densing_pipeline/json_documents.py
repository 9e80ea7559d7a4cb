"""JSON written by others: what Python's reader refuses or accepts in silence costs one value, not the page.

Numbers that no table can hold (an integer of thousands of digits, NaN, infinities) and keys that are
stated twice with different values are read as text, which no reader takes for a number or an object;
half surrogate pairs become U+FFFD. Not here: what a document means.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

LONGEST_INTEGER = 40
"""Digits of an integer that is read as one."""

STATED_TWICE = "(stated twice, with different values)"
"""Stands for the value of such a key."""

_HALF_CHARACTER = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""A surrogate without its other half, which JSON can write and no text can hold."""


def load(content: bytes, number: Callable[[str], Any] | None = None) -> Any:
    """The document.

    Args:
        content: JSON in UTF-8, UTF-16 or UTF-32.
        number: makes a value of each number as written; by default `int` and `float`, and text where
            neither can hold it.

    Raises:
        ValueError: it is not JSON, not all of it is there, or it is nested too deeply.
    """
    try:
        return json.loads(
            _HALF_CHARACTER.sub(rb"\\ufffd", content),
            parse_int=number or _integer,
            parse_float=number or _float,
            parse_constant=number or str,
            object_pairs_hook=_object,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _integer(written: str) -> int | str:
    return int(written) if len(written) <= LONGEST_INTEGER else written


def _float(written: str) -> float | str:
    value = float(written)
    return value if math.isfinite(value) else written


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(pairs)
    found = dict(pairs)
    if len(found) < len(pairs):
        first: dict[str, Any] = {}
        for key, value in pairs:
            if first.setdefault(key, value) != value:
                found[key] = STATED_TWICE
    return found
