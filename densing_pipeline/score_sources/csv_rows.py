"""Rows of a CSV document from outside, or an error that says why it is none.

Not here: what the columns mean (`score_sources.sources`), and what becomes of a damaged row
(`score_sources.parsed`).
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.text import clean

LONGEST_FIELD = 131_072
"""Most characters of a cell; the limit that Python's `csv` has by default."""

COLUMNS_NAMED = 12
"""Columns that an error lists."""


class CsvError(SnapshotError):
    """A document is no CSV with the columns that are needed; the message says what is wrong."""


class Row(NamedTuple):
    """A row of a CSV document.

    Attributes:
        cells: text by column; of a row with too few or too many cells, those that have a column.
        problem: why the cells cannot be told to belong to their columns; None in a good row.
    """

    cells: dict[str, str]
    problem: str | None


def read_rows(content: bytes, needed: Iterable[str]) -> Iterator[Row]:
    """The rows of a CSV document; those without any content are skipped.

    A row with fewer or more cells than the header is damaged: nobody can tell which cell is missing, or
    was split in two. It is given with its `problem`, so that it costs only itself.

    Args:
        content: the document, UTF-8 with or without byte order mark.
        needed: columns that it must have.

    Raises:
        CsvError: it is not UTF-8, a needed column is missing or repeated, a cell is longer than
            131,072 characters, or a quotation does not end.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CsvError(f"not UTF-8 (byte {error.start})") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [clean(name).strip() for name in next(reader, [])]
        for name in needed:
            if header.count(name) != 1:
                listed = ", ".join(header[:COLUMNS_NAMED])
                what = "has no column" if name not in header else "has more than one column"
                raise CsvError(f"{what} {name!r} (columns: {listed or 'none'})")
        for cells in reader:
            # `csv` has a limit of its own, but any library in the process may lift it.
            if any(len(cell) > LONGEST_FIELD for cell in cells):
                raise CsvError(
                    f"line {reader.line_num}: field larger than field limit ({LONGEST_FIELD})"
                )
            if not any(cell.strip() for cell in cells):
                continue
            problem = None
            if len(cells) != len(header):
                problem = f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}"
            yield Row(dict(zip(header, cells, strict=False)), problem)
    except csv.Error as error:
        raise CsvError(f"line {reader.line_num}: {error}") from error
