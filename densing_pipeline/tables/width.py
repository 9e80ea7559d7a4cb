"""How much an estimate says: the column `width` beside its verdict, and which ends are not told.

Not here: the intervals themselves (`stats.intervals`).
"""

import polars as pl

from densing_pipeline.tables.schemas import Table

WIDE_FOLD = 10
"""Ends of an interval over this many fold apart make an estimate `wide`."""

MOST_FOLD = 100
"""Fold between the ends of an interval beyond which it says nothing: a time is then told to be open upwards, and
another number is not told at all."""


def with_width(table: Table, frame: pl.DataFrame, low: str, high: str) -> pl.DataFrame:
    """The frame as its table has it, with `width` by the ends of an interval.

    An upper end over `MOST_FOLD` times the lower one is left out, with the reason. These are ends of times: so far
    apart, the slope they invert is hardly told from zero.

    Args:
        table: the declaration.
        frame: rows with a verdict and a reason.
        low: column of the lower end of a positive quantity, null where the interval is open.
        high: column of the upper end.
    """
    cast = table.cast(frame)
    fold = pl.col(high) / pl.col(low)
    is_far = ((pl.col("verdict") == "ok") & (fold > MOST_FOLD)).fill_null(value=False)
    told = pl.format("no upper end told: it is {} times the lower one", fold.round().cast(pl.Int64))
    reason = pl.concat_str(
        pl.when(pl.col("reason") != "").then("reason"), told, separator="; ", ignore_nulls=True
    )
    cast = cast.with_columns(
        pl.when(is_far).then(None).otherwise(pl.col(high)).alias(high),
        reason=pl.when(is_far).then(reason).otherwise("reason"),
    )
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
