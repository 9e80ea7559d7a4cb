"""Consistency checks between fact tables, and between the rows of one.

Not here: checks of single cells (`tables.columns`), and reading a file (`reader`).
"""

from collections.abc import Callable
from datetime import date

import polars as pl

from densing_pipeline.facts import score_rules
from densing_pipeline.facts.documents import check_documents
from densing_pipeline.tables.schemas import TableError

REFERENCES = {
    "reported_scores": (
        ("model_id", "base_models", "model_id"),
        ("source_url", "score_documents", "source_url"),
    ),
    "list_prices": (("source", "sources", "source"),),
    "capability_levels": (("defined_by", "sold_models", "canonical_id"),),
    "task_runs": (("source", "sources", "source"),),
    "task_cost_halving": (
        ("source", "sources", "source"),
        ("model", "task_levels", "model"),
    ),
    "index_levels": (
        ("defined_by", "sold_models", "canonical_id"),
        ("index_model", "sold_models", "index_model"),
    ),
}
"""Foreign keys: columns whose values must exist in a column of another table, by table."""

CHECKS: dict[str, Callable[[pl.DataFrame], None]] = {
    "reported_scores": score_rules.check_scores,
    "base_models": score_rules.check_models,
}
"""What the rows of one table must keep to, by table."""

OFFER = ("source", "provider", "model", "offer", "context_over_tokens")
"""Columns that identify an offer, which has one price at a time."""


def check(name: str, frame: pl.DataFrame, load: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    """Return the fact table if it is consistent, also with the tables that it refers to.

    Args:
        name: its name.
        frame: its rows, valid one by one.
        load: gives the other fact tables.

    Raises:
        TableError: naming file, column, values and remedy.
    """
    if frame.is_empty():
        raise TableError(f"{name}.csv: there is no row after the header; restore the file")
    for column, other, key in REFERENCES.get(name, ()):
        lost = sorted(set(frame[column]) - set(load(other)[key]))
        if lost:
            raise TableError(
                f"{name}.csv, column {column}: {', '.join(lost)} not found in {other}.csv, column "
                f"{key}; correct the name or add it there"
            )
    if name == "list_prices":
        _one_price_at_a_time(frame)
    if name == "base_models":
        _released_by(frame, load("sources").filter(source="base-models")["published_at"].item())
    if name in CHECKS:
        CHECKS[name](frame)
    if name == "reported_scores":
        others = (load(other) for other in ("score_documents", "base_models", "organisation_names"))
        check_documents(frame, *others)
    return frame


def _released_by(models: pl.DataFrame, compiled: date) -> None:
    """Raise `TableError` if a model is released after the day on which the table was compiled."""
    for row in models.filter(pl.col("release_date") > compiled).iter_rows(named=True):
        raise TableError(
            f"base_models.csv, {row['model_id']}: released on {row['release_date']}, after the table was "
            f"compiled on {compiled}; correct the date, or if it is right, the version and day of "
            "base-models in sources.csv"
        )


def _one_price_at_a_time(prices: pl.DataFrame) -> None:
    """Raise `TableError` if the half-open price intervals of one offer overlap."""
    overlapping = (
        prices.sort(*OFFER, "valid_from")
        .with_columns(next_from=pl.col("valid_from").shift(-1).over(OFFER))
        .filter(pl.col("next_from").is_not_null())
        .filter(pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("next_from")))
    )
    if overlapping.height:
        first = overlapping.row(0, named=True)
        raise TableError(
            f"list_prices.csv, column valid_to: {first['model']} of {first['provider']} from "
            f"{first['valid_from']} holds until {first['valid_to'] or 'today'}, but its next price "
            f"starts on {first['next_from']}; end it on that day"
        )
