"""How well the models do."""

from datetime import UTC, datetime, time

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.evaluation import queue, reported
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import EVALUATION_QUEUE, SCORES


@table_asset(SCORES, group="evaluation")
def scores() -> pl.DataFrame:
    """Benchmark scores with protocol and source: reported ones, and averages read off the paper."""
    return reported.scores(facts.load("reported_scores"), facts.load("nmi_models"))


@table_asset(EVALUATION_QUEUE, group="evaluation")
def evaluation_queue(
    models: pl.DataFrame, scores: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> pl.DataFrame:
    """Which models are to be evaluated, in what order, at what cost, and which are not and why."""
    compiled = facts.load("sources").filter(pl.col("source") == "base-models")["published_at"]
    return queue.queue(
        models,
        scores,
        facts.load("evaluation_overrides"),
        queue.Limits.of(settings),
        datetime.combine(compiled.item(), time(), UTC),
    )
