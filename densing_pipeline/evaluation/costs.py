"""What measuring each model cost, by benchmark: `evaluation_costs`.

All benchmarks of a model share one queue of the engine, so time and energy are known of the whole run. They are
shared out by tokens, a token of a prompt counted as `PROMPT_TOKEN` of a written one: prompts are read many tokens at a
time. Not here: reading the counters (`meter`).
"""

import polars as pl

from densing_pipeline.density.score_sets import ONE_BENCHMARK, SCORE_SETS
from densing_pipeline.evaluation.estimates import with_estimates
from densing_pipeline.evaluation.sampling import PROMPT_TOKEN
from densing_pipeline.paper import NMI
from densing_pipeline.tables.published import EVALUATION_COSTS

RUN = ["model_id", "revision", "suite_version", "item_limit"]

SHARED = ("measuring_seconds", "gpu_seconds", "joules")
"""Columns that are shared out between benchmarks."""


def evaluation_costs(
    evaluations: pl.DataFrame,
    eval_items: pl.DataFrame,
    models: pl.DataFrame,
    densities: pl.DataFrame,
    suite_version: str,
) -> pl.DataFrame:
    """Time, tokens, memory and energy of each finished evaluation, as a whole and by benchmark.

    Args:
        evaluations: an `evaluations` frame.
        eval_items: an `eval_items` frame; evaluations without items are left out.
        models: a `models` frame, for the number of active parameters.
        densities: a `densities` frame.
        suite_version: the version in force.

    Returns:
        An `evaluation_costs` frame. Rows without a benchmark are of the whole run: they have the memory and the
        time that was estimated, with the ratio of both. The joules of a right answer are those of all items over the number
        of right ones.
    """
    runs = evaluations.filter(pl.col("state") == "done").select(
        *RUN, "device", "joules_reason", "peak_memory_bytes", *SHARED
    )
    by = [*RUN[:3], "benchmark"]
    counted = eval_items.group_by(by).agg(
        n_items=pl.len(),
        n_correct=pl.when(pl.col("score").is_not_null().any()).then(pl.col("score").sum()),
        prompt_tokens=pl.col("prompt_tokens").sum(),
        completion_tokens=pl.col("completion_tokens").sum(),
    )
    rows = runs.join(counted, on=RUN[:3])
    work = pl.col("completion_tokens") + PROMPT_TOKEN * pl.col("prompt_tokens")
    share = pl.when(work.sum().over(RUN) > 0).then(work / work.sum().over(RUN))
    whole = rows.group_by(RUN).agg(
        pl.col("device", "joules_reason", "peak_memory_bytes", *SHARED).first(),
        pl.col("n_items", "prompt_tokens", "completion_tokens").sum(),
        n_correct=pl.when(pl.col("n_correct").is_not_null().any()).then(pl.col("n_correct").sum()),
    )
    parts = rows.with_columns(
        *(pl.col(name) * share for name in SHARED), peak_memory_bytes=pl.lit(None, pl.Int64)
    )
    estimated = with_estimates(whole, models, suite_version)
    every = pl.concat([estimated, parts], how="diagonal").with_columns(
        joules_per_correct=pl.when(pl.col("n_correct") > 0).then(
            pl.col("joules") / pl.col("n_correct")
        )
    )
    return EVALUATION_COSTS.cast(
        every.join(
            _densities(densities), on=["model_id", "benchmark"], how="left", nulls_equal=True
        )
    )


def _densities(densities: pl.DataFrame) -> pl.DataFrame:
    """Density by total parameters under the paper's law, on each benchmark; on their average without one."""
    named = {"average": None, "mmlu": SCORE_SETS["mmlu"], **ONE_BENCHMARK}
    own = densities.filter(
        pl.col("reference_id") == NMI,
        pl.col("params_basis") == "total",
        pl.col("score_set").is_in(list(named)),
    )
    return own.select(
        "model_id",
        "density",
        benchmark=pl.col("score_set").replace_strict(named, return_dtype=pl.String),
    )
