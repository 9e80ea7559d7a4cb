"""Read a delimited text file of unknown origin into its header and rows.

The delimiter is the one that splits the header into most cells, for a header holds no decimal commas,
which mislead sniffers of whole files (Python's `csv.Sniffer`). The header is the first line, unless titles or
comments stand above it. Not here: what the columns mean (`roles`).
"""

import csv
import gzip
import io
import itertools
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
RARE_DELIMITERS = (":", "^", "~", "\x1f", "\x01")
"""Tried on a header that no usual delimiter divides. Times have colons, and Hive and ASCII control characters."""

FEWEST_UTF_16 = 8
"""Characters by which UTF-16 without a mark is known."""

MOST_TITLES = 20
"""Lines above a header that are looked through."""

DELIMITERS_IN_WORDS = "comma, semicolon, tab, |, :, ^, ~ or spaces"

NOT_TEXT = {
    b"PK\x03\x04": "a workbook or a zip archive: export the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: export the sheet as CSV",
    b"PAR1": "a parquet file: write it as CSV, `polars.read_parquet(file).write_csv(...)`",
    b"%PDF": "a PDF: export the numbers as CSV",
}
"""First bytes of files that are often taken for CSV, and the remedy."""

OTHER_TEXT = {
    "<": "HTML or XML: copy the table into a spreadsheet and export it as CSV",
    "{": "JSON: write it as CSV, `polars.read_ndjson(file).write_csv(...)`",
    "[": "JSON: write it as CSV, `polars.read_json(file).write_csv(...)`",
}
"""First characters of text that holds no table, and the remedy."""


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
    records = list(_records(path, text, notes))
    if not records:
        raise FileError(f"{path}: the file is empty: it needs a header and rows")
    first, *body = _with_row_names(records, notes)
    header = first.cells
    if all(_is_number(cell) for cell in header):
        raise FileError(
            f"{path}: the first line, {_shown(header)}, holds numbers: put the names of the columns above it"
        )
    rows, left_out, seen, repeats = list[Row](), list[str](), set[tuple[str, ...]](), 0
    for row in body:
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
    for encoding in _encodings(content):
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
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if remedy := OTHER_TEXT.get(text.lstrip()[:1]):
        raise FileError(f"{path}: {remedy}")
    return text


def _encodings(content: bytes) -> Iterator[str]:
    """Encodings to try: UTF-16 by its mark, or where every other byte is zero, as of Latin letters; then UTF-8."""
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        yield "utf-16"
    head = content[: 2 * FEWEST_UTF_16]
    for encoding, zeros, letters in (
        ("utf-16-le", head[1::2], head[::2]),
        ("utf-16-be", head[::2], head[1::2]),
    ):
        if zeros and not any(zeros) and all(letters):
            yield encoding
    yield "utf-8-sig"


def _records(path: Path, text: str, notes: list[str]) -> Iterator[Row]:
    """Cells of the header and of every record below it."""
    lines = text.split("\n")
    start, delimiter = _header(lines)
    titles = [line for line in lines[:start] if line.strip()]
    if titles:
        notes.append(f"above the header, and not read: {clean('; '.join(titles), 80)}")
    try:
        if not delimiter:
            for number, line in enumerate(lines[start:], start=start + 1):
                if cells := line.lstrip("#").split() if number == start + 1 else line.split():
                    yield Row(number, tuple(cells))
            return
        reader = csv.reader(
            io.StringIO("\n".join(lines[start:]).lstrip("#"), newline=""), delimiter=delimiter
        )
        for record in reader:
            if record:
                yield Row(start + reader.line_num, tuple(cell.strip() for cell in record))
    except csv.Error as error:
        raise FileError(f"{path}: {error}: is it a delimited text file?") from error


def _header(lines: list[str]) -> tuple[int, str]:
    """Number of lines above the header, and the delimiter; empty for spaces.

    The header is the first line with two names or more and a line below it of as many cells, or else the
    first line that is not blank.
    """
    filled = [number for number, line in enumerate(lines) if line.strip()][: MOST_TITLES + 1]
    for number, below in itertools.pairwise(filled):
        delimiter = _delimiter(lines[number])
        names = _split(lines[number], delimiter)
        is_named = sum(bool(name) and not _is_number(name) for name in names) > 1
        is_comment = lines[number].lstrip().startswith("#") and lines[below].lstrip().startswith(
            "#"
        )
        if is_named and not is_comment and len(_split(lines[below], delimiter)) == len(names):
            return number, delimiter
    first = filled[0] if filled else len(lines)
    return first, _delimiter(lines[first]) if filled else DELIMITERS[0]


def _delimiter(line: str) -> str:
    """The delimiter that splits a line into most cells; if none does, empty for spaces, and then a rare one."""
    parts = {mark: len(_split(line, mark)) for mark in (*DELIMITERS, *RARE_DELIMITERS)}
    best = max(DELIMITERS, key=lambda mark: parts[mark])
    if parts[best] > 1:
        return best
    if len(line.split()) > 1:
        return ""
    rare = max(RARE_DELIMITERS, key=lambda mark: parts[mark])
    return rare if parts[rare] > 1 else best


def _split(line: str, delimiter: str) -> list[str]:
    """The cells of one line."""
    if not delimiter:
        return line.lstrip("#").split()
    try:
        return [
            cell.strip() for cell in next(csv.reader([line.lstrip("#")], delimiter=delimiter), [])
        ]
    except csv.Error:
        return [line]


def _with_row_names(records: list[Row], notes: list[str]) -> list[Row]:
    """The records, with a blank name in the header where all rows have one cell more, as R writes tables."""
    header, *rows = records
    widths = {len(row.cells) for row in rows if any(row.cells)}
    if widths != {len(header.cells) + 1}:
        return records
    if all(not row.cells[-1] for row in rows if any(row.cells)):
        return [Row(header.line, (*header.cells, "")), *rows]
    notes.append(
        "rows have one cell more than the header: the first is taken for the name of the row"
    )
    return [Row(header.line, ("", *header.cells)), *rows]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _shown(header: tuple[str, ...]) -> str:
    return clean(", ".join(header), 200)
