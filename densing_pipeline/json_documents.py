"""JSON written by others: what Python's reader refuses or accepts in silence costs one value, not the page.

Numbers that no table can hold (an integer of thousands of digits, NaN, infinities), keys that are stated
twice with different values, and lists and objects nested too deeply are read as text, which no reader takes
for a number or an object; half surrogate pairs become U+FFFD. Not here: what a document means.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

LONGEST_INTEGER = 40
"""Digits of an integer that is read as one."""

STATED_TWICE = "(stated twice, with different values)"
"""Stands for the value of such a key."""

NESTED = "(nested too deeply)"
"""Stands for a list or object below `DEEPEST` others."""

DEEPEST = 100
"""Lists and objects within each other; the documents that are read here need ten.

Python's own bound differs between its versions, and code that walks a document may reach it later.
"""

MOST_VALUES = 5_000_000
"""Values of a document; at 64 MiB, the largest that is fetched, three bytes a value would take 2 GB."""

_NESTING = (dict, list)
"""A tuple, for `isinstance` takes twice as long with `dict | list`, and every value of a document is asked."""

_HALF = re.compile("[\ud800-\udfff]")
_WRITTEN_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape sequence; `half` is a surrogate without its other half."""

_BLANKS = " \t\n\r"
_OPENING = re.compile(rf"[{_BLANKS}]*\{{")
_KEY = re.compile(rf'[{_BLANKS}]*"([^"\\\x00-\x1f]*)"[{_BLANKS}]*:[{_BLANKS}]*')
_AFTER = re.compile(rf"[{_BLANKS}]*([,}}])")
"""How an object opens; a key of it, without escapes, up to its value; and what follows a value."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|(?P<start>[\[{])|[\]}]', re.DOTALL)
"""A text, or where a list or object starts or ends."""


class FirstStated(dict[str, Any]):
    """An object with the first value of each key, of which some are stated again with another value.

    Attributes:
        again: those keys with their later values.
    """

    again: list[tuple[str, Any]]


def load(content: bytes, number: Callable[[str], Any] | None = None) -> Any:
    """The document, with `STATED_TWICE` as the value of a key that an object states twice, with different values.

    Args:
        content: JSON in UTF-8, UTF-16 or UTF-32.
        number: makes a value of each number as written; by default `int` and `float`, and text where
            neither can hold it.

    Raises:
        ValueError: it is not JSON, not all of it is there, or it has more than `MOST_VALUES` values.
    """
    return _loaded(content, number, _object)


def load_first_stated(
    content: bytes, number: Callable[[str], Any] | None = None
) -> tuple[Any, list[tuple[str, str, Any]]]:
    """The document with the first value of each key, and what is stated again with another value (`stated_again`).

    Args:
        content: as of `load`.
        number: as of `load`.

    Raises:
        ValueError: as of `load`.
    """
    repeated = list[FirstStated]()
    document = _loaded(content, number, partial(_first_stated, repeated))
    # Hardly a document states a key again, and a walk through all of it takes a fifth of the time of reading it.
    return document, list(stated_again(document)) if repeated else []


def _loaded(
    content: bytes,
    number: Callable[[str], Any] | None,
    make: Callable[[list[tuple[str, Any]]], dict[str, Any]],
) -> Any:
    text = _text(content)
    try:
        found = _parsed(text, number, make)
        is_deep = _is_deep(found)
    except RecursionError:
        is_deep = True
    return _parsed(_cut(text), number, make) if is_deep else found


class Member(NamedTuple):
    """A member of an object: its value, and the text that states it."""

    text: str
    value: Any


def load_members(
    content: bytes, number: Callable[[str], Any], known: Mapping[str, Member]
) -> dict[str, Member] | None:
    """The members of a document that is one object; a value that stands there as in `known` is not read again.

    From one day to the next most entries of a list stay as they are, and to compare their texts takes a tenth of the
    time of reading them.

    Args:
        content: as of `load`.
        number: as of `load`.
        known: members of an earlier document.

    Returns:
        By key; None of a document that has to be read as a whole (`load_first_stated`), since it is no object, or not
        JSON, states a key twice, is nested deeply, has a number that `number` refuses, or a key with an escape.

    Raises:
        ValueError: it is damaged, or has more than `MOST_VALUES` values.
    """
    text = _text(content)
    repeated = list[FirstStated]()
    decoder = json.JSONDecoder(
        parse_int=number,
        parse_float=number,
        parse_constant=number,
        object_pairs_hook=partial(_first_stated, repeated),
    )
    found = dict[str, Member]()
    start = _OPENING.match(text)
    place = start.end() if start else len(text)
    while key := _KEY.match(text, place):
        name, place = key[1], key.end()
        member = known.get(name)
        if member is None or not text.startswith(member.text, place):
            try:
                value, end = decoder.raw_decode(text, place)
            except (ValueError, ArithmeticError, RecursionError):
                return None
            member = Member(text[place:end], value)
            if _is_deep([value]):
                return None
        if name in found or repeated:
            return None
        found[name] = member
        after = _AFTER.match(text, place + len(member.text))
        if after is None:
            return None
        place = after.end()
        if after[1] == "}":
            return found if not text[place:].strip(_BLANKS) else None
    return None


def stated_again(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Keys of a document, read by `load_first_stated`, that are stated again with another value.

    Yields:
        Where the object is (keys from the outermost in; `id` of an element of a list, or its position),
        the key, and the later value.
    """
    left: list[tuple[str, Any]] = [("", document)] if isinstance(document, _NESTING) else []
    while left:
        where, found = left.pop()
        if isinstance(found, FirstStated):
            yield from ((where, key, value) for key, value in found.again)
        named = (
            [(name, value) for name, value in found.items() if isinstance(value, _NESTING)]
            if isinstance(found, dict)
            else [
                (_name_of(each, position), each)
                for position, each in enumerate(found)
                if isinstance(each, _NESTING)
            ]
        )
        left += [(f"{where}/{name}" if where else name, value) for name, value in reversed(named)]


def _name_of(element: Any, position: int) -> str:
    """The `id` of an element of a list, or its position."""
    name = element.get("id") if isinstance(element, dict) else None
    return name if isinstance(name, str) else str(position)


def _parsed(
    text: str,
    number: Callable[[str], Any] | None,
    make: Callable[[list[tuple[str, Any]]], dict[str, Any]],
) -> Any:
    return json.loads(
        text,
        parse_int=number or _integer,
        parse_float=number or _float,
        parse_constant=number or str,
        object_pairs_hook=make,
    )


def _cut(text: str) -> str:
    """The text with `NESTED` for every list and object below `DEEPEST` others.

    Raises:
        ValueError: one of those does not end.
    """
    pieces, kept, depth, start = list[str](), 0, 0, 0
    for token in _TOKEN.finditer(text):
        if token[0][0] == '"':
            continue
        if token["start"]:
            depth += 1
            if depth == DEEPEST + 1:
                start = token.start()
            continue
        if depth == DEEPEST + 1:
            pieces += [text[kept:start], json.dumps(NESTED)]
            kept = token.end()
        depth -= 1
    if depth > DEEPEST:
        raise ValueError("nested too deeply, and cut off")
    return "".join([*pieces, text[kept:]])


def _text(content: bytes) -> str:
    """The text of a document.

    Raises:
        ValueError: it is damaged, or has more than `MOST_VALUES` values.
    """
    # Each value but the first follows one of these; those within texts count as well.
    if sum(content.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values")
    return _whole_characters(content)


def _whole_characters(content: bytes) -> str:
    """The text, with U+FFFD for each half of a surrogate pair, which JSON can write and no text hold.

    Raises:
        ValueError: it is damaged in another way.
    """
    encoding = json.detect_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = _HALF.sub("\ufffd", content.decode(encoding, "surrogatepass"))
    if _WRITTEN_HALF.search(text):
        text = _ESCAPE.sub(lambda escape: r"\ufffd" if escape["half"] else escape[0], text)
    return text


def _is_deep(document: Any) -> bool:
    """Whether lists and objects are nested more than `DEEPEST` deep."""
    level = [document]
    for _ in range(DEEPEST):
        level = [
            child
            for each in level
            if isinstance(each, _NESTING)
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, _NESTING)
        ]
        if not level:
            return False
    return True


def _integer(written: str) -> int | str:
    return int(written) if len(written) <= LONGEST_INTEGER else written


def _float(written: str) -> float | str:
    value = float(written)
    return value if math.isfinite(value) else written


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _first_stated([], pairs)
    if isinstance(found, FirstStated):
        return found | {key: STATED_TWICE for key, _ in found.again}
    return found


def _first_stated(repeated: list[FirstStated], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with the first value of each key; it is added to `repeated` if a later value differs."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    first: dict[str, Any] = {}
    again = [(key, value) for key, value in pairs if first.setdefault(key, value) != value]
    if not again:
        return first
    kept = FirstStated(first)
    kept.again = again
    repeated.append(kept)
    return kept
