"""How many base models of known publishers were seen, and what became of each: `base_model_recall`.

Not here: how models are found (`discovery`) and recognised (`classify`), and what is evaluated
(`evaluation.queue`).
"""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from densing_pipeline.hub.models import current
from densing_pipeline.hub.pretrainers import known_pretrainers, organisation_of, owner_of
from densing_pipeline.tables.columns import INSTANT
from densing_pipeline.tables.published import BASE_MODEL_RECALL

MOST_NAMED = 10
"""Models named in a cell; the others are counted."""

ABSENT = "absent"
"""State of a model that is on the Hub and not in `models`."""

STATES = {
    "n_queued": ("queued", "running"),
    "n_evaluated": ("done",),
    "n_blocked": ("blocked", "failed"),
    "n_excluded": ("excluded",),
    "n_absent": (ABSENT,),
}
"""States of the queue by the column that counts them."""


def recall(
    models: pl.DataFrame,
    queue: pl.DataFrame,
    repositories: pl.DataFrame,
    unread: Mapping[str, datetime],
) -> pl.DataFrame:
    """Count the base models of publishers known to pretrain, by month of release and by state.

    Args:
        models: a `models` frame.
        queue: an `evaluation_queue` frame.
        repositories: a frame of `repositories.repositories`.
        unread: names of repositories that the last poll saw and could not read, with its instant.

    Returns:
        A `base_model_recall` frame.
    """
    rows = pl.concat([_seen(models, queue), _absent(models, queue, repositories, unread)])
    is_known = pl.col("model_id").map_elements(_is_known, return_dtype=pl.Boolean)
    publisher = pl.col("model_id").map_elements(_publisher, return_dtype=pl.String)
    by_month = (
        rows.filter(is_known)
        .with_columns(publisher=publisher, month=pl.col("day").dt.truncate("1mo"))
        .sort("model_id")
        .group_by("publisher", "month", maintain_order=True)
        .agg(
            pl.col("state").ne_missing(ABSENT).sum().alias("n_seen"),
            *(pl.col("state").is_in(states).sum().alias(n) for n, states in STATES.items()),
            blocked=_told(pl.col("state").is_in(["blocked", "failed"])),
            absent=_told(pl.col("state") == ABSENT),
        )
    )
    return BASE_MODEL_RECALL.cast(by_month.sort("publisher", "month"))


def _seen(models: pl.DataFrame, queue: pl.DataFrame) -> pl.DataFrame:
    """Base models, certain and doubtful ones, that are in `models`, with their state in the queue."""
    may_be_base = pl.col("is_base") | pl.col("is_doubtful").fill_null(value=False)
    states = queue.select("model_id", "revision", "state", "reason")
    return (
        current(models)
        .filter(may_be_base, pl.col("params_source").ne_missing("figure"))
        .join(states, on=["model_id", "revision"], how="left", nulls_equal=True)
        .select("model_id", "state", "reason", day="release_date")
    )


def _absent(
    models: pl.DataFrame,
    queue: pl.DataFrame,
    repositories: pl.DataFrame,
    unread: Mapping[str, datetime],
) -> pl.DataFrame:
    """Models on the Hub that are not in `models`, with the reason.

    A repository without weights is not a model yet, and of one that cannot be a base model nothing
    is missed.
    """
    held = queue.select("model_id", held="reason").unique("model_id", keep="first")
    not_in_models = repositories.filter(
        pl.col("hub_state").is_in(["present", "renamed"]),
        (pl.col("is_base") | pl.col("is_doubtful")).fill_null(value=False),
        pl.col("awaits").is_null(),
    ).join(models, on="model_id", how="anti")
    found = not_in_models.join(held, on="model_id", how="left").select(
        "model_id",
        state=pl.lit(ABSENT),
        reason=pl.coalesce("held", pl.lit("its record was read")),
        day=pl.col("first_seen_at").dt.date(),
    )
    named = pl.DataFrame(
        sorted(unread.items()), schema={"model_id": pl.String, "seen": INSTANT}, orient="row"
    ).select(
        "model_id",
        state=pl.lit(ABSENT),
        reason=pl.lit("its record could not be read"),
        day=pl.col("seen").dt.date(),
    )
    return pl.concat([found, named.join(models, on="model_id", how="anti")]).unique(
        "model_id", keep="first", maintain_order=True
    )


def _told(condition: pl.Expr) -> pl.Expr:
    """Models for which a condition holds, each with its reason, as one text; null if there are none."""
    told = pl.format("{}: {}", "model_id", pl.col("reason").fill_null("no reason given"))
    chosen = told.filter(condition)
    more = chosen.len().cast(pl.Int64) - MOST_NAMED
    text = chosen.head(MOST_NAMED).str.join("; ")
    return (
        pl.when(more > 0)
        .then(pl.format("{}; and {} more", text, more))
        .when(chosen.len() > 0)
        .then(text)
    )


def _is_known(model_id: str) -> bool:
    return owner_of(model_id) in known_pretrainers()


def _publisher(model_id: str) -> str:
    return organisation_of(owner_of(model_id))
