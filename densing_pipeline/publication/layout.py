"""How the rows of a published table lie in its file, so that who reads one day of it reads little else.

A large table with a day of observation is sorted by that day, and by its key within a day, in row groups of
`GROUP_ROWS`: their statistics tell readers in which of them a day lies. Any other table is in the order of its key, in the row
groups that the writer chooses. Not here: what else a release holds (`release`).
"""

from collections.abc import Iterator
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

DAY = "observed_from"
"""The day on which a row was first known."""

GROUP_ROWS = 100_000
"""Rows of a row group; a table of at most as many is one."""

AT_ONCE = 2 * GROUP_ROWS
"""Rows that are sorted at once, up to whole days."""


def write(frame: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    """Write the file of a table in pieces, a large one that has days a few days at a time.

    Args:
        frame: the table, sorted by its key; one that is not in memory, such as a scanned file, is not brought there as a
            whole.
        path: its file.
    """
    rows = frame.lazy()
    days = _days(rows)
    if days is None:
        rows.sink_parquet(path, compression="zstd", statistics=True)
        return

    def sorted_parts(*_: Any) -> Iterator[pl.DataFrame]:
        for first, last in _parts(days):
            part = rows.filter(pl.col(DAY).is_between(first, last)).collect(engine="streaming")
            yield part.sort(DAY, maintain_order=True)

    register_io_source(sorted_parts, schema=rows.collect_schema()).sink_parquet(
        path, compression="zstd", statistics=True, row_group_size=GROUP_ROWS
    )


def _days(rows: pl.LazyFrame) -> pl.DataFrame | None:
    """The days of a table that is sorted by them, with the number of rows of each; None of any other table."""
    if DAY not in rows.collect_schema():
        return None
    days = rows.group_by(DAY).len().collect(engine="streaming").sort(DAY)
    return days if days["len"].sum() > GROUP_ROWS and not days[DAY].null_count() else None


def _parts(days: pl.DataFrame) -> Iterator[tuple[Any, Any]]:
    """First and last day of each part, of about `AT_ONCE` rows."""
    ends = accumulate(days["len"].to_list())
    numbered = zip(days[DAY].to_list(), (end // AT_ONCE for end in ends), strict=True)
    for _, part in groupby(numbered, key=lambda each: each[1]):
        of_part = [day for day, _ in part]
        yield of_part[0], of_part[-1]
