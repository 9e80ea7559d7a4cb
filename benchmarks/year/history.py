"""A year of runs in Dagster's database, from one real night: its rows on each of the days before, as that night wrote them."""

import re
import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from densing_pipeline.orchestration.run_retention import DATABASES

SECONDS_A_DAY = 86_400

STAMP = re.compile(r'("timestamp": )(\d+(?:\.\d+)?)')
STORED_AS = re.compile(r'("storage_id": )(\d+)')
"""In events as JSON: when each came, and the row of the event that it refers to."""

ROW_NUMBERS = ("id", "event_id", "evaluation_event_storage_id", "materialization_event_storage_id")
"""Columns that hold row numbers of events, or of their own table."""

REPEATED = {
    "history/runs.db": ("runs", "run_tags"),
    "history/runs/index.db": ("event_logs", "asset_event_tags", "asset_check_executions"),
}
"""Tables that get rows with each run, by database."""


class Night:
    """The rows of one run, as they would be another day.

    Attributes:
        run_id: of the run that is repeated.
    """

    def __init__(self, run_id: str, span: int, nights: int) -> None:
        """Repeat a run.

        Args:
            run_id: of the run.
            span: row numbers that a night takes.
            nights: number of nights; the newest is the run itself, and has the highest row numbers.
        """
        self.run_id, self._span, self._nights = run_id, span, nights

    def on(self, days_before: int) -> "Day":
        """The night some days before."""
        new = self.run_id if days_before == 0 else str(uuid.uuid4())
        return Day(self.run_id, new, days_before, (self._nights - 1 - days_before) * self._span)


class Day:
    """Turns values of the run's rows into those of another day's run."""

    def __init__(self, old_id: str, run_id: str, days: int, ahead: int) -> None:
        """Turn values of the run `old_id` into those of `run_id`, `days` earlier, with row numbers `ahead` of its own."""
        self.run_id = run_id
        self._old, self._days, self._ahead = old_id, days, ahead

    def row(self, names: Sequence[str], row: Sequence[Any]) -> list[Any]:
        """A row of that day."""
        return [self._value(name, value) for name, value in zip(names, row, strict=True)]

    def event(self, text: str) -> str:
        """An event of that day, as JSON."""
        earlier = STAMP.sub(
            lambda at: f"{at[1]}{float(at[2]) - self._days * SECONDS_A_DAY!r}", text
        )
        numbered = STORED_AS.sub(lambda at: f"{at[1]}{int(at[2]) + self._ahead}", earlier)
        return numbered.replace(self._old, self.run_id)

    def _value(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name in ROW_NUMBERS:
            return value + self._ahead
        if name in ("start_time", "end_time"):
            return value - self._days * SECONDS_A_DAY
        if name.endswith("timestamp"):
            return str(datetime.fromisoformat(value) - timedelta(days=self._days))
        return self.event(value) if isinstance(value, str) else value


def repeat(state_dir: Path, nights: int) -> None:
    """Have a state directory with one run hold that run on each of `nights` days, the newest as it is.

    Args:
        state_dir: with Dagster's database in SQLite files; nobody uses it.
        nights: number of runs afterwards.
    """
    folder = state_dir / DATABASES
    [own] = [path for path in folder.glob("*.db") if path.name != "index.db"]
    span = max(
        _last(state_dir / name, table) for name, tables in REPEATED.items() for table in tables
    )
    days = [Night(own.stem, span, nights).on(before) for before in reversed(range(nights))]
    for name, tables in REPEATED.items():
        with closing(sqlite3.connect(state_dir / name)) as database, database:
            for table in tables:
                _repeat_rows(database, table, days)
            if table == "asset_check_executions":
                _renumber_assets(database, days[-1])
    for day in days[:-1]:
        _copy_events(own, folder / f"{day.run_id}.db", day)


def _last(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0)  # noqa: S608


def _repeat_rows(database: sqlite3.Connection, table: str, days: Sequence[Day]) -> None:
    found = database.execute(f"SELECT * FROM {table}")  # noqa: S608
    names = [column[0] for column in found.description]
    rows = found.fetchall()
    database.execute(f"DELETE FROM {table}")  # noqa: S608
    places = ", ".join("?" * len(names))

    def of_all_days() -> Iterator[list[Any]]:
        for day in days:
            yield from (day.row(names, row) for row in rows)

    database.executemany(f"INSERT INTO {table} VALUES ({places})", of_all_days())  # noqa: S608


def _renumber_assets(database: sqlite3.Connection, newest: Day) -> None:
    """Have the newest materialisation of each asset refer to the event's new row."""
    for number, text in database.execute(
        "SELECT id, last_materialization FROM asset_keys WHERE last_materialization NOT NULL"
    ).fetchall():
        database.execute(
            "UPDATE asset_keys SET last_materialization = ? WHERE id = ?",
            (newest.event(text), number),
        )


def _copy_events(own: Path, target: Path, day: Day) -> None:
    """The database of the events of a day's run."""
    shutil.copyfile(own, target)
    with closing(sqlite3.connect(target)) as database, database:
        found = database.execute("SELECT id, event, timestamp FROM event_logs").fetchall()
        database.executemany(
            "UPDATE event_logs SET run_id = ?, event = ?, timestamp = ? WHERE id = ?",
            (
                (day.run_id, day.event(event), day.row(("timestamp",), (at,))[0], number)
                for number, event, at in found
            ),
        )
