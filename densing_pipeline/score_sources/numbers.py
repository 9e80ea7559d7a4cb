"""Identifiers of rows to which their source gives none: numbers that follow a row's content, not its position.

Numbered by position, every row of a document in another order would seem revised. A number stays with its
row from one document to the next: with an equal row first, then with one that differs in values alone, then
with any other row of the same model. Not here: what counts as a change (`history`).
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import polars as pl

from densing_pipeline.score_sources.parsed import ENTRY

OF_MODEL = ("source", "benchmark_name", "model")
"""Columns that, with `entry`, identify a row over time; a table may lack the second."""

VALUES = (
    "score", "std_error", "n_items", "cost_usd", "params_total", "training_data_size", "training_flop",
)  # fmt: skip
"""Columns that a source revises; the others say which row it is."""

_ROW, _NTH = "row", "nth"


def number_rows(reports: pl.DataFrame, known: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """The rows of a document, each with an `entry`.

    Args:
        reports: rows with the columns of `row_schema`; `entry` is empty where the document gives none.
        known: current rows of the history that the document continues or ends.
        kept: the other current rows of the history.

    Returns:
        The rows. One without an entry has that of the known row it continues, or else the smallest
        number that no current row of the model has.
    """
    if ENTRY not in reports.columns or not reports[ENTRY].null_count():
        return reports
    key = [name for name in OF_MODEL if name in reports.columns]
    content = [name for name in reports.columns if name != ENTRY]
    done = [reports.filter(pl.col(ENTRY).is_not_null())]
    left = reports.filter(pl.col(ENTRY).is_null()).drop(ENTRY).sort(pl.all()).with_row_index(_ROW)
    free = known.join(done[0], on=[*key, ENTRY], how="anti", nulls_equal=True).sort(pl.all())
    for same in (content, [name for name in content if name not in VALUES], key):
        of_known = _counted(free, same).select(*same, _NTH, ENTRY)
        pairs = _counted(left, same).join(of_known, on=[*same, _NTH], nulls_equal=True)
        done.append(pairs.select(reports.columns))
        left = left.join(pairs, on=_ROW, how="anti")
        free = free.join(pairs, on=[*key, ENTRY], how="anti", nulls_equal=True)
    current = pl.concat([frame.select(*key, ENTRY) for frame in (*done, kept)])
    taken = defaultdict[tuple[str, ...], set[str]](set)
    for *model, entry in current.iter_rows():
        taken[tuple(model)].add(entry)
    numbers = {model: _unused(taken[model]) for model in left.select(key).unique().iter_rows()}
    entries = [next(numbers[model]) for model in left.select(key).iter_rows()]
    done.append(left.with_columns(pl.Series(ENTRY, entries, pl.String)).select(reports.columns))
    return pl.concat(done).sort(pl.all())


def _counted(rows: pl.DataFrame, same: list[str]) -> pl.DataFrame:
    """Rows with their number, from 0, among those that have the same values in some columns."""
    return rows.with_columns(pl.int_range(pl.len()).over(same).alias(_NTH))


def _unused(taken: set[str]) -> Iterator[str]:
    """Numbers from 1 that are not taken."""
    return (str(n) for n in count(1) if str(n) not in taken)
