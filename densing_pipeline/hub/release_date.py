"""Release date of a model with its basis, and the earliest and latest possible day.

Not here: which bundled facts exist (`facts`), and when we first saw the repository (`records`).
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from densing_pipeline.tables.columns import EARLIEST

BEFORE_CREATION = 266
"""Largest observed number of days from the announcement to the creation of a repository (a
re-upload)."""

AFTER_CREATION = 53
"""Largest observed number of days from the creation of a (private) repository to the
announcement."""

OLDEST_COMMIT = timedelta(days=20 * 365)
"""Largest age of a repository's last commit at the creation of the repository on the Hub. Commits of
a mirrored repository keep their dates, but git itself is from 2005."""

HUB_EPOCH = dt.date(2022, 3, 2)
"""The Hub gives this creation day to every repository that is older."""


@dataclass(frozen=True, slots=True)
class ReleaseDate:
    """A release date with its basis and interval.

    Attributes:
        date: the day; None if no source gives a plausible one.
        basis: `announced`, `created_at` or `first_commit`; None without a date.
        earliest: first possible day.
        latest: last possible day.
    """

    date: dt.date | None
    basis: str | None
    earliest: dt.date | None
    latest: dt.date | None


def release_date(record: Mapping[str, Any], bundled: dt.date | None) -> ReleaseDate:
    """The release date of a model.

    A bundled date takes precedence. Otherwise the date is the day the repository was created, which
    was from 53 days before the announcement to 266 days after it (`sources.md` has the
    measurement). The interval covers this range, up to the last change of the repository.

    Args:
        record: a record of the Hub; `createdAt` and `lastModified` are read.
        bundled: the date in the bundled facts, if the model is in them.

    Returns:
        The date, basis and window. Never raises: a creation day before the Hub's beginning, one
        that is not a date, or one more than `OLDEST_COMMIT` after the last change of the repository
        gives no date. A shorter time is no contradiction: the Hub dates the creation by its own
        clock and the last change by the last commit, which a repository pushed from elsewhere
        brings along.
    """
    if isinstance(bundled, dt.date):
        return ReleaseDate(bundled, "announced", bundled, bundled)
    record = record if isinstance(record, Mapping) else {}
    created, modified = _day(record.get("createdAt")), _day(record.get("lastModified"))
    if created is None or created < HUB_EPOCH:
        return ReleaseDate(None, None, None, modified)
    if modified is not None and created - modified > OLDEST_COMMIT:
        return ReleaseDate(None, None, None, modified)
    if created == HUB_EPOCH:
        return ReleaseDate(None, None, EARLIEST, HUB_EPOCH)
    return ReleaseDate(
        created,
        "created_at",
        created - timedelta(days=BEFORE_CREATION),
        created + timedelta(days=AFTER_CREATION),
    )


def _day(value: object) -> dt.date | None:
    """The day, UTC, of an instant as the Hub writes it."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    try:
        return (instant if instant.tzinfo is None else instant.astimezone(UTC)).date()
    except (OverflowError, ValueError):
        return None
