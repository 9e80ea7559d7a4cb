"""The `revisions` table: published numbers that changed in a later release.

The tables of each run are compared with the latest release; changed numbers are appended to the
table. A change of this table alone makes no new release (it is `operational`).

Not here: forecasts, which never change once published, and prices, whose history keeps both values.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.publication.datapackage import Provenance
from densing_pipeline.publication.release import UNCHANGED_WITHIN, latest_release, published_before
from densing_pipeline.tables.published import PUBLISHED, REVISIONS

WATCHED: Mapping[str, tuple[str, ...]] = {
    "scores": ("score",),
    "reference_laws": ("a", "alpha", "b", "beta", "irreducible", "c", "gamma", "l", "d"),
    "densities": ("density",),
    "densing_law": ("doubling_days", "doubling_days_low", "doubling_days_high"),
    "price_halving": ("halving_months", "low", "high"),
}
"""The columns that are compared, by table; of estimates only the headline ones (`is_headline`)."""


def revisions(tables: Mapping[str, pl.DataFrame], folder: Path, made: Provenance) -> pl.DataFrame:
    """The earlier revisions, and the differences between the new tables and the latest release.

    Args:
        tables: the tables of `WATCHED` of this run.
        folder: directory of the releases.
        made: code, settings and sources of this run.

    Returns:
        A `revisions` frame.
    """
    noted = published_before(folder, "revisions")
    noted = REVISIONS.empty() if noted is None else REVISIONS.cast(noted)
    release = latest_release(folder)
    if release is None:
        return noted
    reason = made.differs_from(release.package)
    rows = []
    for name, columns in WATCHED.items():
        before = published_before(folder, name)
        if before is not None and set(before.columns) >= {*PUBLISHED[name].key, *columns}:
            rows += [
                row | {"reason": reason, "release_id": release.release_id}
                for row in _changes(name, columns, before, tables[name])
            ]
    new = REVISIONS.cast(pl.DataFrame(rows, infer_schema_length=None)) if rows else noted.clear()
    return REVISIONS.cast(
        pl.concat([noted, new]).unique(REVISIONS.key, keep="last", maintain_order=True)
    )


def _changes(
    name: str, columns: tuple[str, ...], before: pl.DataFrame, now: pl.DataFrame
) -> Iterator[dict[str, Any]]:
    """The numbers that differ by more than `UNCHANGED_WITHIN`, of rows that both tables have."""
    key = list(PUBLISHED[name].key)
    if "is_headline" in now.columns:
        before, now = before.filter("is_headline"), now.filter("is_headline")
    both = before.select(*key, *columns).join(
        now.select(*key, *columns), on=key, suffix="_now", nulls_equal=True
    )
    for column in columns:
        was, is_now = pl.col(column), pl.col(f"{column}_now")
        same = was.eq_missing(is_now) | (
            (was - is_now).abs() <= UNCHANGED_WITHIN * was.abs()
        ).fill_null(value=False)
        for row in both.filter(~same).iter_rows(named=True):
            yield {
                "table": name,
                "key": "/".join(str(row[part]) for part in key),
                "column": column,
                "previous": row[column],
                "current": row[f"{column}_now"],
            }
