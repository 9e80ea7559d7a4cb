"""The `models` table: bundled facts joined with the records of the Hub.

A bundled fact takes precedence over the Hub. A model that is only on the Hub gets the values of its
record and configuration. Implausible or contradictory values go to `model_quarantine` with the
reason.

Not here: reading records (`records`), names and states over time (`repositories`), the rules.
"""

import contextlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.hub import (
    families,
    observations,
    records,
    repositories,
    tensor_headers,
)
from densing_pipeline.hub.client import MAX_CONFIG_BYTES
from densing_pipeline.hub.families import Family
from densing_pipeline.hub.pretrainers import organisation_of
from densing_pipeline.json_documents import load
from densing_pipeline.landing import LandingZone, Receipt
from densing_pipeline.tables.published import MODEL_QUARANTINE, MODELS

SOURCE = "huggingface-hub"
"""Source of the rows that the bundled facts do not have."""

COUNTS = (
    "params_total", "params_active", "params_nonembedding", "params_active_nonembedding",
)  # fmt: skip

FROM_HUB = (
    "revision", "hub_created_at", "architecture", "gated", "first_seen_at", "hub_state",
    "hub_state_reason", "renamed_to", "readable", "custom_code",
)  # fmt: skip
"""Columns of a bundled model that are filled from the Hub."""


EVERY = pl.lit(value=True)


def landed(
    zone: LandingZone, cache: Path, fixed: AbstractSet[str], *, only: pl.Expr = EVERY
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read all landed Hub records, folded to one row per repository and set of weights.

    The single observations are not kept, so that a full sweep fits into memory.

    Args:
        zone: where the Hub's answers landed.
        cache: where `observations` keeps its cache.
        fixed: names that stay the `model_id` of their repository (`repositories.repositories`).
        only: which repositories are judged again by what is known apart from their records.

    Returns:
        A frame of `with_configs`, and the observations that could not be read.
    """
    seen, configs = observations.observations(zone, cache), observations.configs(zone)
    folded = repositories.repositories(seen, fixed)
    return (
        with_configs(folded, configs, zone, cache, fixed, only=only),
        pl.concat([refused(seen), _oversized(folded, configs)], how="diagonal"),
    )


def refused(seen: pl.DataFrame) -> pl.DataFrame:
    """The observations that could not be read, but of models of which a later one could be; oldest first.

    Args:
        seen: a frame of `observations.observations`.
    """
    is_refused = pl.col("refused").is_not_null()
    read = (
        seen.filter(~is_refused)
        .group_by("model_id")
        .agg(pl.col("observed_at").max().alias("read_at"))
    )
    is_lasting = pl.col("read_at").is_null() | (pl.col("read_at") < pl.col("observed_at"))
    oldest_first = seen.filter(is_refused).sort("observed_at", maintain_order=True)
    kept = oldest_first.join(read, on="model_id", how="left", maintain_order="left")
    return kept.filter(is_lasting).drop("read_at")


def _oversized(folded: pl.DataFrame, configs: pl.DataFrame) -> pl.DataFrame:
    """Rejected observations of the repositories whose `config.json` is larger than allowed."""
    reason = f"its config.json is larger than {MAX_CONFIG_BYTES / 2**20:g} MiB: not read"
    return folded.join(
        configs.filter(pl.col("status") == observations.TOO_LARGE), on="config_path"
    ).select("model_id", "revision", refused=pl.lit(reason, pl.String), observed_at="fetched_at")


def with_configs(
    repositories: pl.DataFrame,
    configs: pl.DataFrame,
    zone: LandingZone,
    cache: Path,
    fixed: AbstractSet[str] = frozenset(),
    *,
    only: pl.Expr = EVERY,
) -> pl.DataFrame:
    """Classify models and count parameters again by what is known apart from their records.

    That is the whole `config.json` and the headers of the weights, where they have been fetched, and the
    other members of the family.

    Args:
        repositories: a frame of `repositories.repositories`.
        configs: a frame of `observations.configs`.
        zone: where the configurations are.
        cache: where `observations` keeps its cache.
        fixed: names of further models that may be members of a family, such as the bundled ones.
        only: which rows, by their columns and those of `tensor_headers.FETCHED`; the others stay as they are.

    Returns:
        The same rows with `readable`: whether the file could be fetched; null if it was never
        requested; and with the columns of `tensor_headers.FETCHED`.
    """
    joined = repositories.join(configs, on="config_path", how="left", maintain_order="left").join(
        tensor_headers.fetched(zone), on="revision", how="left", maintain_order="left"
    )
    related = _families(joined, fixed)
    with_family = pl.col("name").is_in(sorted(related)) & (
        pl.col("is_base") | pl.col("is_doubtful")
    )
    answered = joined.filter(
        (pl.col("status") == observations.OK)
        | (pl.col("headers_status") == observations.OK)
        | with_family.fill_null(value=False),
        pl.col("record_id").is_not_null(),
        only,
    )
    packed = observations.remembered(zone, cache, answered)
    again = [
        {
            "model_id": row["model_id"],
            "revision": row["revision"],
            **_reread(
                packed[row["record_id"]], row, zone, cache, related.get(row["name"], families.NONE)
            ),
        }
        for row in answered.iter_rows(named=True)
        if row["record_id"] in packed
    ]
    updated = pl.DataFrame(
        again, schema={"model_id": pl.String, "revision": pl.String, **_reread_schema()}
    )
    # A record has the repository's current name; the row keeps its own `model_id`.
    return (
        joined.with_columns(readable=pl.col("status") == observations.OK)
        .drop("status", "sha256", "fetched_at")
        .update(updated, on=["model_id", "revision"], how="left")
    )


def models(
    bundled: pl.DataFrame, found: pl.DataFrame, refused: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The `models` and `model_quarantine` tables.

    Args:
        bundled: the `models` table of the bundled facts.
        found: a frame of `with_configs`.
        refused: observations that could not be read.

    Returns:
        `models`, with one row per bundled model and one row per set of weights of every other
        repository; and `model_quarantine`.
    """
    bundled = MODELS.cast(bundled)
    base_ids = bundled["model_id"].implode()
    shown = found.with_columns(hub_created_at="created_at")
    is_bundled = pl.col("model_id").is_in(base_ids) & (pl.col("hub_state") != "replaced")
    added = shown.filter(is_bundled).unique("model_id", keep="last", maintain_order=True)
    facts = bundled.update(added.select("model_id", *FROM_HUB), on="model_id", how="left")
    is_candidate = pl.col("is_base").is_not_null() & pl.col("matters").fill_null(value=True)
    new = _new_rows(shown.filter(~is_bundled, is_candidate), bundled)
    new, disagreeing = _without_disagreeing_counts(new)
    new, future = _split(
        new, pl.col("hub_created_at") > pl.col("first_seen_at") + records.CLOCK_TOLERANCE
    )
    future = future.with_columns(quarantined=pl.lit("created in the future, says the Hub"))
    new, undated = _split(new, pl.col("release_date").is_null())
    undated = undated.with_columns(
        quarantined=pl.lit("no plausible day of release: the Hub gives none, or its first day")
    )
    table = MODELS.cast(
        pl.concat(
            [facts, new.select(c for c in new.columns if c in MODELS.names)], how="diagonal_relaxed"
        ).with_columns(
            canonical_id=pl.when(pl.col("source") == SOURCE)
            .then("model_id")
            .otherwise("canonical_id")
        )
    )
    table, invalid = _without_violations(table)
    quarantine = pl.concat(
        [
            _quarantined(frame)
            for frame in (disagreeing, future, undated, invalid, _refused(refused))
            if frame.height
        ]
        or [MODEL_QUARANTINE.empty()],
        how="diagonal_relaxed",
    )
    return table, MODEL_QUARANTINE.cast(
        quarantine.unique(MODEL_QUARANTINE.key, keep="first", maintain_order=True)
    )


def current(models: pl.DataFrame) -> pl.DataFrame:
    """One row per model: the one of the repository's current weights."""
    return models.filter(pl.col("hub_state").ne_missing("replaced"))


def unknown(models: pl.DataFrame, named: pl.Series) -> list[str]:
    """Names in `named` that are not model ids.

    Args:
        models: the `models` table.
        named: model ids written by hand, such as those of `evaluation_overrides`.
    """
    return sorted(set(named) - set(models["model_id"]))


def _families(repositories: pl.DataFrame, fixed: AbstractSet[str]) -> dict[str, Family]:
    """The family of each repository by its current name, judged from all that are on the Hub."""
    there = repositories.filter(
        pl.col("hub_state").is_in(["present", "renamed"]) & pl.col("is_base").is_not_null()
    )
    members = families.members_of(
        there.select("name", "created_at", "parent_id", "relation").iter_rows(named=True)
    )
    known = {member.model_id for member in members}
    return families.families([*members, *map(families.Member, sorted(fixed - known))])


def _reread(
    packed: bytes, row: Mapping[str, Any], zone: LandingZone, cache: Path, family: Family
) -> dict[str, Any]:
    """Columns read from the record, its whole `config.json` if it is JSON, its headers and its family."""
    config = None
    if row["status"] == observations.OK:
        receipt = Receipt("", row["config_path"], row["fetched_at"], row["sha256"], 0)
        with contextlib.suppress(ValueError):
            config = load(zone.read(receipt))
    whole = config if isinstance(config, dict) else None
    record = records.unpacked(packed)
    tensors = None
    if row["headers_status"] == observations.OK:
        key = f"{row['sha256']} {row['record_id']}"
        known = whole or record.get("config") or {}
        tensors = tensor_headers.counts(zone, cache, row["headers_sha256"], known, key)
    reading = records.read(record, whole, family, tensors)
    if reading["refused"]:
        return dict.fromkeys(_reread_schema())
    return {name: reading[name] for name in _reread_schema()}


def _reread_schema() -> dict[str, Any]:
    """Columns that a whole configuration can change."""
    names = (
        "is_base", "is_doubtful", "relation", "parent_id", "quantisation", "base_evidence",
        "custom_code", "architecture", "is_moe", *COUNTS, "params_source", "params_from_config",
        "params_from_safetensors", "params_agree", "params_reason",
    )  # fmt: skip
    return {name: records.SEEN[name] for name in names}


def _new_rows(found: pl.DataFrame, bundled: pl.DataFrame) -> pl.DataFrame:
    """Rows of `models` for repositories outside the bundled facts, with columns for the checks."""
    publishers = _publishers(bundled)
    named = [_named(model_id, publishers) for model_id in found["model_id"]]
    schema = {"model": pl.String, "organisation": pl.String, "family": pl.String}
    return found.hstack(pl.DataFrame(named, schema=schema, orient="row")).with_columns(
        pl.lit(SOURCE).alias("source"),
        pl.col("is_moe").fill_null(value=False),
        # A record's `weights` tell one upload from another; here they say whether there are any.
        weights=pl.when(pl.col("weights").is_not_null()).then(pl.lit("published")),
    )


def _named(model_id: str, publishers: Mapping[str, tuple[str, str]]) -> tuple[str, str, str]:
    """Name, organisation and family of a model."""
    namespace, _, name = model_id.rpartition("/")
    known = publishers.get(namespace) or publishers.get(organisation_of(namespace))
    return name, *(known or (namespace or name, namespace or name))


def _publishers(bundled: pl.DataFrame) -> dict[str, tuple[str, str]]:
    """Organisation and commonest family of the bundled models, by namespace and by organisation.

    The keys are the namespaces of their ids, and those under which their organisations publish now
    (`pretrainers.organisation_of`). The family is the cluster of the bootstrap. All models of a
    publisher outside the facts form one cluster, which widens intervals.
    """
    named = (
        bundled.filter(pl.col("params_source") == "report")
        .with_columns(namespace=pl.col("model_id").str.split("/").list.first())
        .group_by("namespace", "organisation", "family")
        .len()
        .sort("namespace", "len", "family", descending=[False, True, False])
        .unique("namespace", keep="first")
    )
    found: dict[str, tuple[str, str]] = {}
    known: dict[str, tuple[str, str]] = {}
    commonest_first = named.sort("len", "namespace", descending=[True, False])
    for namespace, organisation, family in commonest_first.select(
        "namespace", "organisation", "family"
    ).iter_rows():
        found[namespace] = organisation, family
        known.setdefault(organisation_of(namespace), (organisation, family))
    return known | found


def _without_disagreeing_counts(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Set parameter counts that contradict each other to null; return also the rows affected."""
    disagree = ~pl.col("params_agree").fill_null(value=True)
    quarantined = rows.filter(disagree).with_columns(quarantined="params_reason")
    cleared = [pl.when(~disagree).then(pl.col(name)).alias(name) for name in COUNTS]
    source = pl.when(~disagree & pl.col("params_total").is_not_null()).then("params_source")
    return rows.with_columns(*cleared, params_source=source), quarantined


def _split(rows: pl.DataFrame, condition: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    bad = rows.select(condition.fill_null(value=False)).to_series()
    # Filtering copies the frame, which is large after a sweep; mostly no row is bad.
    return (rows.filter(~bad), rows.filter(bad)) if bad.any() else (rows, rows.clear())


def _without_violations(table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split off Hub rows that violate the declaration; bundled rows that do so fail the run."""
    if not MODELS.violations(table):
        return table, table.clear()
    ours = pl.col("source") == SOURCE
    hub, facts = table.filter(ours), table.filter(~ours)
    problems: dict[int, str] = {}
    for row, column, what in MODELS.violations(hub):
        if row is not None:
            problems.setdefault(row, f"{column}: {what}")
    marked = hub.with_row_index("row").with_columns(
        quarantined=pl.col("row").replace_strict(problems, default=None, return_dtype=pl.String)
    )
    good = marked.filter(pl.col("quarantined").is_null()).select(table.columns)
    return MODELS.cast(pl.concat([facts, good])), marked.filter(pl.col("quarantined").is_not_null())


def _refused(refused: pl.DataFrame) -> pl.DataFrame:
    return (
        refused.sort("observed_at", maintain_order=True)
        .unique(["model_id", "refused"], keep="first", maintain_order=True)
        .select("model_id", "revision", quarantined="refused", first_seen_at="observed_at")
    )


def _quarantined(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `model_quarantine`."""
    wanted = ("params_from_config", "params_from_safetensors", "first_seen_at")
    return rows.select(
        "model_id",
        "revision",
        *(name for name in wanted if name in rows.columns),
        reason=pl.col("quarantined").fill_null("no reason given"),
    )
