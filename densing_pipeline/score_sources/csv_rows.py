"""Rows of a CSV document from outside, or an error that says why it is none.

Not here: what the columns mean (`score_sources.sources`).
"""

import csv
import io
from collections.abc import Iterable, Iterator

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.text import clean

LONGEST_FIELD = 131_072
"""Characters of a cell; the limit that Python's `csv` has by default."""

COLUMNS_NAMED = 12
"""Columns that an error lists."""


class CsvError(SnapshotError):
    """A document is no CSV with the columns that are needed; the message says what is wrong."""


def read_rows(content: bytes, needed: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a CSV document as text by column; rows without any content are skipped.

    Args:
        content: the document, UTF-8 with or without byte order mark.
        needed: columns that it must have.

    Raises:
        CsvError: it is not UTF-8, a needed column is missing or repeated, a cell is longer than
            131,072 characters, or a row has more cells than the header.
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
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                raise CsvError(
                    f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}"
                )
            yield dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise CsvError(f"line {reader.line_num}: {error}") from error
