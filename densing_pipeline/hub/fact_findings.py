"""What the landed answers of the Hub say about the bundled facts: what is missing, what contradicts.

Each finding is for a person to check; a fact takes precedence until somebody has looked. Not here: the
rules that reject facts (`facts.score_rules`), and the `models` table (`models`).
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import date, timedelta

import polars as pl

from densing_pipeline.facts.score_rules import Finding
from densing_pipeline.hub.models import SOURCE

MOST_PUBLISHERS = 50
"""Most publishers without scores that are listed."""

MOST_MODELS = 3
"""Most models named per publisher."""

COUNTS_DIFFER = 0.01
"""Relative difference of two parameter counts from which they contradict each other."""

DAYS_DIFFER = 21
"""Days between release and creation of the repository from which one of them is asked about."""

HUB_FIRST_DAY = date(2022, 3, 2)
"""Day that the Hub states as creation of every older repository."""

OPEN = ("present", "renamed")
"""States of a repository that anybody can read."""


def without_scores(models: pl.DataFrame, scored: AbstractSet[str]) -> list[Finding]:
    """Publishers with base models on the Hub that no source scores, those with the newest first.

    Args:
        models: the `models` table with landed repositories.
        scored: ids of models with a score in any source.
    """
    namespace = pl.col("model_id").str.split("/").list.first().str.to_lowercase()
    found = (
        models.filter(
            pl.col("source") == SOURCE,
            pl.col("is_base"),
            ~pl.col("is_doubtful").fill_null(value=False),
            pl.col("hub_state").is_in(OPEN),
            ~pl.col("model_id").is_in(list(scored)),
        )
        .unique("model_id")
        .sort("release_date", "model_id", descending=[True, False])
        .group_by(namespace.alias("publisher"), maintain_order=True)
        .agg(pl.col("model_id"), newest=pl.col("release_date").first())
    )
    listed = [
        Finding("no score", _publisher(**row))
        for row in found.head(MOST_PUBLISHERS).iter_rows(named=True)
    ]
    if found.height > MOST_PUBLISHERS:
        listed.append(Finding("no score", f"and {found.height - MOST_PUBLISHERS} more publishers"))
    return listed


def _publisher(publisher: str, model_id: list[str], newest: date) -> str:
    shown = ", ".join(model_id[:MOST_MODELS])
    more = f" and {len(model_id) - MOST_MODELS} more" if len(model_id) > MOST_MODELS else ""
    return f"{publisher}, newest of {newest}: {shown}{more}"


def contradictions(base_models: pl.DataFrame, repositories: pl.DataFrame) -> list[Finding]:
    """Facts that differ from what the Hub says of the same repository.

    Args:
        base_models: the fact table of that name.
        repositories: a frame of `models.landed`.
    """
    current = repositories.filter(pl.col("hub_state") != "replaced").unique(
        "model_id", keep="last", maintain_order=True
    )
    both = base_models.join(current, on="model_id", suffix="_hub").sort("model_id")
    return [
        Finding(rule, f"{row['model_id']}: {what}")
        for row in both.iter_rows(named=True)
        for rule, what in _differences(row)
    ]


def _differences(row: dict[str, object]) -> Iterator[tuple[str, str]]:
    ours, theirs = row["params_total"], row["params_total_hub"]
    counted = isinstance(ours, int) and isinstance(theirs, int) and row["total_includes"] is None
    if counted and abs(ours - theirs) > COUNTS_DIFFER * theirs:  # type: ignore[operator]
        yield "count", f"params_total {ours:,}, on the Hub {theirs:,} ({row['params_source']})"
    created, released = row["created_at"], row["release_date"]
    day = created.date() if created is not None else None  # type: ignore[attr-defined]
    if day is not None and day > HUB_FIRST_DAY:
        apart = abs(day - released)
        most = 0 if row["release_date_basis"] == "created_at" else DAYS_DIFFER
        if apart > timedelta(days=most):
            yield (
                "date",
                (f"released {released} ({row['release_date_basis']}), repository created {day}"),
            )
    if row["licence_hub"] is not None and row["licence_hub"] != row["licence"]:
        yield "licence", f"{row['licence']}, on the Hub {row['licence_hub']}"
    has_weights = row["weights_hub"] is not None and row["hub_state"] in OPEN
    if has_weights and row["weights"] == "not-published":
        yield "weights", "not-published, but the repository is there with weights"
    if not has_weights and row["weights"] == "published":
        yield "weights", f"published, but the repository is {row['hub_state']} and shows no weights"
