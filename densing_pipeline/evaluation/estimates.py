"""What evaluations took, against what was estimated: `hours_per_estimate`, and the correction of later estimates.

The estimate of `queue.gpu_hours` rests on one published measurement of one GPU. Finished evaluations of this
installation tell how far it is off here. Not here: the estimate itself (`queue`), and the table (`costs`).
"""

import math
from dataclasses import dataclass

import polars as pl

from densing_pipeline.evaluation import sampling
from densing_pipeline.evaluation.queue import gpu_hours, suite_tokens

LEAST_RUNS = 5
"""Finished evaluations from which estimates are corrected."""

NEWEST_RUNS = 50
"""Newest finished evaluations that count, for GPUs and vLLM change."""

TELLING_HOURS = 0.05
"""Least estimated hours of an evaluation that tells. A shorter one is of a small model, whose time is that of the processor
rather than of the GPU: five of them would have a large model's estimate multiplied by ten, and leave it unmeasured."""

FAR_OFF = 2.0
"""Factor from which what an evaluation took is far from its corrected estimate."""


@dataclass(frozen=True)
class Accuracy:
    """How far estimates were off.

    Attributes:
        runs: evaluations that tell.
        factor: median of GPU hours taken / estimated, by which later estimates are multiplied; 1 with too few.
        far_off: models that took more than `FAR_OFF` times as long as the corrected estimate, or less than its inverse,
            with the ratio to it.
    """

    runs: int
    factor: float
    far_off: dict[str, float]


def with_estimates(runs: pl.DataFrame, models: pl.DataFrame, suite_version: str) -> pl.DataFrame:
    """Add what was estimated, without correction, and GPU hours taken / estimated.

    Args:
        runs: evaluations, with `model_id`, `revision`, `suite_version`, `item_limit` and `gpu_seconds`.
        models: a `models` frame, for the number of active parameters.
        suite_version: the version in force, whose work is known; that of suites with other benchmarks is not.

    Returns:
        The rows with `estimated_gpu_hours` and `hours_per_estimate`; null for trials, for other suites, where the
        parameters are not known, and, the second one, where the GPU's time is not.
    """
    in_force, _ = sampling.target_of(suite_version)
    tokens = {
        version: suite_tokens(version)
        for version in runs["suite_version"].unique()
        if sampling.target_of(version)[0] == in_force
    }
    active = models.select(
        "model_id", "revision", active=pl.coalesce("params_active", "params_total")
    )
    whole_suite = gpu_hours(pl.col("active").cast(pl.Float64)) / suite_tokens("")
    return (
        runs.join(active, on=["model_id", "revision"], how="left", maintain_order="left")
        .with_columns(
            estimated_gpu_hours=pl.when(pl.col("item_limit").is_null()).then(
                whole_suite
                * pl.col("suite_version").replace_strict(
                    tokens, default=None, return_dtype=pl.Float64
                )
            )
        )
        .with_columns(
            hours_per_estimate=pl.when(pl.col("estimated_gpu_hours") > 0).then(
                pl.col("gpu_seconds") / 3600 / pl.col("estimated_gpu_hours")
            )
        )
        .drop("active")
    )


def accuracy(runs: pl.DataFrame) -> Accuracy:
    """How far estimates of the `NEWEST_RUNS` newest evaluations that tell it were off.

    Args:
        runs: evaluations, with `model_id`, `revision`, `finished_at`, `estimated_gpu_hours` and `hours_per_estimate`.
    """
    ratio = pl.col("hours_per_estimate")
    told = (
        runs.filter(ratio > 0, ratio.is_finite(), pl.col("estimated_gpu_hours") >= TELLING_HOURS)
        .sort(
            "finished_at", "model_id", "revision", descending=[True, False, False], nulls_last=True
        )
        .head(NEWEST_RUNS)
    )
    if told.height < LEAST_RUNS:
        return Accuracy(told.height, 1.0, {})
    # The median of the logarithms: twice and half as long are equally far off.
    factor = math.exp(told.select(ratio.log().median()).item())
    corrected = told.select("model_id", ratio=ratio / factor)
    far = corrected.filter((pl.col("ratio") > FAR_OFF) | (pl.col("ratio") < 1 / FAR_OFF))
    return Accuracy(told.height, factor, dict(far.sort("model_id", "ratio").iter_rows()))


def correction(evaluations: pl.DataFrame, models: pl.DataFrame, suite_version: str) -> float:
    """Factor by which estimates are multiplied: of the newest finished evaluations whose GPU hours are known.

    Args:
        evaluations: an `evaluations` frame.
        models: a `models` frame.
        suite_version: the version in force.
    """
    done = evaluations.filter(pl.col("state") == "done", pl.col("gpu_seconds") > 0)
    return accuracy(with_estimates(done, models, suite_version)).factor
