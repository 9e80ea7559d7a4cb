"""Time up to which the Hub has been read, computed from the landed reports of polls.

There is no other state: a poll that did not land its report does not move the watermark, and the
next poll reads the same period again. Not here: reading the Hub (`poll`).
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
    """Report of one poll.

    Attributes:
        polled_at: when it started, UTC.
        since: the day of creation back to which the poll was to read.
        outcome: `ok`, `failed` (no usable answer) or `rejected` (an answer that does not parse).
        http_status: HTTP status that ended the poll, if one did.
        list_requests: pages of listings asked for.
        requests: all requests, retries not counted.
        rows: records received in listings.
        message: text for the operator, without control characters and secrets of addresses.
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
        """Clean the message, which can contain text from servers."""
        object.__setattr__(self, "message", clean(redact(self.message)))


def land(zone: LandingZone, night: Night, endpoint: str) -> None:
    """Land the report; this is the last step of a poll."""
    fields = asdict(night) | {
        "polled_at": night.polled_at.isoformat(),
        "since": night.since.isoformat(),
    }
    content = json.dumps(fields, indent=1, sort_keys=True).encode()
    zone.store(REPORTS, endpoint, content, night.polled_at)


def nights(zone: LandingZone) -> list[Night]:
    """The reports of all finished polls, oldest first."""
    return [_night(json.loads(zone.read(receipt))) for receipt in zone.receipts(REPORTS)]


def table(zone: LandingZone) -> pl.DataFrame:
    """The `hub_nights` table."""
    rows = [asdict(night) for night in nights(zone)]
    return HUB_NIGHTS.cast(pl.DataFrame(rows, schema=HUB_NIGHTS.polars_schema))


def since(past: list[Night], now: datetime, overlap_days: int, first_days: int) -> date:
    """Day of creation back to which a poll reads: the last successful poll less the overlap.

    The overlap covers repositories whose files came days after their creation. The watermark is the
    start of a poll, never a date in a record, so a record dated in the future cannot advance it.

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
