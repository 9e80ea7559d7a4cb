"""Dates of tables."""

from datetime import date

import polars as pl

from densing_pipeline.tables.schemas import TableError


def newest(days: pl.Series, otherwise: date | None = None) -> date:
    """The newest day of a date column, the day its table knows the world as of.

    Args:
        days: the column.
        otherwise: the day of a table without any.

    Raises:
        TableError: there is no day to take.
    """
    day = days.max() if days.len() else otherwise
    day = otherwise if day is None else day
    if not isinstance(day, date):
        raise TableError(f"{days.name}: no date in {days.len()} rows; the table is empty")
    return day
