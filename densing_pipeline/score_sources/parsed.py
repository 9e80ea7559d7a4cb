"""The content of a document of a score source: rows of its table, unreadable rows, failed parts.

A part is what can fail by itself, such as a file in an archive. Not here: single formats
(`score_sources.sources`), and scores over time (`score_sources.history`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import polars as pl

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.values import UnreadableError, shown
from densing_pipeline.score_sources.csv_rows import read_rows
from densing_pipeline.tables.published import QUARANTINE
from densing_pipeline.tables.schemas import Table
from densing_pipeline.text import LONGEST_NAME, UncleanTextError, clean, clean_name

WHOLE = ""
"""Part of a document that has no parts."""

FROM_HISTORY = ("observed_from", "observed_to", "snapshot_sha256")
"""Columns that no document holds: when the row was seen, and in which document."""

FROM_LINKS = ("model_id", "method", "confidence", "reason")
"""Columns that the link of the model's name fills."""

INTERNAL = pl.Schema({"part": pl.String, "is_group": pl.Boolean})
"""Columns of a row that are not published."""

ENTRY = "entry"
"""Column with a row's identifier. A row without one has none here; its history numbers it (`numbers`)."""

NAMES = ("benchmark_name", "model", ENTRY)
"""Columns that identify a row: cleaned, but never cut, for two rows would look alike."""

SMALLEST_READABLE = 0.5
"""A part of which less than this share of rows can be read failed: its format has changed."""

QUARANTINED = pl.Schema(
    {name: QUARANTINE.polars_schema[name] for name in ("key", "column", "values", "reason")}
)

PARTS_NAMED = 5
"""Failed parts that a message names; the others are counted."""


def row_schema(table: Table) -> pl.Schema:
    """Columns of the rows that a parser gives for a table.

    `entry` is empty where the document gives a row no identifier; the history numbers such rows.
    Besides the table's own there are `part`, the part of the document the row is from, and `is_group`:
    whether its name stands for all versions and settings of a model together, or is only a name for
    display, and not for one set of weights.
    """
    own = {
        name: dtype
        for name, dtype in table.polars_schema.items()
        if name not in FROM_HISTORY + FROM_LINKS
    }
    return pl.Schema({**own, **INTERNAL})


@dataclass(frozen=True)
class ParsedReports:
    """The content of one document.

    Attributes:
        reports: rows, with the columns of `row_schema`.
        quarantined: rows that cannot be read, with the offending column, value and reason.
        failed: reason by part that could not be read as a whole; what is known of it stays.
        left_out: how many entries were read and left out, by reason.
    """

    reports: pl.DataFrame
    quarantined: pl.DataFrame
    failed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows that could be read."""
        return self.reports.height

    @property
    def rows_quarantined(self) -> int:
        """Rows that could not be read."""
        return self.quarantined.height

    @property
    def size(self) -> str:
        """The number of rows in words."""
        return f"{self.rows} rows"

    @property
    def remarks(self) -> list[str]:
        """Failed parts with their reasons, then quarantined and left-out entries."""
        named = [f"{part}: {why}" for part, why in sorted(self.failed.items())]
        more = len(named) - PARTS_NAMED
        if more > 0:
            named[PARTS_NAMED:] = [f"{more} more parts cannot be read"]
        if self.quarantined.height:
            key, column, _, reason = self.quarantined.row(0)
            named.append(
                f"{self.quarantined.height} quarantined (first: {key}, {column}: {reason})"
            )
        named += [f"{count} left out: {why}" for why, count in sorted(self.left_out.items())]
        return named

    def rows_outside(self, parts: Set[str] | Mapping[str, str]) -> int:
        """Rows that are in none of some parts."""
        return self.reports.filter(~pl.col("part").is_in(list(parts))).height


@dataclass
class Reports:
    """Collects what a parser finds in a document.

    Attributes:
        source: name of the source.
        table: its table.
        licence: SPDX identifier of its rows.
    """

    source: str
    table: Table
    licence: str
    _without_entry: list[dict[str, Any]] = field(default_factory=list)
    _seen: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    _quarantined: list[tuple[str, str, str | None, str | None, str]] = field(default_factory=list)
    _failed: dict[str, str] = field(default_factory=dict)
    _listed: Counter[str] = field(default_factory=Counter)
    _left_out: dict[str, int] = field(default_factory=dict)

    def add(self, part: str = WHOLE, *, is_group: bool = False, **columns: Any) -> None:
        """Add a row; of two rows of one key with different values one is quarantined.

        The row that stays is the first in the order of their content, so that a document in another order
        gives the same rows. Rows of a table with the column `entry` that have none are all kept.

        Args:
            part: part of the document the row is from.
            is_group: whether the name stands for several versions of a model (`row_schema`).
            **columns: columns of `row_schema`; text is cleaned.

        Raises:
            UnreadableError: a name is illegible or too long, or a value is outside its column's domain.
        """
        row: dict[str, Any] = {
            "source": self.source,
            "licence_basis": self.licence,
            "part": part,
            "is_group": is_group,
        }
        row |= {
            name: (_name(name, value) if name in NAMES else _text(value))
            if isinstance(value, str)
            else value
            for name, value in columns.items()
        }
        self._check_domain(row)
        key = tuple(row.get(name) for name in self.table.key if name not in FROM_HISTORY)
        if ENTRY in self.table.key and row.get(ENTRY) is None:
            self._without_entry.append(row)
        elif key not in self._seen:
            self._seen[key] = row
        elif self._seen[key] != row:
            self._seen[key] = min(self._seen[key], row, key=_content)
            told = " ".join(str(value) for value in key[1:] if value is not None)
            self._quarantine(part, told, None, None, "a second row of one key, with other values")

    def rows(
        self, content: bytes, needed: Iterable[str], part: str = WHOLE
    ) -> Iterator[dict[str, str]]:
        """The rows of a CSV document as text by column; a row that does not fit the header is quarantined.

        Args:
            content: the document.
            needed: columns that it must have; each is in every row given.
            part: part of the document that the rows belong to.

        Raises:
            CsvError: it is no CSV with these columns.
        """
        for cells, problem in read_rows(content, needed):
            if problem is None:
                yield cells
            else:
                self._quarantine(part, ", ".join(filter(None, cells.values())), None, None, problem)

    def listing(self, content: bytes, needed: Iterable[str], part: str) -> list[dict[str, str]]:
        """The rows of a CSV document that lists other parts and has no rows of the table itself.

        Args:
            content: the document.
            needed: columns that it must have.
            part: name of the document.

        Raises:
            CsvError: it is no CSV with these columns.
        """
        found = list(self.rows(content, needed, part))
        self._listed[part] += len(found)
        return found

    def has_quarantined(self, part: str) -> bool:
        """Whether a row of a part cannot be read."""
        return any(each[0] == part for each in self._quarantined)

    def fail(self, part: str, reason: str) -> None:
        """Record that a part cannot be read as a whole; rows that it gave are dropped."""
        self._failed[clean(part, LONGEST_NAME)] = clean(reason)

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count entries that are read but are no rows of the table."""
        self._left_out[reason] = self._left_out.get(reason, 0) + count

    @contextmanager
    def entry(self, part: str, key: str) -> Iterator[None]:
        """Read one entry; an error in it quarantines this entry alone."""
        try:
            yield
        except UnreadableError as error:
            self._quarantine(part, key, error.column or None, error.value, str(error))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            why = f"cannot be read ({type(error).__name__}: {error})"
            self._quarantine(part, key, None, None, why)

    def parsed(self) -> ParsedReports:
        """Everything found, in a fixed order.

        A part fails if it has no row, or fewer than half of its rows can be read.

        Raises:
            SnapshotError: no part of the document could be read.
        """
        quarantined = pl.DataFrame(
            self._quarantined, schema={"part": pl.String, **QUARANTINED}, orient="row"
        )
        rows = [*self._seen.values(), *self._without_entry]
        reports = pl.DataFrame(rows, schema=row_schema(self.table))
        for part, count, reason in (
            quarantined.group_by("part")
            .agg(pl.len(), pl.col("reason").first())
            .sort("part")
            .iter_rows()
        ):
            read = reports.filter(part=part).height + self._listed[part]
            if read < SMALLEST_READABLE * (read + count):
                self.fail(part, f"{count} of {read + count} rows cannot be read (first: {reason})")
        is_read = ~pl.col("part").is_in(list(self._failed))
        reports = reports.filter(is_read)
        if reports.is_empty():
            first = next(iter(sorted(self._failed.items())), (WHOLE, "it has no rows"))
            raise SnapshotError(": ".join(text for text in first if text))
        return ParsedReports(
            reports.sort(pl.all()),
            quarantined.filter(is_read).drop("part").unique().sort(pl.all()),
            dict(sorted(self._failed.items())),
            self._left_out,
        )

    def _quarantine(
        self, part: str, key: str, column: str | None, value: str | None, reason: str
    ) -> None:
        where = f"{part}: {key}" if part else key
        self._quarantined.append((part, clean(where, LONGEST_NAME), column, value, clean(reason)))

    def _check_domain(self, row: Mapping[str, Any]) -> None:
        for name in ("score", "std_error"):
            value = row.get(name)
            if value is not None and not 0 <= value <= 1:
                raise UnreadableError(
                    name, value, f"a {self.table.column(name).unit} is between 0 and 1"
                )


def _content(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A row in a form that can be ordered."""
    return sorted((name, str(value)) for name, value in row.items())


def number(column: str, value: str | None, scale: Decimal = Decimal(1)) -> float | None:
    """A number as a document writes it, times its declared scale; None if the cell is empty.

    Raises:
        UnreadableError: it is no finite number.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        found = Decimal(text) * scale
    except InvalidOperation:
        raise UnreadableError(column, value, "not a number") from None
    if not found.is_finite() or (found and abs(found.adjusted()) > 40):
        raise UnreadableError(column, value, "not a finite number")
    return float(found)


@lru_cache(maxsize=10_000)
def _text(value: str) -> str | None:
    return clean(value).strip() or None


@lru_cache(maxsize=10_000)
def _name(column: str, value: str) -> str:
    try:
        return clean_name(value)
    except UncleanTextError as error:
        raise UnreadableError(column, shown(value), str(error)) from error
