"""What the job `maintenance` does to files of the state directory; runs and ticks of Dagster go in `run_retention`."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from densing_pipeline import state
from densing_pipeline.hub import observations
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.removal import Removed, is_older
from densing_pipeline.polling.landed import RECEIVED, REFUSED
from densing_pipeline.publication.wording import counted
from densing_pipeline.settings import Settings

PACKED_AFTER = timedelta(days=7)
"""Age from which receipts are packed: the polls of a week can still be looked at file by file."""

UNUSED_AFTER = timedelta(days=30)
"""Time after its last use from which what a job on a cluster needs is deleted: it may wait that long in a scheduler's queue."""

BROKEN_OFF_AFTER = timedelta(days=1)
"""Age from which a temporary file is one of a process that was killed."""

TEMPORARY = re.compile(r"\..+\.\d+\.tmp")
"""Names of the files that `files.replacing` writes before they take their place."""


def tidy(settings: Settings, now: datetime) -> str:
    """Pack the receipts of before a week and delete what nothing reads any more, unless a run is using the state directory.

    Args:
        settings: state directory, and days for which refused documents stay.
        now: the time, UTC.

    Returns:
        What was done, in words.

    Raises:
        LandingError: a receipt, or a pack of them, is damaged.
    """
    removed = Removed()
    try:
        with state.held(settings.state_dir, "maintenance"):
            for path in unread(settings, now):
                removed.remove(path)
            zone = LandingZone(settings.landing_dir)
            for path in _refused(zone, settings, now):
                removed.remove(path)
            packed = zone.pack(now - PACKED_AFTER)
    except state.StateBusyError as busy:
        return f"files are packed and deleted another day: {busy}"
    return f"packed {counted(packed, 'receipt')}, deleted {removed} that nothing reads any more"


def unread(settings: Settings, now: datetime) -> Iterator[Path]:
    """The files and folders below the state directory that nothing reads any more.

    They are caches of the Hub's answers that other code wrote; copies of the package, and orders, of jobs that ended long
    ago; and what processes left that were killed while they wrote.
    """
    yield from (
        path for path in _children(settings.hub_cache_dir) if path.name != observations.rules()
    )
    for path in [*_children(settings.job_dir), *_children(settings.orders_dir)]:
        if not path.is_symlink() and is_older(path, now - UNUSED_AFTER):
            yield path
    for path in settings.state_dir.rglob(".*.tmp"):
        if TEMPORARY.fullmatch(path.name) and is_older(path, now - BROKEN_OFF_AFTER):
            yield path


def _refused(zone: LandingZone, settings: Settings, now: datetime) -> list[Path]:
    """The bytes of documents that were refused long ago, and of answers that were no documents; their receipts stay."""
    if not settings.keep_refused_days:
        return []
    before = now - timedelta(days=settings.keep_refused_days)
    return zone.unused_bytes((RECEIVED, REFUSED), before)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
