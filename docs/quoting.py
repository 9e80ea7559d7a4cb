"""Numbers in the written pages that a release or the code decides, and how they are kept right.

A statement is a piece of a page as it is written, with a field in place of every such number:

    "Capacity density doubles every {headline.doubling_days:.0f} days"

`make docs` puts the numbers of the latest release into the pages, and a test compares the pages with a
release made anew. A numeral of a page that belongs to no statement, no generated table and no piece
listed as stated (a citation, a measurement with its command) fails a test.

Not here: the statements (`statements`) and the values they name (`values`).
"""

import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip

FIELD = re.compile(r"\{[^{}]*\}")

PLACE = r"(\d{4}-\d\d(?:-\d\d)?|[-+]?[\d.,]*\d|[A-Za-z]+)"
"""What may stand in a page in place of a field: a date, a number, or a word."""

NUMERAL = re.compile(
    r"(?<![\w.,^])(?<![A-Za-z]-)(?:\d{4}-\d\d(?:-\d\d)?|[-+]?(?:\d[\d,.]*\d|\.\d+|\d))(?!\w*_)"
)
"""A number of a page. Not one within a name, as in MMLU-5 or GPT-4."""

UNREAD = (
    re.compile(r"<!-- (?P<name>[^/>]+?) -->\n.*?<!-- /(?P=name) -->", re.DOTALL),
    re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE),
    re.compile(r"^    \S.*$", re.MULTILINE),
    re.compile(r"`[^`\n]*`"),
    re.compile(r"(?<=\])\([^)]*\)"),
    re.compile(r"<https?://[^>]*>"),
)
"""Parts of a page whose numerals are not looked at: generated tables and blocks that name the command
that measured them, code, and addresses."""


VALUE = re.compile(r"\d{4}-\d\d(?:-\d\d)?|[-+]?\d*(?:[.,]?\d)+")
"""A date or a number in a line that `make docs` wrote."""


class QuoteError(ValueError):
    """A page does not have a piece that is listed for it; the message says which, and the remedy."""


@dataclass(frozen=True)
class Page:
    """What is listed for one page.

    Attributes:
        constants: statements whose numbers the code decides.
        released: statements whose numbers a release decides.
        findings: sentences without a number that a release decides, and whether it bears them out.
        stated: pieces whose numbers neither decides, by what they rest on instead.
        rest: what all other numbers of the page rest on, where a release decides none of them.
    """

    constants: Sequence[str] = ()
    released: Sequence[str] = ()
    findings: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    stated: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rest: str = ""

    @property
    def statements(self) -> tuple[str, ...]:
        """All statements."""
        return (*self.constants, *self.released)


class Difference(NamedTuple):
    """A statement that a page makes otherwise than the values say."""

    statement: str
    written: str
    right: str


class _Plain:
    """A number written without the zero before its point, as in .05."""

    def __init__(self, value: float) -> None:
        self._value = value

    def __format__(self, spec: str) -> str:
        return re.sub(r"^([-+]?)0(?=\.)", r"\1", format(self._value, spec))


class _Formatter(string.Formatter):
    """Fields as in `str.format`; `!p` leaves out the zero before the point, `!w` writes a word."""

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion == "p":
            return _Plain(value)
        if conversion in ("w", "W"):
            word = WORDS[round(value)] if round(value) < len(WORDS) else f"{value:,.0f}"
            return word.capitalize() if conversion == "W" else word
        return super().convert_field(value, conversion)


def numbers(statement: str, values: Mapping[str, Any]) -> list[str]:
    """The text of each field of a statement.

    Raises:
        QuoteError: a field names a value that there is none of.
    """
    formatter = _Formatter()
    try:
        return [formatter.vformat(part, (), values) for part in FIELD.findall(statement)]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise QuoteError(f"{statement!r}: {error!r}; the values are in docs/values.py") from error


def found(page: str, statement: str) -> re.Match[str]:
    """The one place of a page that makes a statement, whatever its numbers; a group per field.

    Raises:
        QuoteError: the page makes it nowhere, or several times.
    """
    pieces = [_flexible(piece) for piece in FIELD.split(statement)]
    matches = list(re.finditer(PLACE.join(pieces), page))
    if len(matches) != 1:
        raise QuoteError(
            f"found {len(matches)} times, needed once: {statement!r}. Where a sentence with numbers "
            "is reworded, docs/statements.py has to say the same"
        )
    return matches[0]


def filled(page: str, statements: Sequence[str], values: Mapping[str, Any]) -> str:
    """A page with the right numbers in every statement."""
    for statement in statements:
        match = found(page, statement)
        places = [match.span(group + 1) for group in range(match.re.groups)]
        right = numbers(statement, values)
        for (start, end), text in reversed(list(zip(places, right, strict=True))):
            page = page[:start] + text + page[end:]
    return page


def agrees(written: str, right: str, *near: str) -> bool:
    """Whether a line is the right one, or has numbers in it that a release a hair off would give.

    Another processor adds in another order, so a number that lies on the edge between two printed ones may be
    either. Dates and words have to be equal.

    Args:
        written: the line.
        right: the line that a release gives.
        near: the lines that the same release gives with all its numbers a little larger or smaller.
    """
    shape = VALUE.sub("#", right)
    alike = [right, *(line for line in near if VALUE.sub("#", line) == shape)]
    allowed = zip(*map(VALUE.findall, alike), strict=True)
    return VALUE.sub("#", written) == shape and all(
        number in numbers for number, numbers in zip(VALUE.findall(written), allowed, strict=True)
    )


def differences(
    page: str, statements: Sequence[str], values: Mapping[str, Any]
) -> Iterator[Difference]:
    """The statements that a page makes with other numbers than the values."""
    for statement in statements:
        match = found(page, statement)
        if list(match.groups()) != numbers(statement, values):
            yield Difference(
                statement, " ".join(match[0].split()), _Formatter().vformat(statement, (), values)
            )


def contradicted(text: str, page: Page, values: Mapping[str, Any]) -> list[str]:
    """The findings of a page that the values of a release do not bear out.

    Raises:
        QuoteError: the page does not have a finding that is listed for it.
    """
    for finding in page.findings:
        found(text, finding)
    return [finding for finding, is_so in page.findings.items() if not is_so(values)]


def unheld(text: str, page: Page) -> list[tuple[int, str]]:
    """The numerals of a page that nothing holds: line, and the line's text from there on.

    None of a page of which `rest` says what its numbers rest on.

    Raises:
        QuoteError: a statement or a stated piece that the page does not have.
    """
    held = bytearray(len(text))
    for pattern in UNREAD:
        for match in pattern.finditer(text):
            held[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    for statement in page.statements:
        match = found(text, statement)
        held[match.start() : match.end()] = b"\1" * len(match[0])
    for pieces in page.stated.values():
        for piece in pieces:
            matches = list(re.finditer(_flexible(piece), text))
            if not matches:
                raise QuoteError(
                    f"stated, but not in the page: {piece!r}. Correct docs/statements.py"
                )
            for match in matches:
                held[match.start() : match.end()] = b"\1" * len(match[0])
    return [
        (text.count("\n", 0, match.start()) + 1, text[match.start() :].partition("\n")[0][:60])
        for match in NUMERAL.finditer(text)
        if not held[match.start()] and not page.rest
    ]


def _flexible(piece: str) -> str:
    """A pattern for a piece of text, however its lines are broken."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", piece)))
