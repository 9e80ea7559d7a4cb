"""Snapshots of price lists in the landing zone: responses, accepted lists, and reports of polls.

    <source>-received   every response, landed before it is read
    <source>            the responses that could be read and believed: the snapshots
    price-polls         one report per poll, from which `source_health` is made

Not here: asking for them (`prices.poll`), and their formats (`prices.sources`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from densing_pipeline.addresses import redact
from densing_pipeline.landing import LandingError, LandingZone, Receipt, received_at
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import QUARANTINED, ParsedSnapshot
from densing_pipeline.prices.sources.values import SnapshotError
from densing_pipeline.tables.published import QUARANTINE
from densing_pipeline.text import clean

RECEIVED = "-received"
REPORTS = "price-polls"


@dataclass(frozen=True)
class PollResult:
    """What came of asking one source.

    Attributes:
        source: its name.
        polled_at: when the poll began, UTC.
        outcome: ok, unchanged, failed (no document) or rejected (an unusable or incomplete document).
        message: for the operator; clean, and without secrets of addresses.
        http_status: of the last answer, if there was one.
        rows: prices in the snapshot that holds now.
        rows_previous: prices in the one before.
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
class Held:
    """The last good snapshot of a source."""

    receipt: Receipt
    content: bytes
    parsed: ParsedSnapshot


def last_good(zone: LandingZone, source: str) -> Held | None:
    """The newest snapshot of a source that can still be read; None if there is none."""
    for path in zone.receipt_files(source, newest_first=True):
        try:
            receipt = zone.receipt(path)
            content = zone.read(receipt)
            return Held(receipt, content, SOURCES[source].read(content, receipt.fetched_at.date()))
        except (LandingError, SnapshotError):
            continue
    return None


def landed_snapshots(zone: LandingZone, source: str) -> Iterator[tuple[Receipt, bytes]]:
    """Every snapshot of a source with its receipt, oldest first; one per poll that gave or confirmed it.

    Raises:
        LandingError: bytes are missing or damaged.
    """
    content, sha256 = b"", None
    for receipt in zone.receipts(source):
        if receipt.sha256 != sha256:
            content, sha256 = zone.read(receipt), receipt.sha256
        yield receipt, content


def received_sha256(zone: LandingZone) -> str:
    """SHA-256 of the names of all receipts of price lists: another one after each poll that got any."""
    names = [
        f"{folder.name}/{path.name}"
        for folder in sorted((zone.folder / "receipts").glob(f"*{RECEIVED}"))
        for path in zone.receipt_files(folder.name)
    ]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def poll_reports(zone: LandingZone, since: datetime | None = None) -> Iterator[PollResult]:
    """Every result of every poll, oldest first; a report that cannot be read is a failure itself.

    Args:
        zone: the landing zone.
        since: the instant of the first report wanted; all of them if not given.
    """
    for path in zone.receipt_files(REPORTS):
        if since is not None and received_at(path) < since:
            continue
        try:
            for fields in json.loads(zone.read(zone.receipt(path))):
                yield _from_plain(fields)
        except (LandingError, ValueError, TypeError) as error:
            yield PollResult(REPORTS, received_at(path), "failed", f"a report is lost: {error}")


def quarantined(zone: LandingZone) -> pl.DataFrame:
    """Entries of the newest snapshots that cannot be read, as rows of `quarantine`.

    A row was observed on the day on which those bytes were first received.
    """
    frames = [QUARANTINE.empty()]
    for source in SOURCES:
        held = last_good(zone, source)
        if held:
            frames.append(
                held.parsed.quarantined.select(
                    pl.lit(source).alias("source"),
                    *QUARANTINED,
                    pl.lit(held.receipt.sha256).alias("snapshot_sha256"),
                    pl.lit(_first_seen(zone, held.receipt)).alias("observed_at"),
                )
            )
    return QUARANTINE.cast(pl.concat(map(QUARANTINE.cast, frames)))


def _first_seen(zone: LandingZone, receipt: Receipt) -> date:
    """The day on which the bytes of a snapshot first came."""
    day = receipt.fetched_at.date()
    for path in zone.receipt_files(receipt.source):
        try:
            if zone.receipt(path).sha256 == receipt.sha256:
                return received_at(path).date()
        except LandingError:  # the history of the source says so in source_health
            continue
    return day


def unreported(zone: LandingZone) -> list[PollResult]:
    """Results for lists that landed since the newest report but are in no report: that poll was interrupted."""
    reports = zone.receipt_files(REPORTS, newest_first=True)
    since = received_at(reports[0]) if reports else None
    told = {(r.source, r.polled_at) for r in poll_reports(zone, since)}
    found: list[PollResult] = []
    for source in SOURCES:
        taken = {received_at(path) for path in zone.receipt_files(source)}
        came = {received_at(path) for path in zone.receipt_files(source + RECEIVED)}
        found += [
            _recovered(zone, source, instant, is_taken=instant in taken)
            for instant in sorted(taken | came)
            if (since is None or instant >= since) and (source, instant) not in told
        ]
    return found


def _recovered(zone: LandingZone, source: str, instant: datetime, *, is_taken: bool) -> PollResult:
    """The result of a poll from what it left in the landing zone."""
    held = last_good(zone, source)
    return PollResult(
        source,
        instant,
        "ok" if is_taken else "failed",
        "the night was cut off after this list had landed"
        + ("" if is_taken else " and before it was taken"),
        rows=held.parsed.rows if held else None,
        rows_quarantined=held.parsed.quarantined.height if held and is_taken else None,
        good_at=instant if is_taken else held.receipt.fetched_at if held else None,
    )


def store_report(zone: LandingZone, results: Sequence[PollResult], polled_at: datetime) -> None:
    """Land the results of a poll as a report."""
    report = json.dumps([_to_plain(result) for result in results], indent=1).encode()
    zone.store(REPORTS, "", report, polled_at)


def report_failures(zone: LandingZone, failures: Mapping[str, str | None]) -> None:
    """Report the sources whose history could not be brought up to date.

    Args:
        zone: the landing zone.
        failures: by source, why not; None where it could.
    """
    now = datetime.now(UTC)
    failed = [PollResult(name, now, "failed", why) for name, why in failures.items() if why]
    if failed:
        store_report(zone, failed, now)


def _to_plain(result: PollResult) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(result).items()
    }


def _from_plain(fields: Mapping[str, Any]) -> PollResult:
    instants = {
        key: datetime.fromisoformat(fields[key])
        for key in ("polled_at", "good_at")
        if fields.get(key)
    }
    return PollResult(**{**fields, **instants})
