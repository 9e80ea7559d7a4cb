"""Poll all score sources at once, land the responses, and report the result for each.

Not here: polling itself (`polling`), and the formats (`score_sources.sources`).
"""

from collections.abc import Callable, Iterator
from datetime import datetime

import polars as pl

from densing_pipeline.clock import now
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling import landed
from densing_pipeline.polling import poll as polling
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.score_sources.parsed import QUARANTINED
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import QUARANTINE

REPORTS = "score-polls"
"""Name under which the reports of these polls are landed."""


def poll(settings: Settings, *, clock: Callable[[], datetime] | None = None) -> list[PollResult]:
    """Ask every score source, land what they send, and report.

    Args:
        settings: addresses, limits, landing zone.
        clock: gives the time of the poll; `clock.now` if not given.

    Returns:
        One result per source, in the order of `SOURCES`; also landed as a report.
    """
    return polling.poll(settings, SOURCES, REPORTS, (clock or now)())


def poll_reports(zone: LandingZone) -> Iterator[PollResult]:
    """Every result of every poll of score sources, oldest first; see `polling.landed`."""
    return landed.poll_reports(zone, REPORTS)


def received_sha256(zone: LandingZone) -> str:
    """SHA-256 of the names of all receipts of score sources: another one after each poll that got any."""
    return landed.received_sha256(zone, SOURCES)


def quarantined(zone: LandingZone) -> pl.DataFrame:
    """Rows of the newest snapshots that cannot be read, as rows of `quarantine`."""
    frames = [QUARANTINE.empty()]
    for name, source in SOURCES.items():
        held = landed.last_good(zone, source)
        if held:
            frames.append(
                held.parsed.quarantined.select(
                    pl.lit(name).alias("source"),
                    *QUARANTINED,
                    pl.lit(held.receipt.sha256).alias("snapshot_sha256"),
                    pl.lit(landed.first_seen(zone, held.receipt)).alias("observed_at"),
                )
            )
    return QUARANTINE.cast(pl.concat(map(QUARANTINE.cast, frames)))
