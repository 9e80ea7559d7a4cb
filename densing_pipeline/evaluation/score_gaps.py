"""What we measured beside what others reported, and beside a rewritten benchmark.

Neither gap changes a score: they say how far to trust one. Not here: which score a density rests on
(`score_sets`).
"""

from statistics import median

import polars as pl

from densing_pipeline.benchmarks import REWRITTEN
from densing_pipeline.density.pooled_scores import (
    is_protocol_pooled,
    measured_scores,
    with_errors,
)
from densing_pipeline.stats.intervals import Z_95
from densing_pipeline.tables.published import CONTAMINATION, SCORE_GAPS

LARGE_GAP = 0.03
"""A difference of 3 points moves effective parameters by a third or more (method: 11-16 % a point)."""

FEWEST_OTHERS = 5
"""Other models it takes to say what gap is usual."""


def score_gaps(scores: pl.DataFrame) -> pl.DataFrame:
    """Every measured score beside every reported one of the same model and benchmark, of all that are pooled.

    Protocols are those that are pooled too (`is_protocol_pooled`): the paper's for its suite; of MMLU-Pro and GSM8K, which
    we measure beside it, those of `benchmarks.COMPARED`. Both answered the same questions, so most of the items' noise is in both and cancels; how much is
    not known of a report. The interval takes the two as independent, which is an upper bound.

    Args:
        scores: a `scores` frame.

    Returns:
        A `score_gaps` frame; measured less reported.
    """
    usable = scores.filter(
        is_protocol_pooled(), pl.col("score").is_finite(), pl.col("known_to").is_null()
    )
    measured = measured_scores(usable.filter(pl.col("source_kind") == "measured")).select(
        "model_id", "benchmark", "revision", "suite_version",
        measured="score", measured_error="std_error",
    )  # fmt: skip
    reported = with_errors(usable.filter(pl.col("source_kind") == "reported")).select(
        "model_id", "benchmark", "source", "source_url", "protocol",
        reported="score", reported_error="std_error",
    )  # fmt: skip
    error = (pl.col("measured_error").pow(2) + pl.col("reported_error").pow(2)).sqrt()
    gap = pl.col("measured") - pl.col("reported")
    paired = (
        measured.join(reported, on=["model_id", "benchmark"])
        .with_columns(gap=gap, low=gap - Z_95 * error, high=gap + Z_95 * error)
        .with_columns(
            is_large=(pl.col("gap").abs() >= LARGE_GAP)
            & ((pl.col("low") > 0) | (pl.col("high") < 0))
        )
    )
    return SCORE_GAPS.cast(paired.drop("measured_error", "reported_error"))


def contamination(scores: pl.DataFrame) -> pl.DataFrame:
    """How much better each measured model does on a benchmark than on its rewritten form.

    A gap alone is no proof: the rewritten form can be harder for everybody. What is unusual is a gap
    beyond that of the other models, `excess`; it needs five others.

    Args:
        scores: a `scores` frame. Only scores of the same weights and suite version are compared.

    Returns:
        A `contamination` frame. The items of the two are different ones, so their errors add.
    """
    measured = scores.filter(pl.col("source_kind") == "measured", pl.col("score").is_finite())
    same = ("revision", "suite_version", "item_limit")
    pairs = [
        measured_scores(measured.filter(pl.col("benchmark") == original), by=same)
        .join(
            measured_scores(measured.filter(pl.col("benchmark") == rewritten), by=same),
            on=["model_id", *same],
            suffix="_rewritten",
            nulls_equal=True,
        )
        .filter(pl.col("is_paper_protocol"))
        .with_columns(rewritten_benchmark=pl.lit(rewritten))
        for original, rewritten in REWRITTEN.items()
    ]
    gap = pl.col("score") - pl.col("score_rewritten")
    error = (pl.col("std_error").pow(2) + pl.col("std_error_rewritten").pow(2)).sqrt()
    found = pl.concat(pairs).with_columns(gap=gap, low=gap - Z_95 * error, high=gap + Z_95 * error)
    usual = [_median_of_others(found["gap"].to_list(), row) for row in range(found.height)]
    others = found.height - 1
    reason = (
        f"usual is the median gap of {others} other models"
        if others >= FEWEST_OTHERS
        else f"{others} other models measured, {FEWEST_OTHERS} needed to say what gap is usual"
    )
    judged = found.with_columns(
        rewritten_score="score_rewritten",
        median_gap=pl.Series(usual, dtype=pl.Float64),
        excess=pl.col("gap") - pl.Series(usual, dtype=pl.Float64),
        verdict=pl.lit("ok" if others >= FEWEST_OTHERS else "insufficient"),
        reason=pl.lit(reason),
    )
    return CONTAMINATION.cast(judged.select(CONTAMINATION.names))


def _median_of_others(gaps: list[float], row: int) -> float | None:
    others = gaps[:row] + gaps[row + 1 :]
    return median(others) if len(others) >= FEWEST_OTHERS else None
