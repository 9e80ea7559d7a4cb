"""How much an estimate says: the column `width` beside its verdict.

Not here: the intervals themselves (`stats.intervals`).
"""

import polars as pl

from densing_pipeline.tables.schemas import Table

WIDE_FOLD = 10
"""Ends of an interval over this many fold apart make an estimate `wide`."""


def with_width(table: Table, frame: pl.DataFrame, low: str, high: str) -> pl.DataFrame:
    """The frame as its table has it, with `width` by the ends of an interval.

    Args:
        table: the declaration.
        frame: rows with a verdict.
        low: column of the lower end of a positive quantity, null where the interval is open.
        high: column of the upper end.
    """
    cast = table.cast(frame)
    is_missing = pl.col(low).is_null(), pl.col(high).is_null()
    width = (
        pl.when((pl.col("verdict") != "ok") | (is_missing[0] & is_missing[1]))
        .then(None)
        .when(is_missing[0] | is_missing[1])
        .then(pl.lit("open"))
        .when(pl.col(high) > WIDE_FOLD * pl.col(low))
        .then(pl.lit("wide"))
        .otherwise(pl.lit("narrow"))
    )
    return cast.with_columns(width=width)
