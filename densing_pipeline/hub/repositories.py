"""Fold the observations of repositories over time: one row per repository and set of weights.

`hub_state` records that a repository was renamed or removed, or that its weights were replaced; no
row is ever dropped. Not here: how records are read (`records`) and what becomes of the rows
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
    "is_hashed": pl.Boolean,
    "answer": pl.String,
}

REPOSITORIES = pl.Schema([*SEEN.items(), *_ADDED.items()])
"""`SEEN` per repository and weights; `name` is the current name, `model_id` the first known.

`is_hashed` says whether the hashes of its files are known for the commit last seen, `answer` names the cached file with
the record last seen.
"""

FOLDED = (
    "model_id", "repo_id", "created_at", "is_base", "refused", "revision", "files", "weights", "blobs",
    "awaits", "matters", "is_witness", "hub_state", "renamed_to", "observed_at",
)  # fmt: skip
"""Columns that are folded. All others are taken from the last observation at the end, so that the
large text columns of a full sweep are not copied at every step."""

WEIGHTS = ("repo", "weights", "blobs")
"""Columns that identify a set of weights; a commit that changes only the model card does not change
them."""


def repositories(observations: pl.DataFrame, fixed: AbstractSet[str] = frozenset()) -> pl.DataFrame:
    """Fold observations to one row per repository and set of weights.

    A repository is identified by the Hub's internal identifier. Its `model_id` is the name under
    which it was first seen, because scores refer to that name, unless another repository has the
    name now; `renamed_to` is the Hub's current name. `revision` is the first commit seen with all
    of these weights; all other columns are as last seen. Earlier weights of a repository have the
    state `replaced`.

    Args:
        observations: a frame of `observations.observations`.
        fixed: names that stay the `model_id` of their repository, such as those of bundled models.

    Returns:
        A frame of `REPOSITORIES`, sorted by name and time.
    """
    folded = _folded(observations, fixed).sort(
        "model_id", "first_seen_at", "revision", nulls_last=True
    )
    return folded.select(
        pl.col(name).cast(dtype)
        if name in folded.columns
        else observations[name].gather(folded["row"]).cast(dtype)
        for name, dtype in REPOSITORIES.items()
    )


def _folded(observations: pl.DataFrame, fixed: AbstractSet[str]) -> pl.DataFrame:
    """The folded columns per repository and set of weights, and the row of its last observation."""
    ordered = observations.select(*FOLDED, row=pl.int_range(pl.len())).sort(
        "observed_at", maintain_order=True
    )
    is_usable, is_record = pl.col("refused").is_null(), pl.col("is_base").is_not_null()
    shown = ordered.filter(is_usable, is_record).with_columns(repo=_identity())
    answers = ordered.filter(is_usable, ~is_record)
    ids = _model_ids(shown, answers, fixed)
    shown = shown.with_columns(
        name="model_id", model_id=pl.col("repo").replace_strict(ids, return_dtype=pl.String)
    )
    told = _last_told(_of_repositories(answers, shown))
    never = datetime(1970, 1, 1, tzinfo=UTC)
    latest = pl.col("last_seen_at") == pl.col("last_seen_at").max().over("model_id")
    return (
        _by_weights(shown)
        .join(told, on="model_id", how="full", coalesce=True)
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


def _identity() -> pl.Expr:
    """The Hub's internal identifier; if missing, that of a record of the same name and time."""
    same = ["model_id", "created_at"]
    return pl.coalesce(
        "repo_id",
        pl.col("repo_id").drop_nulls().first().over(same),
        pl.format("{} of {}", "model_id", pl.col("created_at").cast(pl.String).fill_null("?")),
    )


def _by_weights(records: pl.DataFrame) -> pl.DataFrame:
    """Aggregate observations of the same weights; missing element counts come from later ones."""
    ordered = (
        records.with_columns(
            counted=pl.col("weights").is_not_null(), hashed=pl.col("blobs").is_not_null()
        )
        .with_columns(pl.col("weights").backward_fill().forward_fill().over("repo"))
        .with_columns(pl.col("blobs").forward_fill().backward_fill().over("repo", "weights"))
    )
    # A commit made during an upload has only part of the weights.
    is_whole = pl.col("files").eq_missing(pl.col("files").last()) & (
        pl.col("counted") | pl.col("weights").is_null()
    )
    kept = (*WEIGHTS, "revision", "observed_at", "counted", "hashed", "matters")
    return ordered.group_by(WEIGHTS, maintain_order=True).agg(
        pl.coalesce(
            pl.col("revision").filter(is_whole).drop_nulls().first(),
            pl.col("revision").drop_nulls().first(),
        ),
        *(pl.col(name).last() for name in ordered.columns if name not in kept),
        # False for a repository that was kept only because it had no weights yet, or as evidence
        # about another one.
        pl.col("matters").any()
        | (pl.col("awaits").is_null().all() & ~pl.col("is_witness").fill_null(value=False).any()),
        first_seen_at=pl.col("observed_at").min(),
        last_seen_at=pl.col("observed_at").max(),
        is_hashed=(pl.col("hashed") & (pl.col("revision") == pl.col("revision").last())).any(),
    )


def _last_told(answers: pl.DataFrame) -> pl.DataFrame:
    """The last response without a record per model: removed, or renamed to another model's name."""
    return (
        answers.sort("observed_at", maintain_order=True)
        .group_by("model_id", maintain_order=True)
        .agg(
            told_at=pl.col("observed_at").last(),
            told_state=pl.col("hub_state").last(),
            told_name=pl.col("renamed_to").last(),
        )
    )


def _model_ids(
    shown: pl.DataFrame, answers: pl.DataFrame, fixed: AbstractSet[str]
) -> dict[str, str]:
    """The `model_id` of each repository, by its identifier."""
    ordered = shown.select("observed_at", "model_id", "repo")
    holders = dict(
        ordered.group_by("model_id", maintain_order=True).agg(pl.col("repo").last()).iter_rows()
    )
    spans = ordered.group_by("repo", maintain_order=True).agg(
        first=pl.col("model_id").first(), last=pl.col("model_id").last()
    )
    # The Hub answers a request for an old name with the record under the new one.
    asked = (
        answers.filter(pl.col("renamed_to").is_not_null())
        .select("observed_at", old="model_id", model_id="renamed_to")
        .join(ordered.select("observed_at", "model_id", "repo"), on=["observed_at", "model_id"])
        .sort("observed_at", maintain_order=True)
        .unique("repo", keep="first", maintain_order=True)
    )
    old = dict(asked.select("repo", "old").iter_rows())
    ids = {}
    for repo, first_shown, last in spans.iter_rows():
        first = old[repo] if first_shown == last and repo in old else first_shown
        is_free = holders.get(first, repo) == repo
        ids[repo] = first if is_free and last not in fixed else last
    return ids


def _of_repositories(answers: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Responses without a record, with the `model_id` of the repository they are about."""
    at = shown.select("observed_at", "model_id", "name")
    bearers = at.select("observed_at", id="model_id", model_id="name")
    known = answers.join_asof(bearers, on="observed_at", by="model_id", check_sortedness=False)
    records = at.select("observed_at", "name", now="model_id").unique()
    met = known.join(
        records,
        left_on=["observed_at", "renamed_to"],
        right_on=["observed_at", "name"],
        how="left",
        maintain_order="left",
    )
    # The response adds nothing if the record that came with it has the requested name.
    is_said = (pl.col("now") != pl.col("renamed_to")).fill_null(value=False)
    return met.filter(~is_said).with_columns(model_id=pl.coalesce("id", "model_id"))


def _reason() -> pl.Expr:
    """Text of `hub_state_reason`."""
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
