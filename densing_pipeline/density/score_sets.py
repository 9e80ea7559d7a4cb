"""Which scores a density rests on, and how sure they are.

Reported scores of one model differ by protocol and by who ran it. One per model x benchmark is
chosen by a rule that does not look at the score, so that nobody's favourite number gets in:

1. only scores under the paper's protocol (shots and prompting) enter;
2. measured by us before reported; of what we measured the weights with the most benchmarks, then
   the newest measurement, so that an average is of the same weights;
3. among reported ones the source that covers the most models on that benchmark, for the trend
   compares models and one harness compares best;
4. then source and protocol by name.

Every score says of what kind it is, an average of measured and reported ones that it is mixed.

Not here: where the scores come from (`facts`, `evaluation`).
"""

import polars as pl

from densing_pipeline.benchmarks import AVERAGE_CHANCE, AVERAGED, CHANCE, ITEMS
from densing_pipeline.paper import NMI_AVERAGE, NMI_PREFIX

SCORE_SETS = {NMI_AVERAGE: "AVERAGE", "average": "AVERAGE", "mmlu": "MMLU"}
"""Each score set and the benchmark whose reference law inverts it."""

CHANCE_ERRORS = 3
"""Standard errors above guessing that a score needs to say anything about size."""


def score_sets(scores: pl.DataFrame) -> pl.DataFrame:
    """The score of every model in every score set it belongs to.

    - `nmi-2025-average`: the paper's models, averages read off its figure.
    - `average`: plain mean of the five benchmarks, for models that have all five.
    - `mmlu`: MMLU.

    Args:
        scores: a `scores` frame. Scores that are not numbers are left out.

    Returns:
        One row per score set x model, sorted: score_set, model_id, score, std_error, chance,
        score_source_kind. The error is binomial over items unless its row says otherwise; of an
        average, that of a mean of five.
    """
    usable = scores.filter(pl.col("is_paper_protocol") & pl.col("score").is_finite())
    paper = pl.col("model_id").str.starts_with(NMI_PREFIX)
    figure = usable.filter(
        paper & (pl.col("benchmark") == "AVERAGE") & (pl.col("source_kind") == "figure")
    ).sort("source", "protocol")
    chosen = chosen_scores(usable.filter(~paper & pl.col("benchmark").is_in(AVERAGED)))
    average = (
        chosen.group_by("model_id")
        .agg(
            pl.len().alias("n"),
            pl.col("score").mean(),
            (pl.col("std_error").pow(2).sum().sqrt() / len(AVERAGED)).alias("std_error"),
            pl.when(pl.col("source_kind").n_unique() == 1)
            .then(pl.col("source_kind").first())
            .otherwise(pl.lit("mixed"))
            .alias("source_kind"),
        )
        .filter(pl.col("n") == len(AVERAGED))
    )
    columns = [
        "score_set", "model_id", "score", "std_error", "chance",
        pl.col("source_kind").alias("score_source_kind"),
    ]  # fmt: skip
    return (
        pl.concat(
            [
                figure.unique("model_id", keep="first", maintain_order=True)
                .with_columns(std_error=pl.coalesce("std_error", _average_error(pl.col("score"))))
                .with_columns(score_set=pl.lit(NMI_AVERAGE), chance=pl.lit(AVERAGE_CHANCE))
                .select(columns),
                average.with_columns(
                    score_set=pl.lit("average"), chance=pl.lit(AVERAGE_CHANCE)
                ).select(columns),
                chosen.filter(pl.col("benchmark") == "MMLU")
                .with_columns(score_set=pl.lit("mmlu"), chance=pl.lit(CHANCE["MMLU"]))
                .select(columns),
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
        One row per model x benchmark: model_id, benchmark, score, std_error.
    """
    usable = scores.filter(
        pl.col("is_paper_protocol") & pl.col("score").is_finite(),
        ~pl.col("model_id").str.starts_with(NMI_PREFIX),
        pl.col("benchmark").is_in(AVERAGED),
    )
    return chosen_scores(usable).select("model_id", "benchmark", "score", "std_error")


def chosen_scores(candidates: pl.DataFrame, *, by: tuple[str, ...] = ()) -> pl.DataFrame:
    """One score per model x benchmark, with its standard error.

    Args:
        candidates: rows of a `scores` frame under one protocol.
        by: further columns of which each value has a choice of its own.
    """
    usual = pl.col("benchmark").replace_strict(ITEMS, default=None, return_dtype=pl.Int64)
    items = pl.coalesce("n_items", usual)
    measured = pl.col("source_kind") == "measured"
    weights = ("model_id", "source_kind", "revision")
    return (
        candidates.with_columns(
            measured=measured,
            breadth=pl.when(measured).then(pl.col("benchmark").n_unique().over(weights)),
            newest=pl.when(measured).then(pl.col("observed_at").max().over(weights)),
            coverage=pl.col("model_id").n_unique().over("benchmark", "source_kind", "source"),
            std_error=pl.coalesce("std_error", _binomial_error(pl.col("score"), items)),
        )
        .sort(
            "model_id", "benchmark", "measured", "breadth", "newest", "coverage", "source",
            "revision", "protocol",
            descending=[False, False, True, True, True, True, False, False, False],
        )
        .unique(["model_id", "benchmark", *by], keep="first", maintain_order=True)
    )  # fmt: skip


def _binomial_error(score: pl.Expr, items: pl.Expr | int) -> pl.Expr:
    """Standard error of a share of n items, after Agresti and Coull, so never 0 at 0 or 1."""
    share = (score * items + 2) / (items + 4 if isinstance(items, int) else items + pl.lit(4))
    return (share * (1 - share) / items).sqrt()


def _average_error(score: pl.Expr) -> pl.Expr:
    """Standard error of a mean of five whose parts are not known: each taken at the mean."""
    squares = [_binomial_error(score, ITEMS[name]).pow(2) for name in AVERAGED]
    return pl.sum_horizontal(squares).sqrt() / len(AVERAGED)
