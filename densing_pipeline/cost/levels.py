"""Probability that a model reaches a capability level.

A level is the score of one model on one benchmark, such as GPT-4 on MMLU. Scores carry error, so a
model reaches a level with a probability.
"""

import numpy as np
import polars as pl
from scipy.special import ndtr

from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.tables.published import LEVEL_MEMBERSHIPS

PROTOCOL_STD_ERROR = 0.009
"""Added to the error of a score run under another protocol than the level's, as a fraction: the root
mean square spread of one base model's MMLU between the sources that report it (104 models)."""

UNSTATED_STD_ERROR = 0.004
"""Error of a score whose source states none: sampling error of a score of .7 on MMLU's 14,042
questions."""

MEMBERSHIP = 0.5
"""Probability from which a model counts as a member of a level."""


def memberships(capability_levels: pl.DataFrame, capability_scores: pl.DataFrame) -> pl.DataFrame:
    """Probability that each scored model reaches each level.

    P = Phi((score - level score) / s), where s^2 adds the squared errors of the two scores and, if
    the protocols differ or are not stated, of the protocol. The model that defines a level reaches
    it with certainty, also if its score is in the level's row alone. Of several scores of one model, those under the level's protocol are used if
    there are any; of what remains, the median.

    Args:
        capability_levels: level, defined_by, benchmark, score, std_error.
        capability_scores: canonical_id, benchmark, protocol, score, std_error.

    Returns:
        level, canonical_id, probability; sorted. Only models scored on the level's benchmark, and its own.
    """
    scores = capability_scores.with_columns(
        pl.col("std_error").fill_null(UNSTATED_STD_ERROR),
        protocol=pl.when(pl.col("protocol").str.contains("not stated"))
        .then(None)
        .otherwise("protocol"),
    )
    levels = capability_levels.join(
        scores.group_by("canonical_id", "benchmark").agg(level_protocol=pl.col("protocol").first()),
        left_on=("defined_by", "benchmark"),
        right_on=("canonical_id", "benchmark"),
        how="left",
    ).select(
        "level", "defined_by", "benchmark", "level_protocol",
        level_score="score",
        level_error=pl.col("std_error").fill_null(UNSTATED_STD_ERROR),
    )  # fmt: skip
    own = levels.select("level", canonical_id="defined_by", probability=pl.lit(1.0))
    found = (
        levels.join(scores, on="benchmark")
        .with_columns(
            is_same=(pl.col("protocol") == pl.col("level_protocol")).fill_null(value=False)
        )
        .filter(pl.col("is_same") == pl.col("is_same").any().over("level", "canonical_id"))
        .group_by("level", "canonical_id")
        .agg(
            pl.col("score").median(),
            pl.col("std_error").max(),
            pl.col("defined_by", "level_score", "level_error", "is_same").first(),
        )
        .with_columns(probability=_probability())
        .select("level", "canonical_id", "probability")
    )
    unscored = own.join(found, on=("level", "canonical_id"), how="anti")
    return pl.concat([found, unscored]).sort("level", "canonical_id")


def _probability() -> pl.Expr:
    variance = (
        pl.col("std_error") ** 2
        + pl.col("level_error") ** 2
        + pl.when("is_same").then(0.0).otherwise(PROTOCOL_STD_ERROR**2)
    )
    gap = (pl.col("score") - pl.col("level_score")) / variance.sqrt()
    reached = gap.map_batches(ndtr, return_dtype=pl.Float64)
    return pl.when(pl.col("canonical_id") == pl.col("defined_by")).then(1.0).otherwise(reached)


def drawn(probability: FloatArray, draws: int, rng: np.random.Generator) -> BoolArray:
    """Whether each model reaches a level in each draw, shape (draws, models).

    Models are drawn independently: of the error of a level's own score, which they share, this keeps
    the size and not the correlation.

    Args:
        probability: of each model, shape (models,).
        draws: number of draws.
        rng: source of randomness.
    """
    found: BoolArray = rng.random((draws, len(probability))) < probability
    return found


def members(memberships: pl.DataFrame, level: str) -> frozenset[str]:
    """The models that count as members of a level."""
    found = memberships.filter(pl.col("level") == level, pl.col("probability") >= MEMBERSHIP)
    return frozenset(found["canonical_id"])


def on_benchmarks(capability_levels: pl.DataFrame) -> pl.DataFrame:
    """The levels that a score on a benchmark defines."""
    return capability_levels.drop_nulls("benchmark")


def contested(capability_levels: pl.DataFrame, capability_scores: pl.DataFrame) -> pl.DataFrame:
    """The levels on a benchmark that not every scored model reaches.

    The price of a level that all reach is that of the cheapest model there is, whatever it can do.

    Args:
        capability_levels: level, benchmark, score.
        capability_scores: benchmark, score.
    """
    lowest = capability_scores.group_by("benchmark").agg(lowest=pl.col("score").min())
    levels = on_benchmarks(capability_levels)
    return levels.join(lowest, on="benchmark", maintain_order="left").filter(
        pl.col("score") > pl.col("lowest")
    ).drop("lowest")  # fmt: skip


def level_memberships(probabilities: pl.DataFrame) -> pl.DataFrame:
    """Rows of `level_memberships`: the probabilities, and whether each model counts as a member.

    Args:
        probabilities: level, canonical_id, probability.
    """
    return LEVEL_MEMBERSHIPS.cast(
        probabilities.with_columns(is_member=pl.col("probability") >= MEMBERSHIP)
    )
