"""Sightings of repositories folded over time: one row per repository and set of weights.

Names change, repositories vanish, weights are uploaded anew: each leaves its mark in `hub_state`,
and no row is ever dropped. Not here: how records are read (`records`) and what becomes of the rows
in the `models` table (`models`).
"""

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import polars as pl

from densing_pipeline.hub.records import SEEN
from densing_pipeline.tables.columns import INSTANT

_ADDED: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String,
    "hub_state_reason": pl.String,
    "config_path": pl.String,
    "first_seen_at": INSTANT,
    "last_seen_at": INSTANT,
}

REPOSITORIES = pl.Schema([*SEEN.items(), *_ADDED.items()])
"""`SEEN` per repository and weights; `name` is the current name, `model_id` the first known."""

WEIGHTS = ("model_id", "created_at", "weights")
"""What identifies weights: a change of the model card makes a new commit, not a new model."""


def repositories(sightings: pl.DataFrame, fixed: AbstractSet[str] = frozenset()) -> pl.DataFrame:
    """One row per repository and set of weights, from everything seen of it.

    A repository keeps the name it was first known by, because scores hang on it; `renamed_to` says
    what the Hub calls it now. `revision` is the first commit seen with these weights, everything
    else is as last seen. Earlier weights of a repository are `replaced`.

    Args:
        sightings: a frame of `sightings.sightings`.
        fixed: names that are models of their own whatever the Hub says, such as the bundled ones.

    Returns:
        A frame of `REPOSITORIES`, sorted by name and time.
    """
    seen = sightings.filter(pl.col("refused").is_null())
    first_names = _first_names(seen, fixed)
    resolved = (pl.col("hub_state") == "renamed") & pl.col("renamed_to").is_in(list(first_names))
    seen = seen.filter(~resolved).with_columns(
        name="model_id",
        model_id=pl.col("model_id").replace(first_names),
    )
    records = _by_weights(seen.filter(pl.col("is_base").is_not_null()))
    told = _last_told(seen.filter(pl.col("is_base").is_null()))
    never = datetime(1970, 1, 1, tzinfo=UTC)
    latest = pl.col("last_seen_at") == pl.col("last_seen_at").max().over("model_id")
    folded = (
        records.join(told, on="model_id", how="full", coalesce=True)
        .with_columns(
            name=pl.coalesce("name", "model_id"),
            is_replaced=(~latest).fill_null(value=False),
            is_told=pl.col("told_at") > pl.col("last_seen_at").fill_null(never),
        )
        .with_columns(
            hub_state=pl.when("is_replaced")
            .then(pl.lit("replaced"))
            .when("is_told")
            .then("told_state")
            .when((pl.col("name") != pl.col("model_id")) & (pl.col("hub_state") == "present"))
            .then(pl.lit("renamed"))
            .otherwise("hub_state"),
            renamed_to=pl.when("is_told")
            .then("told_name")
            .when(pl.col("name") != pl.col("model_id"))
            .then("name"),
            first_seen_at=pl.coalesce("first_seen_at", "told_at"),
            last_seen_at=pl.max_horizontal("last_seen_at", "told_at"),
        )
        .with_columns(
            hub_state_reason=_reason(),
            config_path=pl.format("/{}/resolve/{}/config.json", "name", "revision"),
        )
    )
    return folded.select(
        pl.col(name).cast(dtype) if name in folded.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in REPOSITORIES.items()
    ).sort("model_id", "first_seen_at", "revision", nulls_last=True)


def _by_weights(records: pl.DataFrame) -> pl.DataFrame:
    """Sightings of the same weights as one row; the Hub reads element counts late, so they fill in."""
    same = ["model_id", "created_at"]
    ordered = records.sort("observed_at", maintain_order=True).with_columns(
        weights=pl.col("weights").backward_fill().forward_fill().over(same)
    )
    others = [c for c in ordered.columns if c not in (*WEIGHTS, "revision", "observed_at")]
    return ordered.group_by(WEIGHTS, maintain_order=True).agg(
        pl.col("revision").drop_nulls().first(),
        *(pl.col(name).last() for name in others),
        first_seen_at=pl.col("observed_at").min(),
        last_seen_at=pl.col("observed_at").max(),
    )


def _last_told(answers: pl.DataFrame) -> pl.DataFrame:
    """The last answer that carried no record: gone, or known by the name of another model."""
    return (
        answers.sort("observed_at", maintain_order=True)
        .group_by("model_id", maintain_order=True)
        .agg(
            told_at=pl.col("observed_at").last(),
            told_state=pl.col("hub_state").last(),
            told_name=pl.col("renamed_to").last(),
        )
    )


def _first_names(seen: pl.DataFrame, fixed: AbstractSet[str]) -> dict[str, str]:
    """Later names of repositories and the name each was first known by.

    Two things tell of a new name: the Hub answers a request for the old one with the new one, and
    the repository's own identifier appears under another name.
    """
    told = seen.filter(pl.col("renamed_to").is_not_null()).select(
        "observed_at", old="model_id", new="renamed_to"
    )
    identified = (
        seen.filter(pl.col("repo_id").is_not_null())
        .sort("observed_at", maintain_order=True)
        .select("observed_at", "repo_id", new="model_id")
        .with_columns(old=pl.col("new").first().over("repo_id"))
        .filter(pl.col("old") != pl.col("new"))
        .select("observed_at", "old", "new")
    )
    names: dict[str, str] = {}
    for _, old, new in pl.concat([told, identified]).unique().sort("observed_at").iter_rows():
        first = names.get(old, old)
        if new not in fixed and new != first:
            names.setdefault(new, first)
    return names


def _reason() -> pl.Expr:
    """What an onlooker needs to know of a repository's state."""
    return (
        pl.when(pl.col("hub_state") == "replaced")
        .then(pl.lit("the repository has other weights now"))
        .when(pl.col("hub_state") == "gone")
        .then(pl.lit("deleted or made private: the Hub answers alike"))
        .when(pl.col("hub_state") == "renamed")
        .then(pl.format("the Hub calls it {} now", "renamed_to"))
        .when(pl.col("hub_state") == "private")
        .then(pl.lit("private: only our token sees it"))
        .when(pl.col("hub_state") == "disabled")
        .then(pl.lit("disabled by the Hub"))
    )
