"""Capability levels on an index of capability, and which models reach them.

The index (Epoch Capabilities Index) goes on where a benchmark's scores end near 1. It is fitted anew on
every update, so a level is the value of a named row in one vintage, and is compared with values of the
same vintage alone.

Not here: levels on a benchmark (`levels`), and the values themselves (`score_sources.index_values`).
"""

import polars as pl
from scipy.special import ndtr
from scipy.stats import norm

from densing_pipeline.score_sources.index_values import vintage
from densing_pipeline.tables.published import CAPABILITY_LEVELS

INTERVAL_90 = float(norm.ppf(0.95))
"""Half width of a 90 % interval in standard errors; the index has intervals of this kind."""


def capability_levels(
    scored: pl.DataFrame, index_levels: pl.DataFrame, capability_index: pl.DataFrame
) -> pl.DataFrame:
    """Rows of `capability_levels`: those on a benchmark, and those on an index in its newest vintage.

    Args:
        scored: the facts `capability_levels`.
        index_levels: the facts `index_levels`.
        capability_index: rows of `capability_index`.

    Returns:
        A level whose row the vintage does not have keeps its name, without a value; no model reaches it.
    """
    on_index = index_levels.join(
        vintage(capability_index), on=("index_name", "index_model"), how="left"
    ).rename({"index_name": "level_scale"})
    rows = [scored.with_columns(level_scale="benchmark"), on_index]
    return CAPABILITY_LEVELS.cast(pl.concat(rows, how="diagonal"))


def memberships(capability_levels: pl.DataFrame, index_scores: pl.DataFrame) -> pl.DataFrame:
    """Probability that each model with a value of an index reaches each level on that index.

    P = Phi((value - level) / s), where s^2 adds the squared errors of the two values. The intervals of the
    index are longer downwards than upwards, so the error of each is taken from the side that faces the
    other value: the higher one's lower end and the lower one's upper end. The rows that fix the scale have
    no interval, and no error. The row that defines the level reaches it with certainty. Errors of two
    models are taken for independent.

    Args:
        capability_levels: level, level_scale, index_model, index_value, index_low, index_high.
        index_scores: rows of `INDEX_SCORES`, of the levels' vintage.

    Returns:
        level, canonical_id, probability; sorted.
    """
    levels = capability_levels.drop_nulls("index_value").select(
        "level",
        index_name="level_scale",
        level_model="index_model",
        level_value="index_value",
        level_low="index_low",
        level_high="index_high",
    )
    return (
        index_scores.join(levels, on="index_name")
        .with_columns(probability=_probability())
        .select("level", "canonical_id", "probability")
        .sort("level", "canonical_id")
    )


def _probability() -> pl.Expr:
    gap = pl.col("index_value") - pl.col("level_value")
    above = gap >= 0
    own = pl.when(above).then(_below("index")).otherwise(_above("index"))
    level = pl.when(above).then(_above("level")).otherwise(_below("level"))
    error = (own**2 + level**2).sqrt() / INTERVAL_90
    reached = (
        pl.when(error > 0)
        .then((gap / error).map_batches(ndtr, return_dtype=pl.Float64))
        .otherwise(above.cast(pl.Float64))
    )
    is_same = pl.col("index_model") == pl.col("level_model")
    return pl.when(is_same).then(1.0).otherwise(reached)


def _below(name: str) -> pl.Expr:
    return (pl.col(f"{name}_value") - pl.col(f"{name}_low")).fill_null(0.0)


def _above(name: str) -> pl.Expr:
    return (pl.col(f"{name}_high") - pl.col(f"{name}_value")).fill_null(0.0)


def with_scale(frame: pl.DataFrame, capability_levels: pl.DataFrame) -> pl.DataFrame:
    """The rows with `level_scale`, the scale that each level is on.

    Args:
        frame: rows with a `level`.
        capability_levels: rows of `capability_levels`.
    """
    scales = capability_levels.select("level", "level_scale")
    return frame.drop("level_scale", strict=False).join(scales, on="level", how="left")
