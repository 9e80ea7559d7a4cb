"""The price book as of a past day: prices valid on one day, as known on another.

Not here: which of those prices count for a capability level (`cost.admission`).
"""

from datetime import date

import polars as pl

from densing_pipeline.prices.book import rejudged
from densing_pipeline.prices.comparison import known_from
from densing_pipeline.prices.sources import own_lists, partial_lists
from densing_pipeline.tables.dates import newest

Prices = pl.LazyFrame | pl.DataFrame

_SEEN = ("observed_from", "observed_to", "last_seen")
"""Columns of `prices` that are days of an observation."""


def as_of(
    prices: Prices, valid: date, observed: date, polls: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The prices valid on one day, as known at the end of another.

    Args:
        prices: rows of `prices`.
        valid: the day the prices were valid on.
        observed: the day of our knowledge; what was seen later does not exist yet.
        polls: rows of `price_polls`: on which days the lists were seen (`known`).

    Returns:
        The rows that were believed then and said to hold on `valid`, an undated price from the day
        it is known to have held, with the flags that comparing the lists gave them then.
    """
    rows = known(prices, observed, polls)
    held = rows.filter(holds(valid)).collect()
    if held["source"].n_unique() <= 1 and held["source"].is_in(own_lists()).all():
        return held  # nothing to compare with, and what the sellers say themselves is not presumed
    return rejudged(rows.collect()).filter(holds(valid))


def known(prices: Prices, observed: date, polls: pl.DataFrame | None = None) -> pl.LazyFrame:
    """The rows that were current at the end of a day, without the results of comparing lists.

    Args:
        prices: rows of `prices`.
        observed: the day; `last_seen` is the last day until then on which the list was seen to have
            the offer, and no row knows yet that it will be superseded.
        polls: rows of `price_polls`. A list that was not polled by that day says nothing of what it
            no longer has. Without any rows, a list is known to have been seen on the days on which
            anything in it changed, and not after the last of these.
    """
    rows = prices.lazy().filter(
        pl.col("observed_from") <= observed,
        pl.col("observed_to").is_null() | (pl.col("observed_to") > observed),
    )
    # A look at every row: only where nobody kept the days.
    seen = (
        _last_polls(prices.lazy(), observed) if polls is None or polls.is_empty() else polls.lazy()
    )
    last = (
        seen.filter(pl.col("seen_on") <= observed)
        .group_by("source", "model")
        .agg(pl.col("seen_on").max())
    )
    return (
        rows.with_columns(
            of=pl.when(pl.col("source").is_in(partial_lists())).then("model"), observed_to=None
        )
        .join(
            last.rename({"model": "of"}),
            on=("source", "of"),
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        .with_columns(
            pl.col("observed_to").cast(pl.Date),
            last_seen=pl.when(pl.col("last_seen") > observed)
            .then("seen_on")
            .otherwise("last_seen"),
        )
        .drop("of", "seen_on")
    )


def last_day(prices: pl.DataFrame) -> date:
    """The last day on which anything in the table was seen.

    Raises:
        TableError: the table is empty.
    """
    return newest(pl.concat([prices["observed_from"], prices["last_seen"]]))


def holds(valid: date) -> pl.Expr:
    """Whether a row is valid on a day, both as stated and as far as it is known."""
    return (
        (pl.col("valid_from").is_null() | (pl.col("valid_from") <= valid))
        & (pl.col("valid_to").is_null() | (pl.col("valid_to") > valid))
        & (known_from() <= valid)
    )


def _last_polls(prices: pl.LazyFrame, observed: date) -> pl.LazyFrame:
    """Last day up to `observed` on which each list, or each model of a partial list, was polled."""
    return (
        prices.group_by("source", pl.when(pl.col("source").is_in(partial_lists())).then("model"))
        .agg(
            seen_on=pl.max_horizontal(
                pl.col(name).filter(pl.col(name) <= observed).max() for name in _SEEN
            )
        )
        .drop_nulls("seen_on")
    )
