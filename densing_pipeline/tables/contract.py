"""The table contract `v1`: tables, columns, types, units and keys that readers rely on.

`docs/contract_v1.csv` lists them. A line that is in it stays as it is; new columns and tables get a line at
its end, by `make dictionary`. Not here: what a column means (`dictionary`), and whether it may be empty.
"""

import csv
import io
from collections.abc import Iterable

from densing_pipeline.tables.dictionary import FRICTIONLESS_TYPES
from densing_pipeline.tables.published import DESCRIBED
from densing_pipeline.tables.schemas import Table, TableError

NAME = "v1"
"""Name of the contract, which every release states."""

HEADER = ("table", "column", "type", "unit", "in_key")


def lines(tables: Iterable[Table] = DESCRIBED.values()) -> list[tuple[str, ...]]:
    """What the tables promise now: a line for each column, in the order of `HEADER`."""
    return [
        (
            table.name,
            name,
            FRICTIONLESS_TYPES.get(table.column(name).dtype, "datetime"),
            table.column(name).unit,
            "true" if name in table.key else "false",
        )
        for table in tables
        for name in table.names
    ]


def read(text: str) -> list[tuple[str, ...]]:
    """The lines of a contract file.

    Raises:
        TableError: its first line is not `HEADER`.
    """
    header, *rows = csv.reader(io.StringIO(text))
    if tuple(header) != HEADER:
        raise TableError(f"the contract begins with {','.join(header)}, not {','.join(HEADER)}")
    return [tuple(row) for row in rows]


def extended(text: str, tables: Iterable[Table] = DESCRIBED.values()) -> str:
    """A contract file with a line more for each column that it lacks.

    Args:
        text: the file; empty for a first one.
        tables: what is published.

    Raises:
        TableError: a line of the file no longer holds; the message names each.
    """
    promised = read(text) if text else []
    held = lines(tables)
    if broken := [line for line in promised if line not in set(held)]:
        raise TableError(
            f"the contract {NAME} promises what is no longer so: "
            + "; ".join(_told(line, held) for line in broken)
            + ". Readers rely on it: keep the column as it was, and add another one beside it"
        )
    known = set(promised)
    written = io.StringIO()
    rows = [HEADER, *promised, *(line for line in held if line not in known)]
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def _told(line: tuple[str, ...], held: Iterable[tuple[str, ...]]) -> str:
    """A broken promise in words: `prices.model is gone`, `scores.score: unit fraction is now %`."""
    now = next((each for each in held if each[:2] == line[:2]), None)
    if now is None:
        return f"{line[0]}.{line[1]} is gone"
    moved = zip(HEADER[2:], line[2:], now[2:], strict=True)
    return f"{line[0]}.{line[1]}: " + ", ".join(
        f"{what} {before or 'none'} is now {after or 'none'}"
        for what, before, after in moved
        if before != after
    )
