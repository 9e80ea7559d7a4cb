"""The price book as it stood: what was valid on one day, as we knew it on another.

Not here: which of those prices count for anything (`cost.admission`).
"""

from datetime import date

import polars as pl

from densing_pipeline.prices.book import known_from
from densing_pipeline.tables.dates import newest


def as_of(prices: pl.LazyFrame | pl.DataFrame, valid: date, observed: date) -> pl.DataFrame:
    """The prices of one day, as known at the end of another.

    Args:
        prices: rows of `prices`.
        valid: the day the prices were valid on.
        observed: the day of our knowledge; what was seen later does not exist yet.

    Returns:
        The rows that were believed then and said to hold on `valid`, an undated price from the day
        it is known to have held. `last_seen` is not later than `observed`; flags are those the
        table carries now.
    """
    rows = prices.lazy().filter(
        pl.col("observed_from") <= observed,
        pl.col("observed_to").is_null() | (pl.col("observed_to") > observed),
        pl.col("valid_from").is_null() | (pl.col("valid_from") <= valid),
        pl.col("valid_to").is_null() | (pl.col("valid_to") > valid),
        known_from() <= valid,
    )
    return rows.with_columns(last_seen=pl.min_horizontal("last_seen", pl.lit(observed))).collect()


def last_day(prices: pl.DataFrame) -> date:
    """The last day on which anything in the table was seen.

    Raises:
        TableError: the table is empty.
    """
    return newest(pl.concat([prices["observed_from"], prices["last_seen"]]))
