"""The history of each score source: every value with the days on which the source gave it.

    scores/<source>.parquet     rows with `observed_from` and `observed_to`; the metadata of the file
                                says which snapshots it holds and which code read them

The history is a function of the documents of the package, the landed snapshots and the code. It is
continued if the same code made it from the same first snapshots, else folded anew. A poll whose document
is unchanged adds nothing; of several snapshots of one day the first counts, so that what was known on
a day never changes later. Not here: polling (`poll`), and names (`links`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from densing_pipeline import project_code
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.history import Snapshot, landed, snapshots_digest
from densing_pipeline.score_sources.numbers import number_rows
from densing_pipeline.score_sources.parsed import FROM_HISTORY, ParsedReports, row_schema
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.schemas import Table
from densing_pipeline.tables.storage import write_parquet

HEAD = "densing"
"""Entry of the file's metadata that says what it holds."""


@dataclass(frozen=True)
class Update:
    """Result of one update of a source's history.

    Attributes:
        history: the rows.
        folded: snapshots looked at, by this update.
        changed: rows that are new, changed or gone since the last update.
        refused: days whose snapshot cannot be read (any more), with the reason.
        failure: why the history could not be brought up to date, if so; it stays as it was.
    """

    history: pl.DataFrame
    folded: int = 0
    changed: int = 0
    refused: tuple[tuple[date, str], ...] = ()
    failure: str | None = None


def update_all(zone: LandingZone, folder: Path) -> dict[str, Update]:
    """Bring the history of every source up to date.

    A source whose landed files are damaged is reported and stops no other.

    Args:
        zone: the landing zone.
        folder: where the histories are kept, one file per source.
    """
    return {
        name: _updated(folder / f"{name}.parquet", source, zone) for name, source in SOURCES.items()
    }


def of_table(updates: dict[str, Update], table: Table) -> pl.DataFrame:
    """The histories of the sources of one table.

    Args:
        updates: result of `update_all`.
        table: the table.
    """
    rows = [empty(table)]
    rows += [updates[name].history for name, s in SOURCES.items() if s.table is table]
    return pl.concat(rows)


def as_of(reports: pl.DataFrame, day: date) -> pl.DataFrame:
    """The vintage of a day: the rows that were known at its end.

    Args:
        reports: rows of `benchmark_reports`, `capability_index` or `model_reports`.
        day: the day of our knowledge.

    Returns:
        The rows without an end that was seen only later (`observed_to` is empty).
    """
    is_known = pl.col("observed_from") <= day
    is_held = pl.col("observed_to").is_null() | (pl.col("observed_to") > day)
    return reports.filter(is_known & is_held).with_columns(
        observed_to=pl.lit(None, reports.schema["observed_to"])
    )


def snapshots(source: ScoreSource, zone: LandingZone) -> list[Snapshot]:
    """Documents of a source, oldest first, one a day: those of the package up to the first poll."""
    polled = landed(zone.receipts(source.name), zone)
    bundled = [
        Snapshot(each.day, hashlib.sha256(each.content()).hexdigest(), each.content)
        for each in source.embedded
        if not polled or each.day < polled[0].day
    ]
    return bundled + polled


def update(path: Path, source: ScoreSource, found: Sequence[Snapshot], code: str) -> Update:
    """Fold what has come since the last update.

    Args:
        path: file of the history.
        source: the source.
        found: all its documents, oldest first, one a day.
        code: digest of the code that reads and folds (`code_digest`).
    """
    history, done = _stored(path, source.table, found, code)
    fresh, before = found[done:], found[done - 1].sha256 if done else None
    changed, refused = 0, list[tuple[date, str]]()
    for snapshot in fresh:
        if snapshot.sha256 != before:
            try:
                parsed = source.read(snapshot.read(), snapshot.day)
                history, count = fold(history, parsed, snapshot)
                changed += count
            except SnapshotError as error:
                refused.append((snapshot.day, str(error)))
        before = snapshot.sha256
    if fresh or not path.exists():
        head = {"code": code, "folded": len(found), "chain": snapshots_digest(found)}
        write_parquet(history, path, {HEAD: json.dumps(head)})
    return Update(history, len(fresh), changed, tuple(refused))


def fold(
    history: pl.DataFrame, parsed: ParsedReports, snapshot: Snapshot
) -> tuple[pl.DataFrame, int]:
    """Add a document to a history.

    A row of the history that the document no longer has, or has with another value, ends on the day of
    the document, unless it is from a part that could not be read.

    Returns:
        The history, and how many rows began or ended.
    """
    content = parsed.reports.columns
    is_open = pl.col("observed_to").is_null()
    ended, known = history.filter(~is_open), history.filter(is_open)
    is_kept = pl.col("part").is_in(list(parsed.failed))
    kept = known.filter(is_kept)
    looked_at = known.filter(~is_kept)
    reports = number_rows(parsed.reports, looked_at, kept)
    same = looked_at.join(reports, on=content, how="semi", nulls_equal=True)
    gone = looked_at.join(reports, on=content, how="anti", nulls_equal=True).with_columns(
        observed_to=pl.lit(snapshot.day)
    )
    new = reports.join(looked_at, on=content, how="anti", nulls_equal=True).with_columns(
        observed_from=pl.lit(snapshot.day),
        observed_to=pl.lit(None, pl.Date),
        snapshot_sha256=pl.lit(snapshot.sha256),
    )
    folded = pl.concat([ended, kept, same, gone, new.select(history.columns)])
    return folded.sort(pl.all()), gone.height + new.height


def empty(table: Table) -> pl.DataFrame:
    """A history of a table without rows."""
    added = {name: table.polars_schema[name] for name in FROM_HISTORY}
    return pl.DataFrame(schema={**row_schema(table), **added})


@cache
def code_digest() -> str:
    """Digest of the code and column declarations that turn the bytes of a snapshot into rows.

    That is this package with all that it imports of the project, and the columns of the rows.
    """
    tables = {source.table.name: source.table for source in SOURCES.values()}
    declared = " ".join(f"{table} {table.polars_schema}" for _, table in sorted(tables.items()))
    code = project_code.digest("densing_pipeline.score_sources")
    return hashlib.sha256(f"{pl.__version__} {declared} {code}".encode()).hexdigest()


def _updated(path: Path, source: ScoreSource, zone: LandingZone) -> Update:
    try:
        return update(path, source, snapshots(source, zone), code_digest())
    except Exception as error:
        why = f"the history cannot be brought up to date: {error}"
        try:
            return Update(pl.read_parquet(path), failure=why)
        except (OSError, pl.exceptions.PolarsError):
            return Update(empty(source.table), failure=why)


def _stored(
    path: Path, table: Table, found: Sequence[Snapshot], code: str
) -> tuple[pl.DataFrame, int]:
    """The stored history and how many of the documents it holds; an empty one if it cannot be continued."""
    nothing = empty(table)
    try:
        head = json.loads(pl.read_parquet_metadata(path)[HEAD])
        folded = int(head["folded"])
        is_same = head["code"] == code and head["chain"] == snapshots_digest(found[:folded])
        history = pl.read_parquet(path)
    except (OSError, KeyError, TypeError, ValueError, pl.exceptions.PolarsError):
        return nothing, 0
    if not is_same or folded > len(found) or history.schema != nothing.schema:
        return nothing, 0
    return history, folded
