"""Prices that are only presumed: their list still has them, but nothing shows that their seller still asks them.

People add offers to a list and seldom remove them when a seller closes. While a seller is there, its prices
change and its models come and go; when nothing of the kind has been seen of it for a year, in any list, though
its own list was kept up all the while, its prices are known up to the last sign of it and presumed from then on.
Not here: what a level costs without
them (`cost.admission`).
"""

import polars as pl

from densing_pipeline.prices.names import seller
from densing_pipeline.prices.sources import own_lists

SILENT_DAYS = 365
"""Days without a sign of a seller from which its prices count as presumed since the last one."""

_NO_SIGN = ("future", "refused", "provisional", "slip")
"""Flags of prices that are no sign of their seller: nobody, or only its list's keeper, has moved."""


def mark(book: pl.DataFrame) -> pl.DataFrame:
    """The book with `presumed_from`, the first day from which a price is only presumed to hold.

    A sign of a seller is a price of its own that began on a known day, in any list, or a look at a list that
    the sellers' own system writes. That a price is missing from then on is none: lists drop sellers that are
    gone. Prices of lists that were not polled, and of the sellers' own lists, are never presumed.

    Args:
        book: rows of `prices`.

    Returns:
        The same rows in the same order.
    """
    if book.is_empty():
        return book
    providers = book["provider"].unique()
    rows = book.with_columns(
        seller=pl.col("provider").replace_strict({name: seller(name) for name in providers})
    )
    is_own = pl.col("source").is_in(own_lists())
    is_current = pl.col("observed_to").is_null()
    is_sign = pl.col("flag").is_null() | ~pl.col("flag").is_in(_NO_SIGN)
    signs = (
        rows.filter(is_current, is_sign)
        .with_columns(day=pl.when(is_own).then("last_seen").otherwise(_began()))
        .drop_nulls("day")
    )
    of_sellers = signs.group_by("seller").agg(pl.col("day").max())
    of_lists = signs.group_by("source").agg(kept_up=pl.col("day").max())
    first_looks = rows.group_by("source").agg(first_look=pl.col("observed_from").min())
    since = pl.max_horizontal("day", "first_look")
    # `last_seen` is empty where the list is not polled, and `kept_up` where nothing in it ever moved.
    is_silent = pl.all_horizontal(
        (pl.col(name) - since).dt.total_days() > SILENT_DAYS for name in ("last_seen", "kept_up")
    )
    return (
        rows.join(of_sellers, on="seller", how="left", maintain_order="left")
        .join(of_lists, on="source", how="left", maintain_order="left")
        .join(first_looks, on="source", how="left", maintain_order="left")
        .with_columns(presumed_from=pl.when(~is_own & is_silent).then(since.dt.offset_by("1d")))
        .select(book.columns)
    )


def _began() -> pl.Expr:
    """The day on which a price began, where it is known; an undated price is no sign."""
    return pl.when(pl.col("basis") != "undated").then("valid_from")
