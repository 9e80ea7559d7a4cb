"""Tells corrections of an error in a list from real changes of a price.

More than half of all first price changes in community lists correct a wrong entry. A change counts as a
correction if it is tenfold or more, if it comes in the offer's first week, or if the earlier price was
empty or 0.

- *Error*: the earlier price was wrong. Any change in the first week, or a tenfold rise in a list
  that people keep by hand. The new price holds since the earlier one was said to; nobody believes the
  earlier one any more.
- *Leap*: a tenfold rise after the first week in a seller's own list, either the end of a promotion or
  an error: the earlier price keeps its interval, and the new one is `suspect`.
- *Doubtful*: a tenfold fall, or a price where there was none; the earlier price may have been right. It
  keeps its interval, and the start of the new one is not known.

Not here: the rows that follow from it (`fold`).
"""

from datetime import date, timedelta

import polars as pl

from densing_pipeline.prices.sources import own_lists
from densing_pipeline.prices.sources.snapshot import MAIN_PRICE_COLUMNS

TENFOLD = 9.99
"""Factor that counts as a tenfold change: 10, less 0.1 % for rounding when prices are converted."""

FIRST_WEEK = timedelta(days=7)

_NO_MOVE = ("correction", "suspect", "refused", "future")
"""Flags of prices that do not count as the end point of a price change."""


def is_error(source: str, day: date) -> pl.Expr:
    """Whether the earlier price (columns ending in `_old`) was wrong, given the price of `day`."""
    is_new = (pl.lit(day) - pl.col("first_seen_old") < FIRST_WEEK).fill_null(value=False)
    return (is_new if source in own_lists() else is_new | is_tenfold_rise()) & ~_was_nothing()


def is_tenfold_rise() -> pl.Expr:
    """Whether the price rose tenfold."""
    return pl.any_horizontal(
        (pl.col(f"{n}_old") > 0) & (pl.col(n) >= TENFOLD * pl.col(f"{n}_old"))
        for n in MAIN_PRICE_COLUMNS
    ).fill_null(value=False)


def is_doubtful() -> pl.Expr:
    """Whether the change is a correction after which the earlier price may still have been right."""
    fall = pl.any_horizontal(
        (pl.col(n) > 0) & (pl.col(f"{n}_old") >= TENFOLD * pl.col(n)) for n in MAIN_PRICE_COLUMNS
    )
    return fall.fill_null(value=False) | (_was_nothing() & ~_is_nothing())


def reason(day: date) -> pl.Expr:
    """Text of `reason` for the row of the new price: both prices and the day."""
    return pl.format(
        "replaced {} in, {} out on {}",
        *(pl.col(f"{n}_old").cast(pl.String).fill_null("none") for n in MAIN_PRICE_COLUMNS),
        pl.lit(day.isoformat()),
    )


def price_changes(prices: pl.DataFrame) -> pl.DataFrame:
    """Price changes of offers: rows whose input or output price replaced another one.

    Left out: corrections, restatements, entries, returns after an absence, and changes of the cache
    price alone.

    Args:
        prices: rows of `prices`.

    Returns:
        source, provider, model, offer, date, and both prices before and after, by offer and date.
    """
    seat = ("source", "provider", "model", "context_over_tokens", "quantisation", "offer")
    believed = prices.filter(pl.col("observed_to").is_null())
    after = believed.filter(
        pl.col("basis") == "first_observed",
        pl.col("flag").is_null() | ~pl.col("flag").is_in(_NO_MOVE),
    )
    before = believed.filter(
        pl.col("valid_to").is_not_null(),
        pl.col("flag").is_null() | ~pl.col("flag").is_in(_NO_MOVE[1:]),
    )
    return (
        after.join(
            before,
            left_on=(*seat, "valid_from"),
            right_on=(*seat, "valid_to"),
            nulls_equal=True,
            suffix="_before",
        )
        .filter(
            pl.any_horizontal(
                pl.col(n).ne_missing(pl.col(f"{n}_before")) for n in MAIN_PRICE_COLUMNS
            )
        )
        .rename({"valid_from": "date"})
        .select(*seat, "date", *MAIN_PRICE_COLUMNS, *(f"{n}_before" for n in MAIN_PRICE_COLUMNS))
        .sort(*seat, "date", nulls_last=True)
    )


def _was_nothing() -> pl.Expr:
    return pl.all_horizontal(pl.col(f"{n}_old").fill_null(0) == 0 for n in MAIN_PRICE_COLUMNS)


def _is_nothing() -> pl.Expr:
    return pl.all_horizontal(pl.col(n).fill_null(0) == 0 for n in MAIN_PRICE_COLUMNS)
