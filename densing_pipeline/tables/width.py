"""How much an interval says: the column `width`, and which of its ends are not told.

One rule for the 95 % intervals of all positive quantities (times, densities, prices, folds): the data hardly
bound a quantity whose ends are over `MOST_FOLD` apart, so one end is then left out and the interval is `open`. Of a
time that is the upper end, where the slope it inverts is hardly told from zero; of another quantity it is the end
farther from the estimate, and every end over `MOST_FOLD` from the estimate. Prices are told however far apart, for
each is one that somebody asked. Scores, and differences of scores, have a scale with ends of their own and no width.

Not here: the intervals themselves (`stats.intervals`).
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from densing_pipeline.tables.schemas import Table

WIDE_FOLD = 10
"""Ends of an interval over this many fold apart make an estimate `wide`."""

MOST_FOLD = 100
"""Fold between the ends of an interval beyond which it says nothing: a time is then told to be open upwards, and of
another quantity one end is told, or nothing."""


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
    cast = cast.with_columns(
        pl.when(is_far).then(None).otherwise(pl.col(high)).alias(high),
        reason=_with_reason(is_far, told),
    )
    is_estimated = (pl.col("verdict") == "ok") & ~(pl.col(low).is_null() & pl.col(high).is_null())
    return cast.with_columns(width=width_of(low, high, is_estimated))


def with_told_ends(
    table: Table, frame: pl.DataFrame, low: str, high: str, *, of: str, is_log: bool = False
) -> pl.DataFrame:
    """The frame as its table has it, without ends that say nothing, and with `width`.

    Args:
        table: the declaration. If it has a column `reason`, the rows that lack an end say so there.
        frame: the rows.
        low: column of the lower end of a positive quantity, null where the interval is open.
        high: column of the upper end.
        of: column of the estimate, which lies between the ends; null where there is none.
        is_log: whether the columns are logarithms of the quantity.
    """
    cast = table.cast(frame)
    is_left_out = _is_far(low, high, of, is_log=is_log)
    if "reason" in table.names:
        told = pl.lit(f"no end told that is over {MOST_FOLD}-fold from the other or from the value")
        cast = cast.with_columns(reason=_with_reason(is_left_out[0] | is_left_out[1], told))
    return cast.with_columns(told_ends(low, high, of=of, is_log=is_log)).with_columns(
        width=width_of(low, high, pl.col(of).is_not_null(), is_log=is_log)
    )


def told_ends(low: str, high: str, *, of: str, is_log: bool = False) -> list[pl.Expr]:
    """The columns of both ends, null where an end says nothing; arguments as of `with_told_ends`."""
    return [
        pl.when(is_far).then(None).otherwise(pl.col(name)).alias(name)
        for name, is_far in zip((low, high), _is_far(low, high, of, is_log=is_log), strict=True)
    ]


def told_high(low: float | None, high: float | None) -> float | None:
    """The upper end of a time, None if it is over `MOST_FOLD` times the lower one, as in `with_width`."""
    return None if low and high and high > MOST_FOLD * low else high


def width_of(low: str, high: str, is_estimated: pl.Expr, *, is_log: bool = False) -> pl.Expr:
    """`narrow`, `wide` or `open` by the ends of an interval; null where nothing is estimated.

    Args:
        low: column of the lower end, null or not positive where the quantity is not bounded from below.
        high: column of the upper end, null where it is not bounded from above.
        is_estimated: whether a row has an estimate with an interval.
        is_log: whether the columns are logarithms of the quantity.
    """
    fold = (pl.col(high) - pl.col(low)).exp() if is_log else pl.col(high) / pl.col(low)
    is_open = pl.col(low).is_null() | pl.col(high).is_null()
    if not is_log:
        is_open |= pl.col(low) <= 0
    return (
        pl.when(~is_estimated)
        .then(None)
        .when(is_open)
        .then(pl.lit("open"))
        .when(fold > WIDE_FOLD)
        .then(pl.lit("wide"))
        .otherwise(pl.lit("narrow"))
    )


def _is_far(low: str, high: str, of: str, *, is_log: bool) -> tuple[pl.Expr, pl.Expr]:
    """Whether the lower and the upper end say nothing."""
    ln: Callable[[str], pl.Expr] = pl.col if is_log else lambda name: pl.col(name).log()
    most = float(np.log(MOST_FOLD))
    down, up = ln(of) - ln(low), ln(high) - ln(of)
    is_wide = down + up > most
    return (
        (((down > up) & is_wide) | (down > most)).fill_null(value=False),
        (((up >= down) & is_wide) | (up > most)).fill_null(value=False),
    )


def _with_reason(is_said: pl.Expr, said: pl.Expr) -> pl.Expr:
    """The column `reason` with a sentence more where a condition holds."""
    longer = pl.concat_str(
        pl.when(pl.col("reason") != "").then("reason"), said, separator="; ", ignore_nulls=True
    )
    return pl.when(is_said).then(longer).otherwise("reason")
