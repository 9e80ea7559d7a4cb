"""The scores from which densities are computed: one per model and score set, with standard errors.

Not here: the sources of scores (`facts`, `evaluation`), and the pooling of several reports of one
model (`pooled_scores`).
"""

import polars as pl

from densing_pipeline.benchmarks import AVERAGE_CHANCE, AVERAGED, CHANCE, ITEMS
from densing_pipeline.density.pooled_scores import binomial_error, pooled_scores
from densing_pipeline.paper import NMI, NMI_AVERAGE, NMI_PREFIX

SCORE_SETS = {NMI_AVERAGE: "AVERAGE", "average": "AVERAGE", "mmlu": "MMLU"}
"""Each score set and the benchmark whose reference law inverts it."""

ONE_BENCHMARK = {"bbh": "BBH", "math": "MATH", "humaneval": "HumanEval", "mbpp": "MBPP"}
"""Score sets of a single benchmark, inverted only under the paper's own law, to compare the
densities of different benchmarks."""


def score_sets_of(reference_id: str, benchmark: str) -> tuple[str, ...]:
    """Names of the score sets that a law inverts."""
    sets = SCORE_SETS | (ONE_BENCHMARK if reference_id == NMI else {})
    return tuple(name for name, inverted_by in sets.items() if inverted_by == benchmark)


CHANCE_ERRORS = 3
"""Fewest standard errors above guessing for a score that is inverted."""


def score_sets(scores: pl.DataFrame, pooled: pl.DataFrame | None = None) -> pl.DataFrame:
    """The score of every model in every score set it belongs to.

    - `nmi-2025-average`: the paper's models, averages read off its figure.
    - `average`: plain mean of the five benchmarks, for models that have all five.
    - `mmlu`, `bbh`, `math`, `humaneval`, `mbpp`: one benchmark.

    Args:
        scores: a `scores` frame. Scores that are not numbers are left out.
        pooled: their `pooled_scores`, computed here if not given.

    Returns:
        One row per score set x model, sorted: score_set, model_id, score, std_error,
        item_std_error, chance, score_source_kind. `item_std_error` is the error from the test items
        alone; `std_error` includes the disagreement of sources. For an average each is the error of
        a mean of five independent scores.
    """
    paper = pl.col("model_id").str.starts_with(NMI_PREFIX)
    figure = scores.filter(
        pl.col("is_paper_protocol") & pl.col("score").is_finite() & paper,
        (pl.col("benchmark") == "AVERAGE") & (pl.col("source_kind") == "figure"),
    ).sort("source", "protocol")
    if pooled is None:
        pooled = pooled_scores(scores)
    pooled = pooled.filter(~paper, pl.col("benchmark").is_in(AVERAGED))
    average = (
        pooled.group_by("model_id")
        .agg(
            pl.len().alias("n"),
            pl.col("score").mean(),
            _error_of_mean("std_error"),
            _error_of_mean("item_std_error"),
            pl.when(pl.col("source_kind").n_unique() == 1)
            .then(pl.col("source_kind").first())
            .otherwise(pl.lit("mixed"))
            .alias("source_kind"),
        )
        .filter(pl.col("n") == len(AVERAGED))
    )
    columns = [
        "score_set", "model_id", "score", "std_error", "item_std_error", "chance",
        pl.col("source_kind").alias("score_source_kind"),
    ]  # fmt: skip
    return (
        pl.concat(
            [
                figure.unique("model_id", keep="first", maintain_order=True)
                .with_columns(std_error=pl.coalesce("std_error", _average_error(pl.col("score"))))
                .with_columns(
                    item_std_error="std_error",
                    score_set=pl.lit(NMI_AVERAGE),
                    chance=pl.lit(AVERAGE_CHANCE),
                )
                .select(columns),
                average.with_columns(
                    score_set=pl.lit("average"), chance=pl.lit(AVERAGE_CHANCE)
                ).select(columns),
                pooled.with_columns(
                    score_set=pl.col("benchmark").str.to_lowercase(),
                    chance=pl.col("benchmark").replace_strict(CHANCE, return_dtype=pl.Float64),
                ).select(columns),
            ]
        )
        .with_columns(pl.col("score").clip(0, 1))
        .sort("score_set", "model_id")
    )


def benchmark_scores(scores: pl.DataFrame) -> pl.DataFrame:
    """The score of every model on every benchmark that the averages are made of.

    Args:
        scores: a `scores` frame; the paper's plotted models have averages only and are left out.

    Returns:
        One row per model x benchmark: model_id, benchmark, score, std_error, item_std_error.
    """
    paper = pl.col("model_id").str.starts_with(NMI_PREFIX)
    return (
        pooled_scores(scores.filter(~paper))
        .filter(pl.col("benchmark").is_in(AVERAGED))
        .select("model_id", "benchmark", "score", "std_error", "item_std_error")
    )


def _error_of_mean(column: str) -> pl.Expr:
    """Standard error of the mean of the five benchmarks, from that of each."""
    return (pl.col(column).pow(2).sum().sqrt() / len(AVERAGED)).alias(column)


def _average_error(score: pl.Expr) -> pl.Expr:
    """Standard error of a mean of five unknown scores, with each taken to equal the mean."""
    squares = [binomial_error(score, ITEMS[name]).pow(2) for name in AVERAGED]
    return pl.sum_horizontal(squares).sqrt() / len(AVERAGED)
