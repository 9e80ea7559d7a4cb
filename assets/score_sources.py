"""Assets of outside score sources: their documents, and every value with the days it was given."""

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.evaluation import board_scores
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.metadata import history_metadata, poll_metadata
from densing_pipeline.orchestration.state_lock import StateLock
from densing_pipeline.orchestration.tables import OWNERS, tables_asset
from densing_pipeline.polling import landed
from densing_pipeline.score_sources import history, links, poll
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import BENCHMARK_REPORTS, CAPABILITY_INDEX, MODEL_REPORTS

TABLES = (BENCHMARK_REPORTS, CAPABILITY_INDEX, MODEL_REPORTS)


@dg.asset(group_name="score_sources", owners=OWNERS, kinds={"csv"})
def score_snapshots(
    settings: dg.ResourceParam[Settings], lock: StateLock
) -> dg.MaterializeResult[None]:
    """Documents of outside score sources, landed as received. No request is made unless DENSING_POLL is on."""
    results = poll.poll(settings) if settings.poll else []
    return dg.MaterializeResult(metadata=poll_metadata(results))


@tables_asset(
    TABLES,
    (
        "Scores that outside sources give, with protocol, link to a known model, and the days on which "
        "each value was given.",
        "The Epoch Capabilities Index of models and benchmarks, every vintage of it.",
        "What outside sources say of models: parameters, training data and compute, dates.",
    ),
    group="score_sources",
    deps=("score_snapshots",),
)
def score_reports(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], models: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Bring the history of every score source up to date and link its names to models."""
    zone = LandingZone(settings.landing_dir)
    updates = history.update_all(zone, settings.score_history_dir)
    failures = {name: found.failure for name, found in updates.items()}
    landed.report_failures(zone, poll.REPORTS, failures)
    context.add_output_metadata(history_metadata(updates), output_name=BENCHMARK_REPORTS.name)
    known = links.Known.of(models, facts.load("capability_scores"))
    benchmarks, indexes, stated = (
        links.with_links(history.of_table(updates, table), known) for table in TABLES
    )
    return board_scores.with_reasons(benchmarks), indexes, stated
