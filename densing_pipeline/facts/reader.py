"""Read a CSV of facts and validate it; an error lists all problems.

These files are edited by hand, so an error names every bad cell at once, with its place and what to
write instead. Not here: the declarations (`tables.columns`, `facts.tables`).
"""

import csv
import io
from pathlib import Path
from typing import NamedTuple

import polars as pl

from densing_pipeline.tables.columns import Column
from densing_pipeline.tables.schemas import Table, TableError

KINDS: dict[object, str] = {
    pl.Int64: "a whole number",
    pl.Float64: "a finite number",
    pl.Date: "a date",
    pl.Boolean: "true or false",
}
"""What a cell of each type must be, in words."""


class Record(NamedTuple):
    """One record of the file: the line it starts on, and its cells."""

    line: int
    cells: list[str]


class Problem(NamedTuple):
    """One problem at one place of the file."""

    line: int | None
    column: str
    what: str


def read(path: Path, table: Table) -> pl.DataFrame:
    """Read a CSV of facts and validate it against its table.

    Columns may stand in any order; an empty or blank cell is null. Lines are counted as an editor
    does: the header is line 1, and a record that spans lines is named by its first.

    Raises:
        TableError: the file cannot be read, or is bad; the message has one line per problem, with
            file, line, column and remedy.
    """
    header, *records = _records(path, table)
    problems = [*_header_problems(header, table), *_ragged(header, records)]
    if problems:
        raise _error(path, problems)
    text = pl.DataFrame(
        [record.cells for record in records],
        schema=dict.fromkeys(header.cells, pl.String),
        orient="row",
    )
    lines = [record.line for record in records]
    frame, problems = _parse(text, lines, table)
    problems += _violations(frame, lines, table, {(p.line, p.column) for p in problems})
    if problems:
        raise _error(path, problems)
    return table.cast(frame)


def _error(path: Path, problems: list[Problem]) -> TableError:
    return TableError(
        "\n".join(
            f"{path.name}, {'' if p.line is None else f'line {p.line}, '}column {p.column}: {p.what}"
            for p in sorted(problems, key=lambda p: p.line or 0)
        )
    )


def _records(path: Path, table: Table) -> list[Record]:
    """The records of the file, header first."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TableError(f"{path.name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TableError(f"{path.name}, line {line}: not UTF-8; save the file as UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records, line = [], 1
    try:
        for cells in reader:
            records.append(Record(line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"{path.name}, line {line}: not CSV ({error}); a cell with a comma or a quote in it is "
            'written "like ""this"" one"'
        ) from error
    if not records:
        raise TableError(
            f"{path.name}: the file is empty; its first line is the header {','.join(table.names)}"
        )
    return records


def _header_problems(header: Record, table: Table) -> list[Problem]:
    given = header.cells
    return [
        *(
            Problem(1, name, "the column is missing from the header; add it, empty if unknown")
            for name in table.names
            if name not in given
        ),
        *(
            Problem(1, repr(name), "the column is not part of the table; remove it")
            for name in dict.fromkeys(given)
            if name not in table.names
        ),
        *(
            Problem(1, name, "the column appears twice in the header; remove one")
            for name in dict.fromkeys(given)
            if given.count(name) > 1
        ),
    ]


def _ragged(header: Record, records: list[Record]) -> list[Problem]:
    """Records with more or fewer cells than the header."""
    expected = len(header.cells)
    return [
        Problem(
            record.line,
            header.cells[-1] if len(record.cells) < expected else f"{expected + 1}",
            f"the line has {len(record.cells)} cells, the header {expected}; quote cells that "
            "contain a comma, and leave no blank lines",
        )
        for record in records
        if len(record.cells) != expected
    ]


def _parse(
    text: pl.DataFrame, lines: list[int], table: Table
) -> tuple[pl.DataFrame, list[Problem]]:
    """Convert text to the table's types; a cell that does not parse becomes null and a problem."""
    problems: list[Problem] = []
    parsed = []
    for name in table.names:
        stripped = text[name].str.strip_chars()
        given = stripped.set(stripped == "", None)
        value = _typed(given, table.column(name))
        problems += [
            Problem(lines[row], name, f"{given[row]!r} is not {_wanted(table.column(name))}")
            for row in (given.is_not_null() & value.is_null()).arg_true()
        ]
        parsed.append(value.alias(name))
    return pl.DataFrame(parsed), problems


def _typed(given: pl.Series, column: Column) -> pl.Series:
    """Convert a text column to its type; null where a cell does not parse."""
    if column.dtype == pl.Boolean:
        return given.replace_strict(
            {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
        )
    if column.dtype == pl.Date:
        # polars accepts 2024-1-1 too; two spellings of one day would be two keys to a reader
        iso = given.set(~given.str.contains(r"^\d{4}-\d{2}-\d{2}$"), None)
        return iso.str.to_date("%Y-%m-%d", strict=False)
    value = given.cast(column.dtype, strict=False)
    return value.set(~value.is_finite(), None) if column.dtype == pl.Float64 else value


def _wanted(column: Column) -> str:
    return f"{KINDS.get(column.dtype, 'text')} ({column.remedy or column.description})"


def _violations(
    frame: pl.DataFrame, lines: list[int], table: Table, unparsed: set[tuple[int | None, str]]
) -> list[Problem]:
    """Violations of the declaration, except in cells that did not parse."""
    found: dict[tuple[int | None, str], Problem] = {}
    for row, column, what in table.violations(frame):
        line = None if row is None else lines[row]
        names = column.replace(" <= ", ", ").split(", ")
        if any((line, name) in unparsed for name in names):
            continue
        if row is not None and what.startswith(("duplicate key", "values out of order")):
            kind, _, remedy = what.partition(":")
            cells = ", ".join(f"{name} = {frame[name][row]}" for name in names)
            what = f"{kind} ({cells}):" + (remedy if kind == "duplicate key" else " correct one")
        found.setdefault((line, column), Problem(line, column, what))
    return list(found.values())
