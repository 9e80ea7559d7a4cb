"""Which models are to be evaluated, in what order, at what cost: `evaluation_queue`.

Every candidate gets a state and a reason in words, also one that is not evaluated. Not here: the
rules that decide the state (`queue_rules`), finding models (`hub`), and evaluating them (`job`).
"""

from datetime import datetime, timedelta

import polars as pl

from densing_pipeline.evaluation import sampling
from densing_pipeline.evaluation.queue_rules import Limits, state_and_reason
from densing_pipeline.evaluation.sizing import OVERHEAD
from densing_pipeline.hub.experiments import experiments
from densing_pipeline.hub.models import SOURCE
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.units import GIB

ANCHOR_PARAMS = 8.03e9
ANCHOR_TOKENS_PER_SECOND = 5777.0
"""Llama-3.1-8B (FP8) on one H100, offline: MLPerf Inference v5.1, closed division."""

SUITE_TOKENS = 11.9e6
"""Work of the whole suite in generated tokens (prompt tokens cost little): 7.8 M of MMLU, BBH, MATH, programs, MMLU-CF
and losses, which are the anchor's throughput times 22.5 minutes, the estimated duration for an 8B model on one H100;
and 4.1 M of MMLU-Pro (300 a question), GSM8K, TriviaQA and NQ-open."""

SAMPLED_TOKENS, LOSS_TOKENS = 2.9e6, 1.35e6
"""The same of samples up to a standard error of `SAMPLED_ERROR` (shares as `densing simulate items` gives them), and of
the losses within it, which are not sampled."""

SAMPLED_ERROR = 0.15
"""Standard error of ln N_eff for which `SAMPLED_TOKENS` holds; samples grow with its inverse square."""

BYTES_PER_PARAM = 2.0
"""bf16, in which models are evaluated."""

NATIVE_BYTES_PER_PARAM = {"fp8": 1.0, "mxfp4": 0.54, "nvfp4": 0.57, "fp4": 0.57}
"""Bytes per parameter of models released in fewer bits, block scales included: they are run as released."""

LAST = 1
"""Priority of ablation models and intermediate checkpoints: below that of every other model."""

NEW = timedelta(days=180)
"""Models released within this time of the newest one come first, for the trend is about the frontier."""


def queue(
    models: pl.DataFrame,
    evaluations: pl.DataFrame,
    quarantine: pl.DataFrame,
    overrides: pl.DataFrame,
    limits: Limits,
    suite_version: str,
    compiled_at: datetime,
    hours_factor: float = 1.0,
) -> pl.DataFrame:
    """State, reason, priority and cost of every candidate.

    The first rule that applies decides. A model measured under the suite version in force is `done`.
    The overrides file precedes all other rules, except that a repository must exist and must not
    need its own code, which is never run.

    Args:
        models: a `models` frame; models read off a figure are left out.
        evaluations: an `evaluations` frame.
        quarantine: a `model_quarantine` frame; repositories that are in no other table get the
            state `blocked` with its reason.
        overrides: the fact table `evaluation_overrides`.
        limits: limits of this installation.
        suite_version: the version in force.
        compiled_at: when the bundled facts were compiled; `updated_at` of models known only there.
        hours_factor: by which estimated GPU hours are multiplied, from what evaluations took (`estimates`).

    Returns:
        An `evaluation_queue` frame.
    """
    counted = evaluations.filter(
        # A model measured whole needs no sample.
        pl.col("suite_version").is_in([suite_version, sampling.target_of(suite_version)[0]]),
        pl.col("item_limit").eq_missing(limits.items),
    )
    decided = (
        _candidates(models, counted, overrides, hours_factor * suite_tokens(suite_version))
        .with_columns(state_and_reason(limits))
        .unnest("verdict")
    )
    newest = models["release_date"].max()
    is_new = pl.col("release_date") >= pl.lit(newest) - NEW
    is_short = pl.col("estimated_gpu_hours") < 1
    decided = _with_experiments(decided)
    is_experiment = pl.col("experiment").is_not_null()
    rows = decided.select(
        "model_id",
        "revision",
        "state",
        pl.when((pl.col("state") == "queued") & is_experiment & pl.col("override_state").is_null())
        .then(pl.format("{}; {}, so it comes last", "reason", "experiment"))
        .otherwise("reason")
        .alias("reason"),
        "estimated_gpu_hours",
        "memory_gib",
        "renamed_to",
        priority=pl.coalesce(
            "override_priority",
            pl.when(is_experiment).then(LAST),
            20
            + 40 * is_new.fill_null(value=False).cast(pl.Int64)
            + 20 * is_short.fill_null(value=False).cast(pl.Int64),
        ),
        attempts=pl.col("attempts").fill_null(0),
        attempts_excused=pl.col("attempts_excused").fill_null(0),
        updated_at=pl.coalesce("evaluated_at", "first_seen_at", pl.lit(compiled_at)),
        suite_version=pl.lit(suite_version),
    )
    unusable = [
        _quarantined(quarantine, models),
        _unknown_overrides(overrides, models, quarantine, compiled_at),
    ]
    return EVALUATION_QUEUE.cast(pl.concat([rows, *unusable], how="diagonal_relaxed"))


def _with_experiments(candidates: pl.DataFrame) -> pl.DataFrame:
    """Add what kind of experiment a model found on the Hub is; null for all others.

    Models in the facts were chosen by hand, whatever their names say.
    """
    found = candidates.filter((pl.col("source") == SOURCE) & pl.col("is_base"))
    kinds = experiments(found["model_id"])
    return candidates.with_columns(
        experiment=pl.when(pl.col("source") == SOURCE).then(
            pl.col("model_id").replace_strict(kinds, default=None, return_dtype=pl.String)
        )
    )


def in_order(table: pl.DataFrame, places: int) -> pl.DataFrame:
    """The queued models, the most urgent first.

    Of equal priority the shortest evaluation comes first, so that most models wait least. With several GPUs it is the
    longest, so that all GPUs end at about the same time.

    Args:
        table: an `evaluation_queue` frame.
        places: models that are evaluated at a time.
    """
    return table.filter(pl.col("state") == "queued").sort(
        "priority",
        "estimated_gpu_hours",
        "model_id",
        descending=[True, places > 1, False],
        nulls_last=True,
    )


def with_rungs(models: pl.DataFrame, ladders: pl.DataFrame) -> pl.DataFrame:
    """The candidates, and the models of ladders that are not among them.

    Args:
        models: a `models` frame.
        ladders: the fact table `ladders`.
    """
    rungs = (
        ladders.join(models, on="model_id", how="anti")
        .sort("model_id", "ladder")
        .unique("model_id", keep="first", maintain_order=True)
    )
    return pl.concat(
        [
            models,
            rungs.select(
                "model_id",
                "revision",
                params_total=pl.col("params").cast(pl.Int64),
                is_base=pl.lit(value=True),
                base_evidence=pl.format("in the ladder {}", "ladder"),
                params_source=pl.lit("report"),
            ),
        ],
        how="diagonal",
    )


def suite_tokens(suite_version: str) -> float:
    """Work of a suite in generated tokens: of samples if its version says so, else of all items."""
    _, target = sampling.target_of(suite_version)
    if target is None:
        return SUITE_TOKENS
    sampled = (SAMPLED_TOKENS - LOSS_TOKENS) * (SAMPLED_ERROR / target) ** 2
    return min(LOSS_TOKENS + sampled, SUITE_TOKENS)


def gpu_hours(params_active: pl.Expr, tokens: float = SUITE_TOKENS) -> pl.Expr:
    """GPU hours of a suite: active parameters x suite tokens over the anchor's parameters x tokens/s."""
    per_second = ANCHOR_PARAMS * ANCHOR_TOKENS_PER_SECOND
    return params_active * tokens / per_second / 3600


def memory_gib(params_total: pl.Expr, quantisation: pl.Expr) -> pl.Expr:
    """GPU memory in GiB for weights, cache and activations."""
    bytes_per_param: pl.Expr = pl.lit(BYTES_PER_PARAM)
    for name, size in NATIVE_BYTES_PER_PARAM.items():
        is_native = quantisation.str.starts_with(name).fill_null(value=False)
        bytes_per_param = pl.when(is_native).then(size).otherwise(bytes_per_param)
    return params_total * bytes_per_param * OVERHEAD / GIB


def _candidates(
    models: pl.DataFrame, evaluations: pl.DataFrame, overrides: pl.DataFrame, tokens: float
) -> pl.DataFrame:
    """Models that could be evaluated, with their last evaluation, override, cost and memory."""
    by_hand = overrides.select(
        "model_id",
        override_state="state",
        override_priority="priority",
        override_reason="reason",
    )
    candidates = models.filter(pl.col("params_source").ne_missing("figure"))
    return (
        candidates.join(
            _evaluated(evaluations, candidates),
            on=["model_id", "revision"],
            how="left",
            nulls_equal=True,
        )
        .join(by_hand, on="model_id", how="left")
        .with_columns(
            estimated_gpu_hours=gpu_hours(pl.coalesce("params_active", "params_total"), tokens),
            memory_gib=memory_gib(pl.col("params_total"), pl.col("quantisation")),
        )
    )


def _evaluated(evaluations: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """The last evaluation of each revision of each model.

    An evaluation belongs to the revision it names. If `main` was requested, because no commit was
    known then, it belongs to the newest revision first seen before it started, or else to the oldest
    known one.
    """
    known = models.select("model_id", known="revision", seen=pl.col("first_seen_at"))
    exact = (pl.col("revision") == pl.col("known")).fill_null(value=True)
    before = (pl.col("seen") <= pl.col("started_at")).fill_null(value=False)
    seconds = pl.col("seen").dt.epoch("s").fill_null(0)
    return (
        evaluations.join(known, on="model_id")
        .filter(exact | (pl.col("requested_revision") == "main"))
        .with_columns(
            exact.alias("exact"),
            before.alias("before"),
            age=pl.when(before).then(-seconds).otherwise(seconds),
        )
        .sort("exact", "before", "age", descending=[True, True, False])
        .unique(["model_id", "revision"], keep="first", maintain_order=True)
        .sort("started_at", nulls_last=False)
        .unique(["model_id", "known"], keep="last", maintain_order=True)
        .select(
            "model_id",
            "attempts",
            "attempts_excused",
            "is_resumable",
            revision="known",
            evaluated="state",
            evaluated_reason="reason",
            evaluated_at=pl.coalesce("finished_at", "started_at"),
        )
    )


def _quarantined(quarantine: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """Quarantined repositories that are not in `models`, as `blocked`."""
    return (
        quarantine.join(models, on="model_id", how="anti")
        .group_by("model_id", "revision")
        .agg(
            reason=pl.format("in quarantine: {}", pl.col("reason").sort().str.join("; ")),
            updated_at=pl.col("first_seen_at").min(),
        )
        .with_columns(state=pl.lit("blocked"), priority=pl.lit(0), attempts=pl.lit(0))
    )


def _unknown_overrides(
    overrides: pl.DataFrame, models: pl.DataFrame, quarantine: pl.DataFrame, compiled_at: datetime
) -> pl.DataFrame:
    """Overrides of unknown models, as `blocked`, so that a misspelt name is noticed."""
    return (
        overrides.join(models, on="model_id", how="anti")
        .join(quarantine, on="model_id", how="anti")
        .select(
            "model_id",
            state=pl.lit("blocked"),
            reason=pl.lit(
                "in evaluation_overrides.csv, but no such model is bundled or was seen on the Hub"
            ),
            priority=pl.lit(0),
            attempts=pl.lit(0),
            updated_at=pl.lit(compiled_at),
        )
    )
