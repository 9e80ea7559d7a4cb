"""Facts bundled with the package, and the loader that refuses bad ones.

Not here: anything computed from the facts.
"""

import csv
from functools import cache
from pathlib import Path

import polars as pl

from densing_pipeline.facts.tables import FACTS
from densing_pipeline.tables.columns import COLUMNS
from densing_pipeline.tables.schemas import Table, TableError

FOLDER = Path(__file__).parent


@cache
def load(name: str) -> pl.DataFrame:
    """A bundled fact table, validated.

    Args:
        name: a key of `facts.tables.FACTS`.

    Raises:
        TableError: a cell is bad; the message names file, row, column and remedy.
    """
    return read(FOLDER / f"{name}.csv", FACTS[name])


def read(path: Path, table: Table) -> pl.DataFrame:
    """Read a CSV of facts and validate it against its table.

    Row numbers in messages are line numbers of the file (the header is line 1).

    Raises:
        TableError: the file is missing or unreadable, or a cell is bad.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header = next(csv.reader(file), [])
        text = pl.read_csv(path, infer_schema=False, null_values=[""], truncate_ragged_lines=False)
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path.name}: cannot be read as CSV: {error}") from error
    if len(set(header)) != len(header):
        raise TableError(f"{path.name}: a column name appears twice in the header: {header}")
    frame, problems = _parse(text, table)
    if not problems:
        problems = [
            (None if row is None else row + 2, column, what)
            for row, column, what in table.violations(frame)
        ]
    if problems:
        raise TableError(
            "\n".join(
                f"{path.name}, {'' if line is None else f'line {line}, '}column {column}: {what}"
                for line, column, what in problems
            )
        )
    return table.cast(frame)


def _parse(
    text: pl.DataFrame, table: Table
) -> tuple[pl.DataFrame, list[tuple[int | None, str, str]]]:
    """Text to the table's types, and what did not parse, by file line."""
    missing = [c for c in table.names if c not in text.columns]
    unknown = [c for c in text.columns if c not in table.names]
    if missing or unknown:
        return text, [
            *((1, name, "the column is missing from the header") for name in missing),
            *((1, name, "the column is not part of the table; remove it") for name in unknown),
        ]
    problems: list[tuple[int | None, str, str]] = []
    parsed = []
    for name in table.names:
        declared = COLUMNS[name]
        given = text[name].str.strip_chars()
        if declared.dtype == pl.Boolean:
            value = given.replace_strict(
                {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
            )
        elif declared.dtype == pl.Date:
            value = given.str.to_date("%Y-%m-%d", strict=False, exact=True)
        else:
            value = given.cast(declared.dtype, strict=False)
        bad = given.is_not_null() & value.is_null()
        problems += [
            (
                row + 2,
                name,
                f"{given[row]!r} is not a {declared.dtype} ({declared.remedy or declared.description})",
            )
            for row in bad.arg_true()
        ]
        parsed.append(value.alias(name))
    return pl.DataFrame(parsed), problems
