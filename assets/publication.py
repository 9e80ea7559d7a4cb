"""Assets of publication: health of the sources, revisions, and the release."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.metadata import (
    answer_metadata,
    health_metadata,
    release_metadata,
)
from densing_pipeline.orchestration.tables import FRESH, OWNERS, table_asset
from densing_pipeline.prices.snapshots import poll_reports
from densing_pipeline.publication import revisions as changes
from densing_pipeline.publication.answers import answers
from densing_pipeline.publication.consistency import (
    check_made_together,
    check_not_replaced,
    made_with,
)
from densing_pipeline.publication.datapackage import provenance
from densing_pipeline.publication.health import embedded_health, hub_health, poll_health
from densing_pipeline.publication.release import publish
from densing_pipeline.score_sources.poll import poll_reports as score_poll_reports
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import PUBLISHED, REVISIONS, SOURCE_HEALTH


@table_asset(SOURCE_HEALTH, group="publication", deps=["price_snapshots", "score_snapshots"])
def source_health(
    settings: dg.ResourceParam[Settings],
    prices: pl.DataFrame,
    hub_nights: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Age of each source's data, and the outcome of each poll."""
    now, zone = datetime.now(UTC), LandingZone(settings.landing_dir)
    rows = dict(prices.group_by("source").len().iter_rows())
    polls = [*poll_reports(zone), *score_poll_reports(zone)]
    health = SOURCE_HEALTH.cast(
        pl.concat(
            [
                embedded_health(facts.load("sources"), rows, now),
                poll_health(polls, now),
                hub_health(hub_nights, is_on=settings.hub_poll, now=now),
            ]
        )
    )
    return dg.MaterializeResult(value=health, metadata=health_metadata(health))


@table_asset(REVISIONS, group="publication", ins=changes.COMPARED)
def revisions(settings: dg.ResourceParam[Settings], **tables: pl.DataFrame) -> pl.DataFrame:
    """Published numbers that differ in the new tables, with the old and new values."""
    made = provenance(settings, facts.load("sources"))
    return changes.revisions(tables, settings.publish_dir, made)


@dg.asset(
    group_name="publication",
    owners=OWNERS,
    kinds={"parquet"},
    freshness_policy=FRESH,
    ins={name: dg.AssetIn(name) for name in PUBLISHED},
)
def release(
    settings: dg.ResourceParam[Settings], **tables: pl.DataFrame
) -> dg.MaterializeResult[None]:
    """All tables with data dictionary and provenance, published atomically if anything changed."""
    check_not_replaced()
    check_made_together(settings.tables_dir, tuple(PUBLISHED), made_with(settings))
    made = provenance(settings, facts.load("sources"))
    return dg.MaterializeResult(
        metadata=release_metadata(
            publish(tables, settings.publish_dir, made, settings.keep_releases)
        )
        | answer_metadata(answers(tables))
    )
