"""Time up to which the Hub has been read, computed from the landed reports of polls.

There is no other state: a poll that did not land its report does not move the watermark, and the
next poll reads the same period again. Each of the two listings that are read back to a day has a
watermark of its own, the last poll that read it completely. Not here: reading the Hub (`poll`).
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any

import polars as pl

from densing_pipeline.addresses import redact
from densing_pipeline.landing import LandingZone
from densing_pipeline.tables.published import HUB_NIGHTS
from densing_pipeline.text import clean

REPORTS = "hub-nights"
"""Source of the landing zone that holds one report per poll."""


CREATED = "created"
"""The listing of repositories by creation."""

CHANGED = "changed"
"""The listing of repositories by last change."""

COMPARED = 7
"""Last polls with which the number of new repositories of a poll is compared."""

LEAST_SHARE = 0.5
"""Share of the median of the last polls below which a number of new repositories a day is
implausible; the weekly rhythm moves it by a quarter."""

LEAST_EXPECTED = 50
"""Expected number of new repositories below which chance may explain any number."""


@dataclass(frozen=True)
class Night:
    """Report of one poll.

    Attributes:
        polled_at: when it started, UTC.
        since: the day of creation back to which the poll was to read.
        outcome: `ok` (complete), `partial` (`missing` says what is not), `failed` (no usable answer)
            or `rejected` (an answer that does not parse).
        http_status: HTTP status that ended the poll, if one did.
        list_requests: pages of listings asked for.
        requests: all requests, retries not counted.
        rows: records received in listings.
        message: text for the operator, without control characters and secrets of addresses.
        missing: what was not read, empty if nothing; as clean as `message`.
        complete: the listings that were read back to the day wanted, of `CREATED` and `CHANGED`.
        new_per_day: repositories created since `since`, per day; None if they were not all read.
        unread: repositories that a listing named and whose record could not be had.
    """

    polled_at: datetime
    since: date
    outcome: str
    http_status: int | None
    list_requests: int
    requests: int
    rows: int
    message: str
    missing: str = ""
    complete: tuple[str, ...] = ()
    new_per_day: float | None = None
    unread: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Clean the messages, which can contain text from servers."""
        object.__setattr__(self, "message", clean(redact(self.message)))
        object.__setattr__(self, "missing", clean(redact(self.missing)))


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


def last_unread(zone: LandingZone) -> dict[str, datetime]:
    """Repositories that the last poll saw and could not read, with the instant of the poll."""
    newest = zone.latest(REPORTS)
    if newest is None:
        return {}
    night = _night(json.loads(zone.read(newest)))
    return dict.fromkeys(night.unread, night.polled_at)


def table(zone: LandingZone) -> pl.DataFrame:
    """The `hub_nights` table."""
    rows = [
        asdict(night) | {"missing": night.missing or None, "unread": len(night.unread)}
        for night in nights(zone)
    ]
    return HUB_NIGHTS.cast(
        pl.DataFrame(
            [{name: row[name] for name in HUB_NIGHTS.names} for row in rows],
            schema=HUB_NIGHTS.polars_schema,
        )
    )


def since(past: list[Night], now: datetime, overlap_days: int, first_days: int) -> date:
    """Day of creation back to which a poll reads: the last complete one less the overlap.

    The overlap covers repositories whose files came days after their creation. The watermark is the
    start of a poll, never a date in a record, so a record dated in the future cannot advance it.

    Args:
        past: the polls so far.
        now: start of this one.
        overlap_days: days read again.
        first_days: days read by the very first poll.
    """
    done = [night.polled_at for night in past if night.outcome == "ok" or CREATED in night.complete]
    if not done:
        return (now - timedelta(days=first_days)).astimezone(UTC).date()
    return (max(done) - timedelta(days=overlap_days)).astimezone(UTC).date()


def changed_since(past: list[Night], now: datetime, overlap_days: int) -> date:
    """Day of the last change back to which a poll reads: the last complete one less a day.

    Args:
        past: the polls so far.
        now: start of this one.
        overlap_days: days read by the very first poll.
    """
    done = [night.polled_at for night in past if CHANGED in night.complete]
    start = max(done) - timedelta(days=1) if done else now - timedelta(days=overlap_days)
    return start.astimezone(UTC).date()


def implausible(
    past: list[Night], new_per_day: float | None, since: date, now: datetime
) -> str | None:
    """Why a number of new repositories cannot be the whole, compared with the last polls.

    Polls whose number was implausible are compared with as well, so that a lasting fall is accepted
    once half of the last polls have seen it.

    Args:
        past: the polls so far, oldest first.
        new_per_day: repositories created per day, by this poll; None if not all were listed.
        since: day back to which it read.
        now: when it started.
    """
    before = [night.new_per_day for night in past if night.new_per_day is not None][-COMPARED:]
    if not before or new_per_day is None:
        return None
    usual = median(before)
    if usual * days(since, now) < LEAST_EXPECTED or new_per_day >= LEAST_SHARE * usual:
        return None
    return f"{new_per_day:.0f} a day, after {usual:.0f} on the last nights"


def days(since: date, now: datetime) -> float:
    """Days from the beginning of a day, UTC, to an instant."""
    return (now - datetime.combine(since, time(), UTC)) / timedelta(days=1)


def _night(fields: dict[str, Any]) -> Night:
    return Night(
        **fields
        | {
            "polled_at": datetime.fromisoformat(fields["polled_at"]),
            "since": date.fromisoformat(fields["since"]),
            "complete": tuple(fields.get("complete", ())),
            "unread": tuple(fields.get("unread", ())),
        }
    )
