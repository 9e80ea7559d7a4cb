"""Which scores in use change when the bundled facts do.

Not here: how several reports become one score (`pooled_scores`).
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from densing_pipeline.density.pooled_scores import MODEL, pooled_scores
from densing_pipeline.tables.columns import PUBLISHED_BASES

SAME = 1e-9
"""Difference below which two scores are equal."""


def score_changes(before: pl.DataFrame, now: pl.DataFrame) -> list[str]:
    """Sentences on the scores that are new, changed or gone, by model and benchmark.

    Args:
        before: a `scores` frame, such as that of the latest release.
        now: a `scores` frame of the facts as they are. Of both the reports of documents count, not
            what we measured and what polled sources gave or revised.
    """
    old, new = (pooled_scores(_of_documents(scores)) for scores in (before, now))
    both = old.join(new, on=MODEL, how="full", coalesce=True, suffix="_now").sort(MODEL)
    return list(_sentences(both))


def _of_documents(scores: pl.DataFrame) -> pl.DataFrame:
    return scores.filter(
        pl.col("source_kind") == "reported", pl.col("known_from_basis").is_in(PUBLISHED_BASES)
    ).with_columns(known_to=pl.lit(None, pl.Date))


def _sentences(both: pl.DataFrame) -> Iterator[str]:
    for row in both.iter_rows(named=True):
        name = f"{row['model_id']}, {row['benchmark']}"
        was, is_now = _said(row, ""), _said(row, "_now")
        if row["score"] is None:
            yield f"new: {name}, {is_now}"
        elif row["score_now"] is None:
            yield f"gone: {name}, {was}"
        elif (
            abs(row["score"] - row["score_now"]) > SAME or row["n_sources"] != row["n_sources_now"]
        ):
            yield f"changed: {name}, {was}, now {is_now}"


def _said(row: dict[str, Any], end: str) -> str:
    """`0.7010 from 2 sources`; nothing for a score that is not there."""
    if row[f"score{end}"] is None:
        return ""
    n = row[f"n_sources{end}"]
    return f"{row[f'score{end}']:.4f} from {n} source{'' if n == 1 else 's'}"
