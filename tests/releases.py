"""What releases that tests publish are made with: sources, and their provenance."""

from datetime import UTC, datetime

import polars as pl

from densing_pipeline.publication.datapackage import Provenance

SOURCES = pl.DataFrame(
    {
        "source": ["paper"],
        "title": ["A paper"],
        "version": ["v2"],
        "published_at": [datetime(2024, 12, 6, tzinfo=UTC).date()],
        "licence": ["CC-BY-4.0"],
        "source_url": ["https://example.org"],
    }
)

SMALL = ("scores", "prices", "revisions")
"""Tables of a small release."""


def some_provenance(created: datetime | None = None) -> Provenance:
    """How a release was made, at an instant.

    Args:
        created: the instant; the first of January 2026 if left out.
    """
    return Provenance(
        created=created or datetime(2026, 1, 1, tzinfo=UTC),
        git_sha="abc",
        versions={"polars": "2"},
        seed=1,
        bootstrap_draws=100,
        sources=SOURCES,
    )
