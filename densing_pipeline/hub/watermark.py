"""Up to when the Hub has been read, as the landed reports of finished nights tell it.

There is no other state: a night that did not land its report did not happen as far as the watermark
goes, and the next one reads the same stretch again. Not here: reading the Hub (`poll`).
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from densing_pipeline.addresses import redact
from densing_pipeline.landing import LandingZone
from densing_pipeline.tables.published import HUB_NIGHTS
from densing_pipeline.text import clean

REPORTS = "hub-nights"
"""Source of the landing zone that holds one report per poll."""


@dataclass(frozen=True)
class Night:
    """What one poll did.

    Attributes:
        polled_at: when it started, UTC.
        since: the day of creation it meant to read back to.
        outcome: `ok`, `failed` (no usable answer) or `rejected` (an answer that does not parse).
        http_status: status that ended it, if one did.
        list_requests: pages of listings asked for.
        requests: all requests, retries not counted.
        rows: records received in listings.
        message: what an operator needs to know; clean, and without secrets of addresses.
    """

    polled_at: datetime
    since: date
    outcome: str
    http_status: int | None
    list_requests: int
    requests: int
    rows: int
    message: str

    def __post_init__(self) -> None:
        """Clean the message: it is made of what servers say."""
        object.__setattr__(self, "message", clean(redact(self.message)))


def land(zone: LandingZone, night: Night, endpoint: str) -> None:
    """Keep the report; this is the last thing a night does."""
    fields = asdict(night) | {
        "polled_at": night.polled_at.isoformat(),
        "since": night.since.isoformat(),
    }
    content = json.dumps(fields, indent=1, sort_keys=True).encode()
    zone.store(REPORTS, endpoint, content, night.polled_at)


def nights(zone: LandingZone) -> list[Night]:
    """All polls that ended, oldest first."""
    return [_night(json.loads(zone.read(receipt))) for receipt in zone.receipts(REPORTS)]


def table(zone: LandingZone) -> pl.DataFrame:
    """The `hub_nights` table."""
    rows = [asdict(night) for night in nights(zone)]
    return HUB_NIGHTS.cast(pl.DataFrame(rows, schema=HUB_NIGHTS.polars_schema))


def since(past: list[Night], now: datetime, overlap_days: int, first_days: int) -> date:
    """How far back a poll reads: to the last one that got through, and some days more.

    The overlap is for what the listing showed late: a repository whose files came days after it
    was created. The watermark is the start of a poll, never a date a record claims, so a record
    from the future cannot hide anything.

    Args:
        past: the polls so far.
        now: start of this one.
        overlap_days: days read again.
        first_days: days read by the very first poll.
    """
    done = [night.polled_at for night in past if night.outcome == "ok"]
    if not done:
        return (now - timedelta(days=first_days)).astimezone(UTC).date()
    return (max(done) - timedelta(days=overlap_days)).astimezone(UTC).date()


def _night(fields: dict[str, Any]) -> Night:
    return Night(
        **fields
        | {
            "polled_at": datetime.fromisoformat(fields["polled_at"]),
            "since": date.fromisoformat(fields["since"]),
        }
    )
