"""Where a pace of density comes from, as a tree: the estimate, the models it rests on, their scores, the raw bytes.

Not here: the density of one model (`lineage`), and the estimates themselves (`trends`).
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from densing_pipeline.density.pooled_scores import is_protocol_pooled
from densing_pipeline.publication import raw_bytes
from densing_pipeline.publication.lineage import Node, chosen, pooled_node
from densing_pipeline.publication.raw_bytes import State
from densing_pipeline.publication.wording import counted, interval_text
from densing_pipeline.trends.benchmark_growth import GROUPS

TABLES = (
    "density_growth", "ruler_densities", "models", "pooled_scores", "scores", "benchmark_reports",
    "claimed_scores",
)  # fmt: skip
"""Published tables that the lineage of a pace is read from."""

SHOWN_MODELS = 3
"""Newest models whose scores are shown; the others are counted."""

ALL_BENCHMARKS = "all-benchmarks"
"""Value of `density_growth.group` of an estimate from all benchmarks together."""


def growth_lineage(
    tables: Mapping[str, pl.DataFrame],
    ruler: str | None = None,
    group: str | None = None,
    params: str | None = None,
    state: State | None = None,
) -> Node:
    """How fast density grows by a ruler, and what that rests on.

    Args:
        tables: `TABLES` of one release.
        ruler: by what density is measured; that of the headline if left out.
        group: benchmarks or texts, such as MMLU; the headline's if left out, or the first one there is.
        params: parameter basis; the headline's if left out.
        state: where raw bytes are looked for beside the package.

    Raises:
        UnknownNumberError: there is no such estimate; the message lists those there are.
    """
    rows = tables["density_growth"]
    asked = {"ruler": ruler, "group": group, "params_basis": params}
    # What was asked for first, so that the headline's choice does not exclude it.
    in_order = dict(sorted(asked.items(), key=lambda choice: choice[1] is None))
    rows = chosen(rows, rows.filter("is_headline"), in_order, "no growth")
    # The longest window first: that is what the other ones are cut from.
    row = rows.sort("is_headline", pl.col("window") == "all", descending=True).row(0, named=True)
    said = interval_text(
        row["growth_per_year"],
        row["growth_low"],
        row["growth_high"],
        "a year (natural logarithm)",
        2,
    )
    doubling = (
        f"; doubling in {row['doubling_days']:.0f} days" if row["doubling_days"] is not None else ""
    )
    return Node(
        f"{row['ruler']}, {row['group']}, {row['params_basis']} parameters, {row['population']}: density grows by {said}"
        f"{doubling} [density_growth: {row['estimator']}, {row['window']}]",
        (
            Node(f"{row['verdict']}, {row['finding']}: {row['reason']}"),
            _models(tables, row, state),
            Node(f"interval: {counted(row['draws'], 'resample')} of families, seed {row['seed']}"),
        ),
    )


def _models(
    tables: Mapping[str, pl.DataFrame], row: Mapping[str, Any], state: State | None
) -> Node:
    """The newest models behind an estimate with their scores, and how many more there are."""
    own = tables["ruler_densities"].filter(
        ruler=row["ruler"], group=row["group"], params_basis=row["params_basis"]
    )
    released = pl.col("release_date") <= row["newest_release"]
    shown = (
        [_on_ruler(one) for one in _newest(own.filter(released))]
        if own.height
        else [_scored(one, tables, row, state) for one in _newest(_scored_models(tables, row))]
    )
    more = (
        f"; the newest {len(shown)} are shown, `densing explain densities MODEL` shows any"
        if row["n_models"] > len(shown)
        else ""
    )
    return Node(
        f"{counted(row['n_models'], 'model')} of {counted(row['n_clusters'], 'family', 'families')}, released from "
        f"{row['first_release']} to {row['newest_release']}{more}",
        tuple(shown),
    )


def _newest(models: pl.DataFrame) -> list[dict[str, Any]]:
    newest_first = models.sort("release_date", "model_id", descending=[True, False])
    return (
        newest_first.unique("model_id", keep="first", maintain_order=True)
        .head(SHOWN_MODELS)
        .to_dicts()
    )


def _scored_models(tables: Mapping[str, pl.DataFrame], row: Mapping[str, Any]) -> pl.DataFrame:
    """Models with a score on the benchmarks of an estimate, up to its newest release."""
    pooled = tables["pooled_scores"].filter(_of_group(row))
    days = tables["models"].select("model_id", "release_date")
    return (
        pooled.select("model_id")
        .unique()
        .join(days.filter(pl.col("release_date") <= row["newest_release"]), on="model_id")
    )


def _of_group(row: Mapping[str, Any]) -> pl.Expr:
    """Whether a pooled score is on a benchmark that an estimate is from."""
    if row["group"] == ALL_BENCHMARKS:
        return pl.lit(value=True)
    return pl.col("benchmark").is_in(GROUPS.get(row["group"], (row["group"],)))


def _scored(
    model: Mapping[str, Any],
    tables: Mapping[str, pl.DataFrame],
    row: Mapping[str, Any],
    state: State | None,
) -> Node:
    of_model = pl.col("model_id") == model["model_id"]
    pooled = tables["pooled_scores"].filter(of_model, _of_group(row))
    mine = tables["scores"].filter(of_model, is_protocol_pooled()).to_dicts()
    return Node(
        f"{model['model_id']}, released {model['release_date']}",
        tuple(pooled_node(one, mine, tables, state) for one in pooled.to_dicts()),
    )


def _on_ruler(one: Mapping[str, Any]) -> Node:
    measured = (
        f"{one['bits_per_byte']:.4f} bits per byte"
        if one["bits_per_byte"] is not None
        else f"score {one['score']:.4f}"
    )
    density = "no density" if one["density"] is None else f"density {one['density']:.3g}"
    return Node(
        f"{one['model_id']}, released {one['release_date']}: {measured}, {density} [ruler_densities]",
        (
            Node(f"source: {one['source_url']}"),
            *(Node(found.sentence) for found in raw_bytes.of_ruler(one)),
        ),
    )
