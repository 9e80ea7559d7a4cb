"""Delete Dagster's old runs: their records and events, and the files that each left; and old ticks of schedules and sensors.

A night leaves a database of events (SQLite only) and a folder with what its steps printed, about 120
files. Tables, landed responses and releases are not touched: they hold every night's results.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from densing_pipeline.orchestration.removal import Removed, is_older
from densing_pipeline.publication.wording import counted
from densing_pipeline.settings import Settings

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
class Deleted(Removed):
    """What was deleted, or would be.

    Attributes:
        runs: number of runs.
    """

    runs: int = 0

    def __str__(self) -> str:
        """The numbers in words."""
        return f"{counted(self.runs, 'run')}, {super().__str__()}"


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
            done.remove(path, is_dry=is_dry)
    known = {run.run_id for run in instance.get_runs()}
    for run_id, paths in files.items():
        if run_id in known:
            continue
        for path in paths:
            if is_older(path, now - timedelta(days=ORPHAN_DAYS)):
                done.remove(path, is_dry=is_dry)
    return done


def delete_old_ticks(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> None:
    """Delete the ticks of schedules and sensors that are older than `keep_ticks_days` days.

    Args:
        instance: holds the ticks.
        settings: days for which ticks stay; 0 deletes nothing.
        now: the time, with a time zone.
    """
    if not settings.keep_ticks_days:
        return
    before = (now - timedelta(days=settings.keep_ticks_days)).timestamp()
    for each in instance.all_instigator_state():
        instance.purge_ticks(each.instigator_origin_id, each.selector_id, before)


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
