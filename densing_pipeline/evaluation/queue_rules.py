"""Rules that decide whether a candidate is evaluated: state and reason; the first match decides.

Not here: collecting candidates and their cost (`queue`).
"""

from dataclasses import dataclass

import polars as pl

from densing_pipeline.hub import architectures
from densing_pipeline.settings import Settings
from densing_pipeline.tables.number_formats import NATIVE_FORMATS

Rule = tuple[pl.Expr, str, pl.Expr]
"""Condition, state, and reason."""


@dataclass(frozen=True)
class Limits:
    """Limits of an installation on what it evaluates.

    Attributes:
        memory_gib: GPU memory of all GPUs one evaluation may use.
        gpu_hours: longest evaluation that is started.
        refused_licences: licence identifiers in lower case that are not evaluated.
        attempts: attempts per revision of a model.
        items: items per benchmark of trials; None for whole evaluations.
    """

    memory_gib: float = 80.0
    gpu_hours: float = 24.0
    refused_licences: frozenset[str] = frozenset()
    attempts: int = 3
    items: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits of an installation."""
        return cls(
            memory_gib=settings.gpu_memory_gib,
            gpu_hours=settings.max_gpu_hours,
            refused_licences=frozenset(map(str.lower, settings.refused_licences)),
            attempts=settings.evaluation_attempts,
            items=settings.evaluation_limit,
        )


def state_and_reason(limits: Limits) -> pl.Expr:
    """State and reason as a struct, from the first rule that applies."""
    rules = [
        *_fact_rules(),
        *_evaluation_rules(limits),
        *_model_rules(),
        *_limit_rules(limits),
    ]
    state: pl.Expr = pl.lit("queued")
    reason = (
        pl.when(pl.col("evaluated") == "failed")
        .then(_again(limits))
        .otherwise(pl.lit("a base model within the limits"))
    )
    for condition, decided, why in reversed(rules):
        becomes = pl.col("override_state") if decided == "override" else pl.lit(decided)
        state = pl.when(condition).then(becomes).otherwise(state)
        reason = pl.when(condition).then(why).otherwise(reason)
    return pl.struct(state=state, reason=reason).alias("verdict")


def _counted() -> pl.Expr:
    """Attempts that count: those that no fault of the installation ended."""
    return pl.col("attempts") - pl.col("attempts_excused").fill_null(0)


def _again(limits: Limits) -> pl.Expr:
    return pl.format(
        f"attempt {{}} of {limits.attempts}; the last one: {{}}",
        _counted() + 1,
        "evaluated_reason",
    )


def _fact_rules() -> list[Rule]:
    """Rules that an override to `queued` does not change: already evaluated, gone, needs its own code."""
    return [
        (pl.col("evaluated") == "running", "running", pl.col("evaluated_reason")),
        (
            pl.col("evaluated") == "done",
            "done",
            pl.format("measured: {}", "evaluated_reason"),
        ),
        (
            pl.col("hub_state").is_in(["gone", "private", "disabled", "replaced"]),
            "excluded",
            pl.col("hub_state_reason"),
        ),
        (
            pl.col("custom_code").fill_null(value=False),
            "excluded",
            pl.lit(
                f"needs code of its own to be run, for {architectures.versions()} cannot run its"
                " architecture; we run none from repositories"
            ),
        ),
        (
            pl.col("override_state").is_not_null() & (pl.col("override_state") != "queued"),
            "override",
            pl.format("by hand: {}", "override_reason"),
        ),
    ]


def _evaluation_rules(limits: Limits) -> list[Rule]:
    """Rules about earlier attempts and overrides."""
    is_over = ~pl.col("is_resumable") | (_counted() >= limits.attempts)
    return [
        (pl.col("evaluated") == "blocked", "blocked", pl.col("evaluated_reason")),
        (
            (pl.col("evaluated") == "failed") & is_over,
            "failed",
            pl.format("given up after attempt {}: {}", _counted(), "evaluated_reason"),
        ),
        (
            (pl.col("evaluated") == "failed") & (pl.col("override_state") == "queued"),
            "queued",
            _again(limits),
        ),
        (
            pl.col("override_state").is_not_null(),
            "override",
            pl.format("by hand: {}", "override_reason"),
        ),
    ]


def _model_rules() -> list[Rule]:
    """Rules that exclude models which are not original base models."""
    is_native = pl.col("quantisation").str.contains(f"^({'|'.join(NATIVE_FORMATS)})")
    is_original = is_native & pl.col("is_base") & pl.col("parent_id").is_null()
    return [
        (
            pl.col("is_doubtful").fill_null(value=False),
            "blocked",
            pl.format("doubtful whether a base model: {}", "base_evidence"),
        ),
        (~pl.col("is_base"), "excluded", pl.format("not a base model: {}", "base_evidence")),
        (
            pl.col("quantisation").is_not_null() & ~is_original,
            "excluded",
            pl.format("quantised ({}); the model it was made from is evaluated", "quantisation"),
        ),
    ]


def _limit_rules(limits: Limits) -> list[Rule]:
    """Rules about licence, access, unknown size, memory and time."""
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
