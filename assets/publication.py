"""Assets of publication: health of the sources, revisions, and the release."""

import dagster as dg
import polars as pl

from densing_pipeline import clock, facts
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.metadata import (
    answer_metadata,
    health_metadata,
    release_metadata,
)
from densing_pipeline.orchestration.state_lock import StateLock
from densing_pipeline.orchestration.tables import FRESH, OWNERS, table_asset
from densing_pipeline.prices.snapshots import poll_reports
from densing_pipeline.publication import revisions as changes
from densing_pipeline.publication import short_tables
from densing_pipeline.publication.answers import ANSWERED_FROM, answers
from densing_pipeline.publication.consistency import (
    check_made_together,
    check_not_replaced,
    made_with,
)
from densing_pipeline.publication.datapackage import provenance
from densing_pipeline.publication.health import embedded_health, hub_health, poll_health
from densing_pipeline.publication.places import copies
from densing_pipeline.publication.release import latest_release, publish
from densing_pipeline.publication.stored_tables import StoredTables
from densing_pipeline.score_sources.poll import poll_reports as score_poll_reports
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import (
    HEADLINE_TABLE,
    PRICE_NOW,
    PUBLISHED,
    REVISIONS,
    SMALLEST_MODEL,
    SOURCE_HEALTH,
    WAITING,
)


@table_asset(SOURCE_HEALTH, group="publication", deps=["price_snapshots", "score_snapshots"])
def source_health(
    settings: dg.ResourceParam[Settings],
    prices: pl.DataFrame,
    hub_nights: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Age of each source's data, and the outcome of each poll."""
    now, zone = clock.now(), LandingZone(settings.landing_dir)
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


@dg.asset(group_name="publication", owners=OWNERS, kinds={"parquet"})
def earlier_releases(
    settings: dg.ResourceParam[Settings], lock: StateLock
) -> dg.MaterializeResult[None]:
    """The releases so far, in a local folder; of a remote place its latest release is fetched."""
    latest = latest_release(copies.earlier_releases(settings))
    return dg.MaterializeResult(metadata={"latest": latest.release_id if latest else "none"})


@table_asset(REVISIONS, group="publication", deps=[*changes.COMPARED, "earlier_releases"])
def revisions(settings: dg.ResourceParam[Settings]) -> pl.DataFrame:
    """Published numbers that differ in the new tables, with the old and new values."""
    made = provenance(settings, facts.load("sources"))
    tables = StoredTables(settings.tables_dir, changes.COMPARED)
    return changes.revisions(tables, settings.publish_dir, made)


@table_asset(HEADLINE_TABLE, group="publication", ins=ANSWERED_FROM)
def headline(**tables: pl.DataFrame) -> pl.DataFrame:
    """The numbers of the answers, one row each."""
    return short_tables.headline(answers(tables))


@table_asset(PRICE_NOW, group="publication")
def price_now(
    price_frontier: pl.DataFrame,
    price_records: pl.DataFrame,
    capability_levels: pl.DataFrame,
    model_links: pl.DataFrame,
) -> pl.DataFrame:
    """The cheapest offer of each capability level today."""
    return short_tables.price_now(price_frontier, price_records, capability_levels, model_links)


@table_asset(SMALLEST_MODEL, group="publication")
def smallest_model(
    densities: pl.DataFrame, models: pl.DataFrame, densing_law: pl.DataFrame
) -> pl.DataFrame:
    """The smallest open model that reaches each score, its memory, and when half of it may do."""
    return short_tables.smallest_model(densities, models, densing_law)


@table_asset(WAITING, group="publication")
def waiting(
    evaluation_queue: pl.DataFrame, models: pl.DataFrame, densities: pl.DataFrame
) -> pl.DataFrame:
    """The models that are not evaluated, and why."""
    return short_tables.waiting(evaluation_queue, models, densities)


@dg.asset(
    group_name="publication",
    owners=OWNERS,
    kinds={"parquet"},
    freshness_policy=FRESH,
    deps=list(PUBLISHED),
)
def release(settings: dg.ResourceParam[Settings], lock: StateLock) -> dg.MaterializeResult[None]:
    """All tables with data dictionary and provenance, published atomically if anything changed.

    It is made in the local folder first; a remote place is sent what it lacks, also of an earlier night.
    """
    check_not_replaced()
    check_made_together(settings.tables_dir, tuple(PUBLISHED), made_with(settings))
    made, tables = provenance(settings, facts.load("sources")), StoredTables(settings.tables_dir)
    done = publish(tables, settings.publish_dir, made, settings.keep_releases)
    place = copies.place_of(settings)
    metadata = release_metadata(done) | answer_metadata(answers(tables))
    if place is not None:
        metadata["sent"] = dg.MetadataValue.text(copies.send(place, settings, done.path).sentence)
    return dg.MaterializeResult(metadata=metadata)
