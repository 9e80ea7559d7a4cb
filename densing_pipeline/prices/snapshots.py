"""Snapshots of price lists in the landing zone, and the reports of their polls.

Not here: what polls leave there in general (`polling.landed`), and formats (`prices.sources`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import polars as pl

from densing_pipeline.landing import LandingZone, Receipt, received_at
from densing_pipeline.polling import landed
from densing_pipeline.polling.landed import Held, PollResult
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import QUARANTINED, ParsedSnapshot
from densing_pipeline.tables.published import QUARANTINE

REPORTS = "price-polls"


def last_good(zone: LandingZone, source: str) -> Held[ParsedSnapshot] | None:
    """The newest snapshot of a price list that can still be read; None if there is none."""
    return landed.last_good(zone, SOURCES[source])


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
    return landed.received_sha256(zone, SOURCES)


def poll_reports(zone: LandingZone, since: datetime | None = None) -> Iterator[PollResult]:
    """Every result of every poll of price lists, oldest first; see `polling.landed`."""
    return landed.poll_reports(zone, REPORTS, since)


def servers_time(zone: LandingZone, now: datetime) -> datetime:
    """The time, or that of the newest poll if the servers told it that this machine's clock is behind.

    Without this, lists of days that this machine does not know yet would count as landed by a clock that was ahead.

    Args:
        zone: the landing zone.
        now: by the clock of this machine, UTC.
    """
    for path in zone.receipt_files(REPORTS, newest_first=True)[:1]:
        polled_at = received_at(path)
        if any(landed.IS_BEHIND in found.message for found in poll_reports(zone, polled_at)):
            return max(now, polled_at)
    return now


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
                    pl.lit(landed.first_seen(zone, held.receipt)).alias("observed_at"),
                )
            )
    return QUARANTINE.cast(pl.concat(map(QUARANTINE.cast, frames)))


def store_report(zone: LandingZone, results: Sequence[PollResult], polled_at: datetime) -> None:
    """Land the results of a poll of price lists as a report."""
    landed.store_report(zone, REPORTS, results, polled_at)


def report_failures(zone: LandingZone, failures: Mapping[str, str | None]) -> None:
    """Report the price lists whose history could not be brought up to date; see `polling.landed`."""
    landed.report_failures(zone, REPORTS, failures)
