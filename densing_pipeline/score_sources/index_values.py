"""Values of an index of capability in one vintage, and those of the models that are sold, with their days of release.

Not here: levels on the index (`cost.index_levels`), and how the values are polled (`sources.epoch_eci`).
"""

from datetime import date

import polars as pl

from densing_pipeline.score_sources.history import as_of

INDEX_SCORES = pl.Schema(
    {
        "canonical_id": pl.String,
        "index_name": pl.String,
        "index_model": pl.String,
        "index_value": pl.Float64,
        "index_low": pl.Float64,
        "index_high": pl.Float64,
        "release_date": pl.Date,
    }
)
"""Columns of `index_scores`."""


def vintage(capability_index: pl.DataFrame, day: date | None = None) -> pl.DataFrame:
    """Values of models in the vintage known on a day.

    Args:
        capability_index: rows of `capability_index`.
        day: the day of our knowledge; the newest vintage if not given.

    Returns:
        index_name, index_model, index_value, index_low, index_high, release_date, and `index_vintage`, the
        day on which the newest of the index's values was first given. Of a row given twice, the newest.
    """
    known = capability_index if day is None else as_of(capability_index, day)
    return (
        known.filter(pl.col("observed_to").is_null(), pl.col("model").is_not_null())
        .sort("observed_from")
        .select(
            "index_name", "index_value", "index_low", "index_high", "release_date",
            index_model="model",
            index_vintage=pl.col("observed_from").max().over("index_name"),
        )
        .unique(("index_name", "index_model"), keep="last", maintain_order=True)
    )  # fmt: skip


def index_scores(capability_index: pl.DataFrame, sold_models: pl.DataFrame) -> pl.DataFrame:
    """Values of the newest vintage for the models that are sold, as `INDEX_SCORES`.

    Args:
        capability_index: rows of `capability_index`.
        sold_models: the facts `sold_models`, which name the row of the index of each model.
    """
    found = sold_models.join(vintage(capability_index), on="index_model")
    return found.select(*INDEX_SCORES).sort("canonical_id", "index_name")
