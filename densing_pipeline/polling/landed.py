"""What polls leave in the landing zone: responses, accepted documents, and reports.

    <source>-received   every response, landed before it is read
    <source>            the documents that could be read and believed: the snapshots
    <source>-refused    the documents that could be read, but had lost too much to be believed
    <reports>           one report per poll, from which `source_health` is made

Not here: asking (`polling.poll`), and formats.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Generic

from densing_pipeline import clock
from densing_pipeline.addresses import redact
from densing_pipeline.landing import LandingError, LandingZone, Receipt, received_at
from densing_pipeline.polling.answers import NOT_MODIFIED
from densing_pipeline.polling.source import DocumentT, SnapshotError, Source
from densing_pipeline.text import clean

RECEIVED = "-received"
REFUSED = "-refused"

LONGEST_UNCHANGED_DAYS = 14
"""Days after which a list that never changes is asked for as a whole, and reported."""

IS_BEHIND = "behind the servers'"
"""Part of the remark on a clock of this machine that is behind."""

UNCHANGED_FOR = "not a byte has changed for"
"""Begins the remark on a document that has not changed for long."""


@dataclass(frozen=True)
class PollResult:
    """What came of asking one source.

    Attributes:
        source: its name.
        polled_at: when the poll began, UTC.
        outcome: ok, unchanged, failed (no document) or rejected (an unusable or incomplete document).
        message: for the operator; clean, and without secrets of addresses.
        http_status: of the last answer, if there was one.
        rows: rows of the snapshot that holds now.
        rows_previous: rows of the one before.
        rows_quarantined: entries of the snapshot that could not be read.
        good_at: when the snapshot that holds now was last seen, if there is one.
    """

    source: str
    polled_at: datetime
    outcome: str
    message: str
    http_status: int | None = None
    rows: int | None = None
    rows_previous: int | None = None
    rows_quarantined: int | None = None
    good_at: datetime | None = None

    def __post_init__(self) -> None:
        """Clean the message: it is made of what servers say."""
        object.__setattr__(self, "message", clean(redact(self.message)))


@dataclass(frozen=True)
class Held(Generic[DocumentT]):
    """The last good snapshot of a source."""

    receipt: Receipt
    content: bytes
    parsed: DocumentT


def last_good(
    zone: LandingZone, source: Source[DocumentT], now: datetime | None = None
) -> Held[DocumentT] | None:
    """The newest snapshot of a source that can still be read; None if there is none.

    Args:
        zone: the landing zone.
        source: the source.
        now: if given, what landed under a later time, by a clock that was ahead, is passed over.
    """
    for path in zone.receipt_files(source.name, newest_first=True):
        if now is not None and received_at(path) > now:
            continue
        try:
            receipt = zone.receipt(path)
            content = zone.read(receipt)
            return Held(receipt, content, source.read(content, receipt.fetched_at.date()))
        except (LandingError, SnapshotError):
            continue
    return None


def nights_refused(
    zone: LandingZone, source: Source[DocumentT], found: DocumentT, since: datetime, now: datetime
) -> int:
    """On how many nights a document of this shape was refused, the one at `now` included.

    Args:
        zone: the landing zone.
        source: the source.
        found: the document.
        since: when the last good document was seen; what was refused before does not count.
        now: when the document was received.
    """
    nights = {now.date()}
    for path in zone.receipt_files(source.name + REFUSED, newest_first=True):
        if received_at(path) <= since:
            break
        if received_at(path) > now:
            continue
        try:
            receipt = zone.receipt(path)
            other = source.read(zone.read(receipt), receipt.fetched_at.date())
            source.check(found, other, {})
            source.check(other, found, {})
        except (LandingError, SnapshotError):
            continue
        nights.add(receipt.fetched_at.date())
    return len(nights)


def days_without_whole_answer(zone: LandingZone, source: str, now: datetime) -> int:
    """Days since a server last sent a document, rather than the answer that nothing had changed."""
    for receipt in _readable(zone, source):
        if receipt.status != NOT_MODIFIED:
            return (now - receipt.fetched_at).days
    return 0


def days_unchanged(zone: LandingZone, held: Receipt, now: datetime) -> int:
    """Days for which polls have got the same bytes as those of the last good document."""
    since = held.fetched_at
    for receipt in _readable(zone, held.source):
        if receipt.sha256 != held.sha256:
            break
        since = receipt.fetched_at
    return (now - since).days


def _readable(zone: LandingZone, source: str) -> Iterator[Receipt]:
    """The receipts of a source that can be read, newest first; damaged ones are left out."""
    for path in zone.receipt_files(source, newest_first=True):
        try:
            receipt = zone.receipt(path)
        except LandingError:
            continue
        yield receipt


def received_sha256(zone: LandingZone, sources: Iterable[str]) -> str:
    """SHA-256 of the names of all receipts of some sources: another one after each poll that got any."""
    names = [
        f"{source}{RECEIVED}/{path.name}"
        for source in sorted(sources)
        for path in zone.receipt_files(source + RECEIVED)
    ]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def first_seen(zone: LandingZone, receipt: Receipt) -> date:
    """The day on which the bytes of a snapshot first came."""
    for path in zone.receipt_files(receipt.source):
        try:
            if zone.receipt(path).sha256 == receipt.sha256:
                return received_at(path).date()
        except LandingError:  # the history of the source says so in source_health
            continue
    return receipt.fetched_at.date()


def poll_reports(
    zone: LandingZone, reports: str, since: datetime | None = None
) -> Iterator[PollResult]:
    """Every result of every poll, oldest first; a report that cannot be read is a failure itself.

    Args:
        zone: the landing zone.
        reports: name under which the reports are landed.
        since: the instant of the first report wanted; all of them if not given.
    """
    for path in zone.receipt_files(reports):
        if since is not None and received_at(path) < since:
            continue
        try:
            for fields in json.loads(zone.read(zone.receipt(path))):
                yield _from_plain(fields)
        except (LandingError, ValueError, TypeError) as error:
            yield PollResult(reports, received_at(path), "failed", f"a report is lost: {error}")


def unreported(
    zone: LandingZone, sources: Mapping[str, Source[DocumentT]], reports: str
) -> list[PollResult]:
    """Results for documents that landed since the newest report but are in no report: that poll was interrupted."""
    files = zone.receipt_files(reports, newest_first=True)
    since = received_at(files[0]) if files else None
    told = {(r.source, r.polled_at) for r in poll_reports(zone, reports, since)}
    found: list[PollResult] = []
    for name, source in sources.items():
        taken = {received_at(path) for path in zone.receipt_files(name)}
        came = {received_at(path) for path in zone.receipt_files(name + RECEIVED)}
        found += [
            _recovered(zone, source, instant, is_taken=instant in taken)
            for instant in sorted(taken | came)
            if (since is None or instant >= since) and (name, instant) not in told
        ]
    return found


def _recovered(
    zone: LandingZone, source: Source[DocumentT], instant: datetime, *, is_taken: bool
) -> PollResult:
    """The result of a poll from what it left in the landing zone."""
    held = last_good(zone, source)
    return PollResult(
        source.name,
        instant,
        "ok" if is_taken else "failed",
        "the night was cut off after this list had landed"
        + ("" if is_taken else " and before it was taken"),
        rows=held.parsed.rows if held else None,
        rows_quarantined=held.parsed.rows_quarantined if held and is_taken else None,
        good_at=instant if is_taken else held.receipt.fetched_at if held else None,
    )


def store_report(
    zone: LandingZone, reports: str, results: Sequence[PollResult], polled_at: datetime
) -> None:
    """Land the results of a poll as a report."""
    report = json.dumps([_to_plain(result) for result in results], indent=1).encode()
    zone.store(reports, "", report, polled_at)


def report_failures(zone: LandingZone, reports: str, failures: Mapping[str, str | None]) -> None:
    """Report the sources whose history could not be brought up to date.

    Args:
        zone: the landing zone.
        reports: name under which the reports are landed.
        failures: by source, why not; None where it could.
    """
    now = clock.now()
    failed = [PollResult(name, now, "failed", why) for name, why in failures.items() if why]
    if failed:
        store_report(zone, reports, failed, now)


def _to_plain(result: PollResult) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(result).items()
    }


def _from_plain(fields: dict[str, Any]) -> PollResult:
    instants = {
        key: datetime.fromisoformat(fields[key])
        for key in ("polled_at", "good_at")
        if fields.get(key)
    }
    return PollResult(**{**fields, **instants})
