"""The `revisions` table: published numbers that changed in a later release, and why.

The tables of each run are compared with the latest release; changed numbers are appended to the
table. A change of this table alone makes no new release (it is `operational`).

Not here: forecasts, which never change once published, and prices, whose history keeps both values.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.publication.datapackage import Differences, Provenance, differences
from densing_pipeline.publication.release import UNCHANGED_WITHIN, Published, latest_release
from densing_pipeline.publication.stored_tables import scan
from densing_pipeline.tables.published import PUBLISHED, REVISIONS

WATCHED: Mapping[str, tuple[str, ...]] = {
    "scores": ("score",),
    "reference_laws": ("a", "alpha", "b", "beta", "irreducible", "c", "gamma", "l", "d"),
    "densities": ("density",),
    "densing_law": ("doubling_days", "doubling_days_low", "doubling_days_high"),
    "density_paces": ("doubling_days",),
    "density_growth": ("growth_per_year", "growth_low", "growth_high"),
    "ruler_densities": ("density",),
    "compression": ("log_ratio",),
    "implications": ("value", "low", "high"),
    "price_halving": ("halving_months", "low", "high"),
    "price_index": ("index",),
    "price_comparisons": ("halving_months",),
    "task_cost_halving": ("halving_months", "low", "high"),
}
"""The columns that are compared, by table.

Not `sensitivity`, `trend_breaks` and `price_decomposition`, whose rows follow from densities and prices that are
compared."""

OF_HEADLINES = ("densing_law", "price_halving")
"""Tables of which only the rows that are quoted are compared; of the others all are."""

INPUTS: Mapping[str, tuple[str, ...]] = {
    "models": (
        "release_date", "params_total", "params_active", "params_nonembedding", "family", "is_base",
    ),
    "claimed_scores": ("score",),
    "benchmark_reports": ("score", "model_id"),
    "scores": ("score",),
    "reference_points": ("params", "tokens", "loss_nats_per_token", "score"),
    "fresh_text": ("bits_per_byte",),
    "reported_fresh_text": ("bits_per_byte", "params_total", "release_date"),
    "knowledge_probes": ("score", "params_total", "params_active", "release_date"),
    "task_runs": ("organisation",),
    "prices": ("input_usd_per_mtok", "output_usd_per_mtok"),
}  # fmt: skip
"""Tables of inputs, and the columns of theirs in which another value is a correction."""

RESTS_ON: Mapping[str, tuple[str, ...]] = {
    "scores": ("claimed_scores", "benchmark_reports"),
    "reference_laws": ("reference_points",),
    "densities": ("models", "scores", "reference_points"),
    "densing_law": ("models", "scores", "reference_points"),
    "density_paces": ("models", "scores", "reference_points"),
    "density_growth": (
        "models", "scores", "reference_points", "fresh_text", "reported_fresh_text",
        "knowledge_probes",
    ),
    "ruler_densities": ("models", "fresh_text", "reported_fresh_text", "knowledge_probes"),
    "compression": ("models", "scores", "reference_points"),
    "implications": ("models", "scores", "reference_points", "prices"),
    "price_halving": ("prices", "scores"),
    "price_index": ("prices", "scores"),
    "price_comparisons": ("prices", "scores"),
    "task_cost_halving": ("task_runs",),
}  # fmt: skip
"""The inputs that each watched table is computed from."""

COMPARED_AT_ONCE = 500_000
"""Rows of a table of inputs that are compared at once."""

COMPARED = tuple(dict.fromkeys((*WATCHED, *INPUTS)))
"""Every table that `revisions` compares."""


def revisions(tables: Mapping[str, pl.DataFrame], folder: Path, made: Provenance) -> pl.DataFrame:
    """The earlier revisions, and the differences between the new tables and the latest release.

    Args:
        tables: the tables of `COMPARED` of this run.
        folder: directory of the releases.
        made: code, settings and sources of this run.

    Returns:
        A `revisions` frame.
    """
    release = latest_release(folder)
    if release is None:
        return REVISIONS.empty()
    before = release.table("revisions")
    noted = REVISIONS.empty() if before is None else REVISIONS.cast(before)
    new = moved(release, tables, made.described())
    return REVISIONS.cast(
        pl.concat([noted, new]).unique(REVISIONS.key, keep="last", maintain_order=True)
    )


def moved(
    before: Published, tables: Mapping[str, pl.DataFrame], package: Mapping[str, Any]
) -> pl.DataFrame:
    """The published numbers that differ from an earlier release, and why.

    Args:
        before: the earlier release.
        tables: the tables of `COMPARED`, made later.
        package: what they were made with: a `datapackage.json`, or `Provenance.described`.

    Returns:
        A `revisions` frame, with the earlier release as `release_id`.
    """
    differing = differences(before.package, package)
    rows: list[dict[str, Any]] = []
    for name, columns in WATCHED.items():
        published = before.scan(name)
        if published is not None and _has(published, name, columns):
            rows += _changes(name, columns, published, scan(tables, name))
    if not rows:
        return REVISIONS.empty()
    inputs = _moved_inputs(before, tables)
    causes = {name: _cause(name, inputs, differing) for name in WATCHED}
    told = {"reason": differing.text, "release_id": before.release_id}
    return REVISIONS.cast(
        pl.DataFrame(
            [row | told | {"cause": causes[row["table"]]} for row in rows], infer_schema_length=None
        )
    )


def _has(rows: pl.LazyFrame, name: str, columns: tuple[str, ...]) -> bool:
    """Whether a table of a release, maybe of an older layout, can be compared."""
    return set(rows.collect_schema()) >= {*PUBLISHED[name].key, *columns}


def _moved_inputs(
    before: Published, tables: Mapping[str, pl.DataFrame]
) -> dict[str, frozenset[str]]:
    """How each table of inputs moved: `new data` for more rows, `correction` for rows changed or gone."""
    found = {}
    for name, columns in INPUTS.items():
        published = before.scan(name)
        if published is None or not _has(published, name, columns):
            found[name] = frozenset({"other data"})
            continue
        then, now = (
            rows.select(*PUBLISHED[name].key, *columns) for rows in (published, scan(tables, name))
        )
        found[name] = frozenset().union(
            *(_differences(*parts, columns) for parts in _parts(then, now, PUBLISHED[name].key))
        )
    return found


def _parts(
    then: pl.LazyFrame, now: pl.LazyFrame, key: Sequence[str]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Two tables in parts of about `COMPARED_AT_ONCE` rows, so that rows of one key are in the same part."""
    rows = max(each.select(pl.len()).collect().item() for each in (then, now))
    parts = max(1, -(-rows // COMPARED_AT_ONCE))
    for part in range(parts):
        in_part = pl.struct(key).hash() % parts == part
        mine, theirs = (each.filter(in_part).collect(engine="streaming") for each in (then, now))
        yield mine, theirs


def _differences(then: pl.DataFrame, now: pl.DataFrame, columns: Sequence[str]) -> frozenset[str]:
    """How rows differ, all columns but `columns` being their key: see `_moved_inputs`."""
    key = [name for name in then.columns if name not in columns]
    is_gone = then.join(now, on=key, how="anti", nulls_equal=True).height > 0
    is_more = now.join(then, on=key, how="anti", nulls_equal=True).height > 0
    both = then.join(now, on=key, suffix="_now", nulls_equal=True)
    same = [pl.col(column).eq_missing(pl.col(f"{column}_now")) for column in columns]
    is_other = not both.select(pl.all_horizontal(same).all()).item()
    told = {"new data": is_more, "correction": is_gone or is_other}
    return frozenset(what for what, holds in told.items() if holds)


def _cause(name: str, inputs: Mapping[str, frozenset[str]], differing: Differences) -> str:
    """Why numbers of a table moved, a label of the column `cause`."""
    found = frozenset[str]().union(*(inputs[each] for each in RESTS_ON[name]))
    if name == "scores" and (
        found or differing.facts or differing.sources or not differing.is_method
    ):
        # The row was there before, so it has another value because somebody corrected it.
        found = frozenset({"correction"})
    if differing.is_method:
        found |= {"method"}
    if len(found) > 1:
        return "several"
    return next(iter(found), "other data")


def _changes(
    name: str, columns: tuple[str, ...], before: pl.LazyFrame, now: pl.LazyFrame
) -> Iterator[dict[str, Any]]:
    """The numbers that differ by more than `UNCHANGED_WITHIN`, of rows that both tables have."""
    key = list(PUBLISHED[name].key)
    if name in OF_HEADLINES:
        before, now = before.filter("is_headline"), now.filter("is_headline")
    both = before.select(*key, *columns).join(
        now.select(*key, *columns), on=key, suffix="_now", nulls_equal=True
    )
    for column in columns:
        was, is_now = pl.col(column), pl.col(f"{column}_now")
        same = was.eq_missing(is_now) | (
            (was - is_now).abs() <= UNCHANGED_WITHIN * was.abs()
        ).fill_null(value=False)
        for row in both.filter(~same).collect().iter_rows(named=True):
            yield {
                "table": name,
                "key": "/".join(str(row[part]) for part in key),
                "column": column,
                "previous": row[column],
                "current": row[f"{column}_now"],
            }
