"""Load dated snapshots of price lists as if each had been polled on its day.

    FOLDER/<source>/<YYYY-MM-DD>.json or .json.gz

They are landed with their date and checked as a polled list is. The next night folds all landed lists
in the order of their days.

Not here: folding (`history`), and snapshots from the history of a git repository (`git_backfill`).
"""

import gzip
import hashlib
import re
import zlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from itertools import groupby
from pathlib import Path

from densing_pipeline.landing import LandingZone, received_at
from densing_pipeline.polling.judging import judged, with_remedy
from densing_pipeline.polling.landed import RECEIVED, REFUSED, PollResult
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.snapshots import store_report
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.json(\.gz)?")


class BackfillError(ValueError):
    """There is nothing that can be loaded; the message says what is expected."""


@dataclass(frozen=True)
class Dated:
    """A snapshot of a past day.

    Attributes:
        source: name of the list.
        day: the day on which the list was such.
        origin: where the bytes come from, as the receipt has it.
        read: gives the bytes; raises `SnapshotError` if there is no whole document.
    """

    source: str
    day: date
    origin: str
    read: Callable[[], bytes]


def find(folder: Path) -> list[Dated]:
    """The snapshots of a folder, by source and day.

    Raises:
        BackfillError: there is none, or a file is named after a day that does not exist.
    """
    found = [
        Dated(
            source, _day(path, match[1]), f"backfill:{source}/{path.name}", partial(_content, path)
        )
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


def land(
    zone: LandingZone, snapshots: Iterable[Dated], *, accepted: Collection[str] = ()
) -> Iterator[PollResult]:
    """Land snapshots in order; loading the same ones again changes nothing.

    Args:
        zone: the landing zone.
        snapshots: of any lists, in the order of their days.
        accepted: names of lists that a person has found right: they are not compared with the one before.

    Yields:
        The result for each, as of a poll at midnight of its day; it is compared with the newest
        snapshot from before that day, and borne out by those of other lists.
    """
    newest: dict[str, _Accepted] = {}
    earlier: dict[str, list[Path]] = {}
    for _, of_day in groupby(snapshots, key=lambda dated: dated.day):
        read = list[tuple[Dated, _Accepted | None, _Accepted | SnapshotError]]()
        for dated in of_day:
            if dated.source not in earlier:
                earlier[dated.source] = zone.receipt_files(dated.source)
            before = _before(zone, dated, earlier[dated.source], newest.get(dated.source))
            read.append((dated, before, _read(zone, dated, before)))
        results = dict[int, PollResult]()
        # What is refused is judged again when the other lists of the day are known, which may bear it out.
        for position, (dated, before, found) in [*enumerate(read), *enumerate(read)]:
            known = results.get(position)
            if known and (known.outcome != "rejected" or isinstance(found, SnapshotError)):
                continue
            others = {name: k.parsed for name, k in newest.items() if name != dated.source}
            compared = None if dated.source in accepted else before
            results[position] = _landed(zone, dated, found, before, compared, others)
            if results[position].outcome != "rejected" and isinstance(found, _Accepted):
                newest[dated.source] = found
            elif before:
                newest[dated.source] = before
        for _, result in sorted(results.items()):
            store_report(zone, [result], result.polled_at)
            yield result


@dataclass(frozen=True)
class _Accepted:
    """A snapshot that could be read: when it was received, its hash, and what it says."""

    fetched_at: datetime
    sha256: str
    parsed: ParsedSnapshot
    content: bytes = b""


def _read(zone: LandingZone, dated: Dated, before: _Accepted | None) -> _Accepted | SnapshotError:
    """Land the bytes of one snapshot as received, and read them; the error if they cannot be read."""
    instant = _midnight(dated.day)
    try:
        content = dated.read()
        sha256 = hashlib.sha256(content).hexdigest()
        if before is not None and sha256 == before.sha256:
            return _Accepted(instant, sha256, before.parsed, content)
        zone.store(dated.source + RECEIVED, dated.origin, content, instant)
        parsed = SOURCES[dated.source].read(content, dated.day)
        return _Accepted(instant, sha256, parsed, content)
    except SnapshotError as error:
        return error


def _landed(
    zone: LandingZone,
    dated: Dated,
    found: _Accepted | SnapshotError,
    before: _Accepted | None,
    compared: _Accepted | None,
    others: Mapping[str, ParsedSnapshot],
) -> PollResult:
    """Land one snapshot, if it could be read and is believed.

    Args:
        zone: the landing zone.
        dated: the snapshot.
        found: what it says, or why it cannot be read.
        before: the newest accepted snapshot from before its day.
        compared: the same, if it is to be compared with it.
        others: by name, the newest of the other lists.
    """
    rows_previous = before.parsed.rows if before else None
    instant, source = _midnight(dated.day), dated.source
    try:
        if isinstance(found, SnapshotError):
            raise found
        content = found.content
        is_same = before is not None and found.sha256 == before.sha256
        remarks = list[str]()
        if not is_same:
            remarks = judged(
                zone, SOURCES[source], found.parsed,
                (compared.parsed, compared.fetched_at) if compared else None, others, instant,
                lambda: _keep(zone, source + REFUSED, dated.origin, content, instant),
            )  # fmt: skip
    except SnapshotError as error:
        why = with_remedy(source, error)
        return PollResult(source, instant, "rejected", why, None, rows_previous, rows_previous)
    zone.store(source, dated.origin, content, instant)
    said = "; ".join([f"{found.parsed.rows} prices, backfilled", *remarks])
    return PollResult(
        source, instant, "unchanged" if is_same else "ok", said, None,
        found.parsed.rows, rows_previous, found.parsed.quarantined.height, instant,
    )  # fmt: skip


def _keep(zone: LandingZone, name: str, origin: str, content: bytes, instant: datetime) -> None:
    zone.store(name, origin, content, instant)


def _before(
    zone: LandingZone, dated: Dated, earlier: list[Path], known: _Accepted | None
) -> _Accepted | None:
    """The newest accepted snapshot of a list from before a day.

    Args:
        zone: the landing zone.
        dated: a snapshot of the day.
        earlier: receipts of the list from before this backfill, oldest first.
        known: the newest one that this backfill knows.
    """
    position = bisect_left(earlier, _midnight(dated.day), key=received_at)
    if position == 0 or (known and received_at(earlier[position - 1]) <= known.fetched_at):
        return known
    receipt = zone.receipt(earlier[position - 1])
    try:
        parsed = SOURCES[dated.source].read(zone.read(receipt), receipt.fetched_at.date())
    except SnapshotError:
        return known
    return _Accepted(receipt.fetched_at, receipt.sha256, parsed)


def _content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        SnapshotError: it cannot be read.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise SnapshotError(f"{path.name} cannot be read: {error}") from error


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
