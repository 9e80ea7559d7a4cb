"""What a confirmed change in a list that people keep says about the price before.

More than half of all first price changes in community lists mend a wrong entry. There, a change counts as a
correction if it is tenfold or more, if it comes in the offer's first week, or if the earlier price was
empty or 0: the new price counts, but its day does not date a change. A price that was corrected upwards
tenfold is doubted, for as a low it would stay on record for ever.

A seller's own list is not corrected: what it says is what the seller charged. Not here: whether a change is
confirmed (`confirmation`).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from densing_pipeline.prices.sources.snapshot import MAIN_PRICE_COLUMNS

TENFOLD = 9.99
"""Factor that counts as a tenfold change: 10, less 0.1 % for rounding when prices are converted."""

FIRST_WEEK = timedelta(days=7)

PROVISIONAL = "provisional"
"""Flag of a price that one look found and no other yet."""

SLIP = "slip"
"""Flag of a price that its list took back within 14 days."""

_NO_MOVE = ("correction", "suspect", "refused", "future", "unconfirmed", PROVISIONAL, SLIP)
"""Flags of prices that do not count as the end point of a price change."""

Row = Mapping[str, Any]


def remark(before: Row, after: Row) -> dict[str, str]:
    """Flag and reason of a price that corrects the one before; nothing if it is an ordinary change.

    Args:
        before: row of the price before.
        after: row of the price that replaced it.
    """
    pairs = [(before[name] or 0, after[name] or 0) for name in MAIN_PRICE_COLUMNS]
    was_nothing = not any(old for old, _ in pairs)
    is_tenfold = any(
        old > 0 and new > 0 and max(old, new) >= TENFOLD * min(old, new) for old, new in pairs
    )
    first_seen = after["first_seen"]
    is_early = first_seen is not None and after["valid_from"] - first_seen < FIRST_WEEK
    if not (is_tenfold or is_early or was_nothing) or not any(new for _, new in pairs):
        return {}
    return {"flag": "correction", "reason": f"replaced {_amounts(before)} on {after['valid_from']}"}


def doubt(before: Row, after: Row) -> dict[str, str]:
    """Flag and reason of a price that was replaced by one tenfold or more; nothing if it was not.

    Args:
        before: row of the price before.
        after: row of the price that stands now.
    """
    rose = any(
        (before[name] or 0) > 0 and (after[name] or 0) >= TENFOLD * before[name]
        for name in MAIN_PRICE_COLUMNS
    )
    if not rose or before["flag"] not in (None, "correction"):
        return {}
    return {"flag": "suspect", "reason": f"replaced tenfold by {_amounts(after)}"}


def _amounts(row: Row) -> str:
    """Both prices in words."""
    prices = ("none" if row[name] is None else row[name] for name in MAIN_PRICE_COLUMNS)
    return "{} in, {} out".format(*prices)


def price_changes(prices: pl.DataFrame) -> pl.DataFrame:
    """Price changes of offers: rows whose input or output price replaced another one.

    Left out: corrections, slips, prices seen once or doubted, restatements, entries, returns after an
    absence, and changes of the cache price alone.

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
