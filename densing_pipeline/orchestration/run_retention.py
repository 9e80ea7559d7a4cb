"""Delete Dagster's old runs: their records and events, and the files that each left.

A night leaves a database of events (SQLite only) and a folder with what its steps printed, about 120
files. Tables, landed responses and releases are not touched: they hold every night's results.
"""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from densing_pipeline.publication.wording import counted
from densing_pipeline.settings import Settings
from densing_pipeline.units import MIB

ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]

DATABASES = Path("history/runs")
"""Folder of the databases of events, one file `<run id>.db` for each run, below the state directory."""

LOGS = Path()
"""Folder of what steps printed, one folder `<run id>` for each run: the state directory itself, which
`dagster.yaml` names."""

ORPHAN_DAYS = 1
"""Age from which files of a run that Dagster does not know are deleted; a run has its record before files."""


@dataclass
class Deleted:
    """What was deleted, or would be.

    Attributes:
        runs: number of runs.
        files: number of their files.
        size: of these files, in bytes.
    """

    runs: int = 0
    files: int = 0
    size: int = 0

    def __str__(self) -> str:
        """The numbers in words."""
        return f"{counted(self.runs, 'run')}, {counted(self.files, 'file')} of {self.size / MIB:.1f} MiB"


def delete_old_runs(
    instance: dg.DagsterInstance, settings: Settings, now: datetime, *, is_dry: bool = False
) -> Deleted:
    """Delete the runs that ended more than `keep_runs_days` days ago, with their events and files.

    Files of runs that Dagster does not know, which a deletion that was interrupted leaves, go too.

    Args:
        instance: holds the runs.
        settings: state directory, and days for which runs stay; 0 deletes nothing.
        now: the time, with a time zone.
        is_dry: only count.

    Returns:
        What was deleted, or would be.
    """
    done = Deleted()
    if not settings.keep_runs_days:
        return done
    before = now - timedelta(days=settings.keep_runs_days)
    old = dg.RunsFilter(statuses=ENDED, updated_before=before)
    files = _files_by_run(settings.state_dir)
    for run in instance.get_runs(old):
        if not is_dry:
            instance.delete_run(run.run_id)
        done.runs += 1
        for path in files.pop(run.run_id, []):
            _delete(path, done, is_dry=is_dry)
    known = {run.run_id for run in instance.get_runs()}
    for run_id, paths in files.items():
        if run_id in known:
            continue
        for path in paths:
            if _changed(path) < now - timedelta(days=ORPHAN_DAYS):
                _delete(path, done, is_dry=is_dry)
    return done


def _files_by_run(state_dir: Path) -> dict[str, list[Path]]:
    """Databases and folders of logs, by run."""
    found: dict[str, list[Path]] = {}
    for path in [*(state_dir / DATABASES).glob("*.db*"), *(state_dir / LOGS).glob("*")]:
        run_id = path.name.partition(".")[0]
        if _is_run_id(run_id):
            found.setdefault(run_id, []).append(path)
    return found


def _is_run_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _delete(path: Path, done: Deleted, *, is_dry: bool) -> None:
    """Delete a file or a folder, and count it."""
    for each in _files(path):
        done.files += 1
        done.size += each.lstat().st_size
    if is_dry:
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield from (each for each in path.rglob("*") if not each.is_dir() or each.is_symlink())
    else:
        yield path
