"""How many minutes of a week a price of certain hours holds, as the LiteLLM map states its windows.

Windows are `{"hours_utc": "16:00-00:00"}`, or a list of hours, with `weekdays` (names or 1 for Monday to 7)
where they are not of every day. Not here: which price is the ordinary one (`prices.offers.kinds_of_day`).
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from densing_pipeline.prices.offers import MINUTES_PER_DAY
from densing_pipeline.prices.sources.values import UnreadableError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY

_HOURS = re.compile(r"(\d{1,2}):?(\d{2})\s*[-–]\s*(\d{1,2}):?(\d{2})")


def minutes_of_week(price: Mapping[str, Any]) -> int:
    """Minutes of a week in which a price holds.

    Args:
        price: an object with `hours_utc`, or with `windows`, a list of such objects; hours that end at or
            before their start go on into the next day, and equal ones are the whole day.

    Raises:
        UnreadableError: hours or weekdays are missing or no such thing.
    """
    windows = price.get("windows", [price])
    if not isinstance(windows, list):
        raise UnreadableError("windows", windows, "windows are a list")
    minutes = set[int]()
    for window in windows:
        if not isinstance(window, dict):
            raise UnreadableError("windows", window, "a window is an object")
        for start, length in _spans(window.get("hours_utc")):
            for day in _days(window.get("weekdays")):
                first = day * MINUTES_PER_DAY + start
                minutes |= {minute % MINUTES_PER_WEEK for minute in range(first, first + length)}
    return len(minutes)


def _spans(hours: Any) -> list[tuple[int, int]]:
    """Minute of the day at which each span of hours starts, and its length in minutes."""
    spans = []
    for written in hours if isinstance(hours, list) else [hours]:
        found = _HOURS.fullmatch(written.strip()) if isinstance(written, str) else None
        if found is None:
            raise UnreadableError("hours_utc", written, "hours are HH:MM-HH:MM")
        start, end = (60 * int(found[i]) + int(found[i + 1]) for i in (1, 3))
        if max(start, end) > MINUTES_PER_DAY or max(int(found[2]), int(found[4])) > 59:
            raise UnreadableError("hours_utc", written, "a time of day is from 00:00 to 24:00")
        spans.append((start, (end - start) % MINUTES_PER_DAY or MINUTES_PER_DAY))
    return spans


def _days(weekdays: Any) -> list[int]:
    """Days of the week, 0 for Monday; all of them if none are named."""
    if weekdays is None:
        return list(range(7))
    days = []
    for written in weekdays if isinstance(weekdays, list) else [weekdays]:
        if isinstance(written, str) and written.strip()[:3].lower() in DAYS:
            days.append(DAYS.index(written.strip()[:3].lower()))
        elif isinstance(written, Decimal) and written % 1 == 0 and 0 <= written <= 7:
            days.append((int(written) - 1) % 7)
        else:
            raise UnreadableError("weekdays", written, "a weekday is a name, or 1 to 7")
    return days
