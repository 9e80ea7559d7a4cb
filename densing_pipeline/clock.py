"""The clock: the machine's, or one that tests and replays of past nights set by `DENSING_NOW`.

Every instant that is written down or compared with one that was comes from here. Durations and deadlines do
not: they are measured by the monotonic clock. Nothing but the standard library is imported, as the
evaluation job reads this too. Not here: that results of a set clock are kept apart (`state`, `publication.release`).
"""

import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

VARIABLE = "DENSING_NOW"
"""Variable that sets the clock, an instant in ISO 8601 with its zone."""

STEP = timedelta(milliseconds=1)
"""By how much each look at a set clock is later than the one before."""


def is_set() -> bool:
    """Whether the clock is another one than the machine's."""
    return bool(os.environ.get(VARIABLE))


def now() -> datetime:
    """The time, UTC.

    A clock that is set stands at its instant when a process first looks, and each look is a millisecond
    later: what happens in order has instants in order, and a replay has the same ones.

    Raises:
        ValueError: the variable has no such instant; `Settings` refuses it before anything starts.
    """
    given = os.environ.get(VARIABLE)
    return next(_looks(given)) if given else datetime.now(UTC)


def parsed(given: str) -> datetime:
    """The instant in a text.

    Raises:
        ValueError: there is none, or it has no time zone.
    """
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(
            f"write an instant such as 2027-01-31T02:00:00+00:00, not {given!r}"
        ) from None
    if instant.tzinfo is None:
        raise ValueError(f"{given!r} has no time zone; write it as 2027-01-31T02:00:00+00:00")
    return instant.astimezone(UTC)


@lru_cache(maxsize=1)
def _looks(given: str) -> Iterator[datetime]:
    """What each look at a clock set to this instant sees; another value begins anew."""
    start = parsed(given)
    return (start + number * STEP for number in itertools.count())
