"""Read a delimited text file of unknown origin into its header and rows.

The delimiter is the one that splits the first line into most cells, for a header holds no decimal commas,
which mislead sniffers of whole files (Python's `csv.Sniffer`). Not here: what the columns mean (`roles`).
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from densing_pipeline.os_errors import sentence
from densing_pipeline.text import clean

LARGEST_BYTES = 64 * 2**20
"""Bytes of a file, unpacked. 100,000 rows of a dozen columns take about 20 MB."""

MOST_ROWS = 100_000
DELIMITERS = (",", ";", "\t", "|")

NOT_TEXT = {
    b"PK\x03\x04": "a workbook or a zip archive: export the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: export the sheet as CSV",
    b"PAR1": "a parquet file: write it as CSV, `polars.read_parquet(file).write_csv(...)`",
    b"%PDF": "a PDF: export the numbers as CSV",
}
"""First bytes of files that are often taken for CSV, and the remedy."""


class FileError(ValueError):
    """The file does not hold what is needed; the message names the place and the remedy."""


class Row(NamedTuple):
    """One row: the line it ends on, as an editor counts, and its cells without outer spaces."""

    line: int
    cells: tuple[str, ...]


class Sheet(NamedTuple):
    """A file as text.

    Attributes:
        header: names of the columns; blank ones are empty.
        rows: rows with as many cells as the header has; blank and repeated ones are left out.
        notes: what was done that its author may want to know.
        left_out: reasons of rows left out, each with its line.
    """

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def read_sheet(path: Path) -> Sheet:
    """Read a delimited file: UTF-8, UTF-16 or Windows-1252, plain or gzip.

    Raises:
        FileError: it is missing, no file, too large, no text, or has no header with rows below.
    """
    notes = list[str]()
    text = _decoded(path, _content(path), notes)
    records = _records(path, text)
    first = next(records, None)
    if first is None:
        raise FileError(f"{path}: the file is empty: it needs a header and rows")
    header = tuple(cell.strip() for cell in first.cells)
    if all(_is_number(cell) for cell in header):
        raise FileError(
            f"{path}: the first line, {_shown(header)}, holds numbers: put the names of the columns above it"
        )
    rows, left_out, seen, repeats = list[Row](), list[str](), set[tuple[str, ...]](), 0
    for row in records:
        if not any(row.cells):
            continue
        if len(row.cells) != len(header):
            left_out.append(f"line {row.line} has {len(row.cells)} cells, the header {len(header)}")
        elif row.cells in seen:
            repeats += 1
        else:
            seen.add(row.cells)
            rows.append(row)
            if len(rows) > MOST_ROWS:
                raise FileError(f"{path}: over {MOST_ROWS:,} rows: keep a sample of them")
    if repeats:
        notes.append(f"{repeats} rows repeat an earlier one cell by cell, and count once")
    if not rows:
        why = f" ({left_out[0]})" if left_out else ""
        raise FileError(f"{path}: no rows below the header {_shown(header)}{why}")
    return Sheet(header, tuple(rows), tuple(notes), tuple(left_out))


def _content(path: Path) -> bytes:
    """The bytes of the file, unpacked."""
    if path.is_dir():
        raise FileError(f"{path} is a folder: name the file in it")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if content[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(content)) as packed:
                content = packed.read(LARGEST_BYTES + 1)
    except FileNotFoundError as error:
        raise FileError(f"{path} is not there") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"{path}: damaged gzip ({error}): pack it anew") from error
    except OSError as error:
        raise FileError(sentence(error)) from error
    if len(content) > LARGEST_BYTES:
        raise FileError(
            f"{path}: over {LARGEST_BYTES // 2**20} MB: keep the columns that are fitted, "
            f"and at most {MOST_ROWS:,} rows"
        )
    for start, remedy in NOT_TEXT.items():
        if content.startswith(start):
            raise FileError(f"{path}: {remedy}")
    return content


def _decoded(path: Path, content: bytes, notes: list[str]) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if content.startswith(mark):
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            break
    else:
        text = content.decode("cp1252", errors="replace")
        notes.append("not UTF-8: read as Windows-1252")
    if "\0" in text:
        raise FileError(f"{path}: holds NUL characters, so it is no text: export it as CSV")
    return text


def _records(path: Path, text: str) -> Iterator[Row]:
    """Cells of every record, by the delimiter that splits the first line into most cells."""
    lines = text.lstrip("\r\n \t").partition("\n")[0].rstrip("\r")
    skipped = text[: len(text) - len(text.lstrip("\r\n \t"))].count("\n")
    parts = {mark: len(next(csv.reader([lines], delimiter=mark), [])) for mark in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: parts[mark])
    try:
        if parts[delimiter] < 2 and len(lines.split()) > 1:
            for number, line in enumerate(text.splitlines(), start=1):
                if number > skipped and (cells := line.split()):
                    yield Row(number, tuple(cells))
            return
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for record in reader:
            if reader.line_num > skipped and record:
                yield Row(reader.line_num, tuple(cell.strip() for cell in record))
    except csv.Error as error:
        raise FileError(f"{path}: {error}: is it a delimited text file?") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _shown(header: tuple[str, ...]) -> str:
    return clean(", ".join(header), 200)
