"""Assets of evaluation: the queue, measured models, and scores."""

from datetime import UTC, datetime, time

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.evaluation import (
    board_scores,
    costs,
    estimates,
    measured_tables,
    queue,
    reported_scores,
    suite,
    suite_table,
)
from densing_pipeline.evaluation import (
    fresh_text as fresh,
)
from densing_pipeline.evaluation.queue_rules import Limits
from densing_pipeline.hub import recall, watermark
from densing_pipeline.hub.claimed_scores import table as claims
from densing_pipeline.hub.observations import observations
from densing_pipeline.hub.repositories import repositories
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration import evaluation_store
from densing_pipeline.orchestration.evaluation import evaluate
from densing_pipeline.orchestration.launchers.launcher import Launcher
from densing_pipeline.orchestration.partitions import MODELS
from densing_pipeline.orchestration.tables import OWNERS, table_asset, tables_asset
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import (
    BASE_MODEL_RECALL,
    EVAL_ITEMS,
    EVALUATION_COSTS,
    EVALUATION_QUEUE,
    EVALUATIONS,
    FRESH_TEXT,
    SCORES,
    SUITE_BENCHMARKS,
)


@dg.asset(
    partitions_def=MODELS,
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "huggingface"},
    pool="gpu",
)
def evaluation(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    launcher: dg.ResourceParam[Launcher],
) -> dg.MaterializeResult[None]:
    """Evaluation folder of one model, measured on the suite with vLLM in a separate environment."""
    return evaluate(context, settings, launcher)


@tables_asset(
    (EVALUATIONS, EVAL_ITEMS),
    (
        "Every evaluation with its outcome and what its scores depend on: versions, data type, device.",
        "What we measured, item by item: scores, losses of answers, tokens.",
    ),
    group="evaluation",
    deps=("evaluation",),
)
def evaluations(settings: dg.ResourceParam[Settings]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read all evaluation folders, those on a store as well."""
    evaluation_store.bring_all(settings)
    in_force = suite.in_force(settings.evaluation_data)
    return measured_tables.read(settings.evaluations_dir, in_force, settings.evaluation_limit)


@table_asset(SCORES, group="evaluation")
def scores(
    evaluations: pl.DataFrame,
    eval_items: pl.DataFrame,
    benchmark_reports: pl.DataFrame,
    models: pl.DataFrame,
    claimed_scores: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Benchmark scores with protocol and source: measured, reported, claimed, read off the paper."""
    in_force = suite.in_force(settings.evaluation_data)
    ours = measured_tables.scores(evaluations, eval_items, in_force, settings.evaluation_limit)
    bundled = reported_scores.scores(
        facts.load("reported_scores"),
        facts.load("nmi_models"),
        facts.load("base_models"),
        facts.load("score_documents"),
    )
    reported = board_scores.scores(
        benchmark_reports,
        models,
        bundled,
        facts.load("score_documents"),
        facts.load("organisation_names"),
    )
    return pl.concat([reported, claims.scores(claimed_scores), ours])


@table_asset(FRESH_TEXT, group="evaluation")
def fresh_text(eval_items: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """Bits per byte of the measured models on texts written after their release."""
    return fresh.fresh_text(eval_items, models)


@table_asset(SUITE_BENCHMARKS, group="evaluation")
def suite_benchmarks(settings: dg.ResourceParam[Settings]) -> pl.DataFrame:
    """How the suite in force asks: data, shots, stops, token budget and metric of each benchmark."""
    in_force = suite.in_force(settings.evaluation_data)
    version = suite.version(in_force, settings.evaluation_sample_error)
    return suite_table.suite_benchmarks(in_force, version)


@table_asset(EVALUATION_COSTS, group="evaluation")
def evaluation_costs(
    evaluations: pl.DataFrame,
    eval_items: pl.DataFrame,
    models: pl.DataFrame,
    densities: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Time, tokens, memory and energy that measuring each model took, and joules for each right answer."""
    version = suite.version(suite.in_force(settings.evaluation_data))
    return costs.evaluation_costs(evaluations, eval_items, models, densities, version)


@table_asset(EVALUATION_QUEUE, group="evaluation")
def evaluation_queue(
    models: pl.DataFrame,
    evaluations: pl.DataFrame,
    model_quarantine: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Models to be evaluated, with order and cost; and models not to be evaluated, with the reason."""
    compiled = facts.load("sources").filter(pl.col("source") == "base-models")["published_at"]
    version = suite.version(
        suite.in_force(settings.evaluation_data), settings.evaluation_sample_error
    )
    candidates = queue.with_rungs(models, facts.ladders(settings.ladders))
    return queue.queue(
        candidates,
        evaluations,
        model_quarantine,
        facts.load("evaluation_overrides"),
        Limits.of(settings),
        version,
        datetime.combine(compiled.item(), time(), UTC),
        estimates.correction(evaluations, candidates, version),
    )


@table_asset(BASE_MODEL_RECALL, group="evaluation", deps=["hub_nights"])
def base_model_recall(
    models: pl.DataFrame,
    evaluation_queue: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Base models of publishers known to pretrain, by month: seen, queued, evaluated, blocked, absent."""
    zone = LandingZone(settings.landing_dir)
    fixed = set(facts.load("base_models")["model_id"])
    found = repositories(observations(zone, settings.hub_cache_dir), fixed)
    return recall.recall(models, evaluation_queue, found, watermark.last_unread(zone))
