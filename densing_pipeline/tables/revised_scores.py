"""How rows of `scores` that follow each other in time are told apart: by their first day, in `source`.

A score that its source revises keeps its row up to that day, and the new value is a further row of the
same model, benchmark, protocol and source. The later row has `, 2026-08-11` after the name of its source.
"""

import polars as pl

OF_SCORE = ("model_id", "benchmark", "protocol", "source")
"""What identifies a score, whatever its value."""


def with_first_days(scores: pl.DataFrame) -> pl.DataFrame:
    """The scores with the first day in `source` for every row but the earliest of a score.

    Args:
        scores: rows with the columns of `OF_SCORE` and `known_from`.
    """
    is_first = pl.col("known_from") == pl.col("known_from").min().over(OF_SCORE)
    later = pl.format("{}, {}", "source", "known_from")
    return scores.with_columns(source=pl.when(is_first).then("source").otherwise(later))


def document() -> pl.Expr:
    """The source of a row of `scores` without its first day: one name for all values over time."""
    named = pl.col("source").str.strip_suffix(pl.format(", {}", "known_from"))
    return pl.coalesce(named, "source")
