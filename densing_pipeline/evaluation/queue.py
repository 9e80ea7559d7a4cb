"""Which models are to be evaluated, in what order, at what cost: `evaluation_queue`.

Every candidate gets a state and a reason in words: a model that is not evaluated can be looked up
here. Not here: recognising and counting models (`hub`), and evaluating them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from densing_pipeline.settings import Settings
from densing_pipeline.tables.columns import BENCHMARKS
from densing_pipeline.tables.published import EVALUATION_QUEUE

ANCHOR_PARAMS = 8.03e9
ANCHOR_TOKENS_PER_SECOND = 5777.0
"""Llama-3.1-8B (FP8) on one H100, offline: MLPerf Inference v5.1, closed division."""

SUITE_TOKENS = 7.8e6
"""Tokens of the suite, as generated ones: what 20 to 25 minutes of the anchor's throughput make,
the estimate for an 8B model on one H100 (prompt tokens weigh little there)."""

BYTES_PER_PARAM = 2
"""bf16 weights: what is evaluated and published."""

OVERHEAD = 1.25
"""Memory for cache and activations over that of the weights; set by judgement."""

GIB = 2**30

NEW = timedelta(days=180)
"""Models this young come first: the frontier is what the trend is about."""


@dataclass(frozen=True)
class Limits:
    """What an installation can and will evaluate.

    Attributes:
        memory_gib: GPU memory of all GPUs one evaluation may use.
        gpu_hours: the longest evaluation it will start.
        refused_licences: licence identifiers it will not evaluate.
    """

    memory_gib: float = 80.0
    gpu_hours: float = 24.0
    refused_licences: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits of an installation."""
        return cls(
            memory_gib=settings.gpu_memory_gib,
            gpu_hours=settings.max_gpu_hours,
            refused_licences=frozenset(map(str.lower, settings.refused_licences)),
        )


def queue(
    models: pl.DataFrame,
    scores: pl.DataFrame,
    overrides: pl.DataFrame,
    limits: Limits,
    compiled_at: datetime,
) -> pl.DataFrame:
    """State, reason, priority and cost of every candidate.

    The first rule that applies decides; the overrides file goes before all of them except that a
    repository must exist and need no code of its own (we never run any).

    Args:
        models: a `models` frame; models read off a figure are no candidates.
        scores: a `scores` frame; measured scores on the whole suite mean done.
        overrides: the fact table `evaluation_overrides`.
        limits: what this installation can do.
        compiled_at: when the bundled facts were compiled, the age of a candidate known only there.

    Returns:
        An `evaluation_queue` frame.
    """
    decided = (
        _candidates(models, scores, overrides).with_columns(_verdict(limits)).unnest("verdict")
    )
    newest = models["release_date"].max()
    is_new = pl.col("release_date") >= pl.lit(newest) - NEW
    is_short = pl.col("estimated_gpu_hours") < 1
    return EVALUATION_QUEUE.cast(
        decided.select(
            "model_id",
            "revision",
            "state",
            "reason",
            "estimated_gpu_hours",
            "memory_gib",
            "renamed_to",
            priority=pl.coalesce(
                "override_priority",
                20
                + 40 * is_new.cast(pl.Int64)
                + 20 * is_short.fill_null(value=False).cast(pl.Int64),
            ),
            attempts=pl.lit(0),
            updated_at=pl.coalesce("first_seen_at", pl.lit(compiled_at)),
        )
    )


def gpu_hours(params_active: pl.Expr) -> pl.Expr:
    """Parameters used per token x tokens of the suite over the anchor's throughput, in GPU hours."""
    per_second = ANCHOR_PARAMS * ANCHOR_TOKENS_PER_SECOND
    return params_active * SUITE_TOKENS / per_second / 3600


def memory_gib(params_total: pl.Expr) -> pl.Expr:
    """GPU memory for all weights in bf16, cache and activations, in GiB."""
    return params_total * BYTES_PER_PARAM * OVERHEAD / GIB


def _candidates(
    models: pl.DataFrame, scores: pl.DataFrame, overrides: pl.DataFrame
) -> pl.DataFrame:
    """Models that could be evaluated, with what their cost and their state depend on."""
    by_hand = overrides.select(
        "model_id",
        override_state="state",
        override_priority="priority",
        override_reason="reason",
    )
    return (
        models.filter(pl.col("params_source").ne_missing("figure"))
        .join(_measured(scores), on="model_id", how="left")
        .join(by_hand, on="model_id", how="left")
        .with_columns(
            estimated_gpu_hours=gpu_hours(pl.coalesce("params_active", "params_total")),
            memory_gib=memory_gib(pl.col("params_total")),
        )
    )


def _measured(scores: pl.DataFrame) -> pl.DataFrame:
    """Models with measured scores on the whole suite."""
    suite = scores.filter(
        pl.col("source_kind") == "measured", pl.col("benchmark").is_in(BENCHMARKS)
    )
    counted = suite.group_by("model_id").agg(pl.col("benchmark").n_unique())
    return counted.select("model_id", is_measured=pl.col("benchmark") == len(BENCHMARKS))


def _verdict(limits: Limits) -> pl.Expr:
    """State and reason as a struct: the first rule that applies."""
    rules: list[tuple[pl.Expr, str, pl.Expr]] = [
        (
            pl.col("hub_state").is_in(["gone", "private", "disabled", "replaced"]),
            "excluded",
            pl.col("hub_state_reason"),
        ),
        (
            pl.col("custom_code").fill_null(value=False),
            "excluded",
            pl.lit("needs code of its own to be run; we run none from repositories"),
        ),
        (
            pl.col("override_state").is_not_null(),
            "override",
            pl.format("by hand: {}", "override_reason"),
        ),
        (
            pl.col("is_measured").fill_null(value=False),
            "done",
            pl.lit("measured on the whole suite"),
        ),
        (
            pl.col("is_doubtful").fill_null(value=False),
            "blocked",
            pl.format("doubtful whether a base model: {}", "base_evidence"),
        ),
        (~pl.col("is_base"), "excluded", pl.format("not a base model: {}", "base_evidence")),
        (
            pl.col("quantisation").is_not_null(),
            "excluded",
            pl.format("quantised ({}); the model it was made from is evaluated", "quantisation"),
        ),
        *_limit_rules(limits),
    ]
    state: pl.Expr = pl.lit("queued")
    reason: pl.Expr = pl.lit("a base model within the limits")
    for condition, decided, why in reversed(rules):
        becomes = pl.col("override_state") if decided == "override" else pl.lit(decided)
        state = pl.when(condition).then(becomes).otherwise(state)
        reason = pl.when(condition).then(why).otherwise(reason)
    return pl.struct(state=state, reason=reason).alias("verdict")


def _limit_rules(limits: Limits) -> list[tuple[pl.Expr, str, pl.Expr]]:
    """What this installation cannot or will not do; all but the licence may change."""
    return [
        (
            pl.col("licence").str.to_lowercase().is_in(sorted(limits.refused_licences)),
            "excluded",
            pl.format("licence {} (DENSING_REFUSED_LICENCES)", "licence"),
        ),
        (
            pl.col("gated").is_in(["auto", "manual"]) & ~pl.col("readable").fill_null(value=False),
            "blocked",
            pl.lit("gated and no access yet: ask for it on the Hub and set HF_TOKEN"),
        ),
        (
            pl.col("params_total").is_null(),
            "blocked",
            pl.lit(
                "parameters unknown: see model_quarantine, or the configuration is not read yet"
            ),
        ),
        (
            pl.col("memory_gib") > limits.memory_gib,
            "blocked",
            pl.format(
                f"needs {{}} GiB, this installation has {limits.memory_gib:g} "
                "(DENSING_GPU_MEMORY_GIB)",
                pl.col("memory_gib").round(1),
            ),
        ),
        (
            pl.col("estimated_gpu_hours") > limits.gpu_hours,
            "blocked",
            pl.format(
                f"would take {{}} GPU hours, the limit is {limits.gpu_hours:g} "
                "(DENSING_MAX_GPU_HOURS)",
                pl.col("estimated_gpu_hours").round(1),
            ),
        ),
    ]
