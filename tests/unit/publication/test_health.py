"""Freshness of the sources that travel with the package."""

from datetime import UTC, date, datetime

import polars as pl

from densing_pipeline.publication.health import embedded_health
from densing_pipeline.tables.published import SOURCE_HEALTH

SOURCES = pl.DataFrame(
    {
        "source": ["a", "b"],
        "version": ["1", "2"],
        "published_at": [date(2026, 1, 1), date(2026, 2, 1)],
    }
)


def test_age_is_counted_from_midnight_utc_and_never_negative():
    health = embedded_health(SOURCES, {"a": 7}, datetime(2026, 1, 2, 12, tzinfo=UTC))
    assert SOURCE_HEALTH.validate(health).select("source", "rows", "stale_hours").rows() == [
        ("a", 7, 36.0),
        ("b", None, 0.0),
    ]
