"""The bundled list prices: first-party prices with their dates, compiled by hand from documents.

Not here: the figures themselves (`facts/list_prices.csv`).
"""

import hashlib

import polars as pl

from densing_pipeline.prices.comparison import known_from
from densing_pipeline.tables.published import PRICES


def listed_prices(list_prices: pl.DataFrame) -> pl.DataFrame:
    """The fact table of list prices as rows of `prices`.

    A row was observed on the day it was compiled (`observed_at`); its documents name the very day on which
    the price began. An ordinary price for long prompts becomes a `long_context` offer, which sets no
    frontier.
    """
    return PRICES.cast(
        list_prices.rename({"observed_at": "observed_from"}).with_columns(
            valid_from_earliest="valid_from",
            valid_from_latest=known_from(),
            snapshot_sha256=pl.lit(_sha256(list_prices)),
            offer=pl.when(offer="standard")
            .then(
                pl.when(pl.col("context_over_tokens") > 0)
                .then(pl.lit("long_context"))
                .otherwise("offer")
            )
            .otherwise("offer"),
        )
    )


def _sha256(frame: pl.DataFrame) -> str:
    """Hash of the table's canonical CSV: columns and rows in order."""
    ordered = frame.select(sorted(frame.columns)).sort(pl.all(), nulls_last=True)
    return hashlib.sha256(ordered.write_csv().encode()).hexdigest()
