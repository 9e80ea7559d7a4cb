"""Load dated snapshots of price lists as if each had been polled on its day.

    FOLDER/<source>/<YYYY-MM-DD>.json or .json.gz

They are landed with their date and checked as a polled list is. The next night folds all landed lists
in the order of their days.

Not here: folding (`history`).
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.landed import RECEIVED, PollResult
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.snapshots import store_report
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot, check_size

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.json(\.gz)?")


class BackfillError(ValueError):
    """The folder holds nothing that can be loaded; the message says what is expected."""


@dataclass(frozen=True)
class Dated:
    """A file of a snapshot."""

    source: str
    day: date
    path: Path


def find(folder: Path) -> list[Dated]:
    """The snapshots of a folder, by source and day.

    Raises:
        BackfillError: there is none, or a file is named after a day that does not exist.
    """
    found = [
        Dated(source, _day(path, match[1]), path)
        for source in SOURCES
        for path in sorted((folder / source).glob("*"))
        if (match := _NAME.fullmatch(path.name))
    ]
    if not found:
        raise BackfillError(
            f"{folder}: no snapshots; expected <source>/<YYYY-MM-DD>.json or .json.gz, where source "
            f"is one of {', '.join(SOURCES)}"
        )
    return sorted(found, key=lambda dated: (dated.day, dated.source))


def _day(path: Path, name: str) -> date:
    try:
        return date.fromisoformat(name)
    except ValueError as error:
        raise BackfillError(
            f"{path}: {name} is no day ({error}); name the file after the day of the snapshot, "
            "YYYY-MM-DD, or move it out of the folder"
        ) from error


def passed_over(folder: Path) -> list[Path]:
    """Files and folders that are no snapshots: of other sources, or with other names."""
    return sorted(
        path
        for path in (*folder.glob("*"), *(p for name in SOURCES for p in (folder / name).glob("*")))
        if not (
            path.name in SOURCES
            if path.parent == folder
            else _NAME.fullmatch(path.name) and path.parent.name in SOURCES
        )
    )


def land(zone: LandingZone, snapshots: list[Dated]) -> Iterator[PollResult]:
    """Land snapshots in order; loading the same ones again changes nothing.

    Args:
        zone: the landing zone.
        snapshots: as `find` gives them.

    Yields:
        The result for each, as of a poll at midnight of its day; its size is compared with the newest
        snapshot from before that day.
    """
    previous = {
        dated.source: _before(zone, dated.source, _midnight(dated.day))
        for dated in reversed(snapshots)
    }
    for dated in snapshots:
        result, parsed = _landed(zone, dated, previous[dated.source])
        previous[dated.source] = parsed or previous[dated.source]
        store_report(zone, [result], result.polled_at)
        yield result


def _landed(
    zone: LandingZone, dated: Dated, before: ParsedSnapshot | None
) -> tuple[PollResult, ParsedSnapshot | None]:
    """Land one snapshot, and accept it if it can be read and believed."""
    rows_previous = before.rows if before else None
    instant, source = _midnight(dated.day), dated.source
    url = f"backfill:{source}/{dated.path.name}"

    def rejected(message: str) -> tuple[PollResult, None]:
        return (
            PollResult(source, instant, "rejected", message, None, rows_previous, rows_previous),
            None,
        )

    try:
        content = _content(dated.path)
    except (OSError, EOFError, zlib.error) as error:
        return rejected(f"{dated.path.name} cannot be read: {error}")
    zone.store(source + RECEIVED, url, content, instant)
    try:
        parsed = check_size(
            SOURCES[source].read(content, dated.day), None if SOURCES[source].is_partial else before
        )
    except SnapshotError as error:
        return rejected(str(error))
    zone.store(source, url, content, instant)
    result = PollResult(
        source, instant, "ok", f"{parsed.rows} prices, backfilled", None, parsed.rows,
        rows_previous, parsed.quarantined.height, instant,
    )  # fmt: skip
    return result, parsed


def _before(zone: LandingZone, source: str, instant: datetime) -> ParsedSnapshot | None:
    """The newest accepted snapshot from before an instant."""
    earlier = [r for r in zone.receipts(source) if r.fetched_at < instant]
    if not earlier:
        return None
    try:
        return SOURCES[source].read(zone.read(earlier[-1]), earlier[-1].fetched_at.date())
    except SnapshotError:
        return None


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
