"""Dates: origin of the time axis of trends, lengths of year and month, newest day of a table.

Not here: the windows of estimation (`trends.windows`).
"""

from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from densing_pipeline.paper import FIRST_MODEL
from densing_pipeline.tables.schemas import TableError

DAY_ZERO = FIRST_MODEL
"""Origin of the time axis, in days, of every trend and its intercept."""

NO_END = pl.date(9999, 1, 1)
"""Stands for the end of an interval that has none, where ends are compared."""

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12


def checked_day(given: object, name: str) -> date:
    """A day that a caller gives.

    Raises:
        TypeError: it is an instant, a text or anything else; the message names the argument.
    """
    if isinstance(given, datetime) or not isinstance(given, date):
        raise TypeError(f"{name}: {given!r} is no day: give a datetime.date, in UTC")
    return given


class Window(NamedTuple):
    """A named span of days, both ends included."""

    name: str
    start: date
    end: date


def days_since_zero(day: date) -> float:
    """Days from day zero to a day."""
    return float((day - DAY_ZERO).days)


def newest(days: pl.Series, otherwise: date | None = None) -> date:
    """The newest day of a date column, the day up to which its table is complete.

    Args:
        days: the column.
        otherwise: the day to take if the column holds none.

    Raises:
        TableError: there is no day to take.
    """
    day = days.max() if days.len() else otherwise
    day = otherwise if day is None else day
    if not isinstance(day, date):
        raise TableError(f"{days.name}: no date in {days.len()} rows; the table is empty")
    return day


def newest_or_day_zero(days: pl.Series) -> date:
    """`newest`, and day zero if the column holds no day: the `as_of` of a table without inputs."""
    return newest(days, otherwise=DAY_ZERO)
