"""How fresh each source is, and what an operator needs to know about it."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from densing_pipeline.tables.published import SOURCE_HEALTH


def embedded_health(sources: pl.DataFrame, rows: Mapping[str, int], now: datetime) -> pl.DataFrame:
    """Health of the sources that travel with the package and are never polled.

    Args:
        sources: the fact table of that name.
        rows: rows each source contributes, where they can be counted.
        now: the instant ages are counted to.

    Returns:
        The `source_health` table, one row per source.
    """
    published_at = pl.col("published_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    age_hours = (pl.lit(now) - published_at).dt.total_seconds() / 3600
    return SOURCE_HEALTH.cast(
        sources.select(
            "source",
            "version",
            polled_at=published_at,
            outcome=pl.lit("embedded"),
            rows=pl.col("source").replace_strict(rows, default=None, return_dtype=pl.Int64),
            stale_hours=age_hours.clip(lower_bound=0),
            message=pl.lit("travels with the package; not polled"),
        )
    )
