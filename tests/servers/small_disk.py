"""What Dagster's database, the state and a place say on a disk that is full or read-only, as JSON on standard output.

    unshare -rm python -m tests.servers.small_disk

Mounts small file systems, so it must run in a mount namespace of its own.
"""

import json
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from densing_pipeline import state
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.sqlite_storage import LockedSqliteStorage
from densing_pipeline.os_errors import with_remedy
from densing_pipeline.publication import release
from densing_pipeline.state import StorageError


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)  # noqa: S603, S607


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)  # noqa: S603, S607


def opened(folder: Path) -> str:
    """What opening the database says."""
    try:
        LockedSqliteStorage.from_config_value(None, {"base_dir": str(folder)})
    except StorageError as error:
        return str(error)
    return "opened"


def written(folder: Path) -> str:
    """What writing much into the database says."""
    storage = LockedSqliteStorage.from_config_value(None, {"base_dir": str(folder)})
    try:
        for number in range(1000):
            storage.run_storage.set_cursor_values({f"key {number}": "x" * 10_000})
    except StorageError as error:
        return str(error)
    return "written"


def held(folder: Path) -> str:
    """What beginning a run says."""
    try:
        with state.held(folder, "a run"):
            return "held"
    except state.StateError as error:
        return str(error)


def landed(folder: Path) -> str:
    """What landing a response says."""
    try:
        LandingZone(folder).store(
            "a-list", "", os.urandom(1 << 20), datetime(2026, 1, 1, tzinfo=UTC)
        )
    except OSError as error:
        return with_remedy(str(error))
    return f"landed, {len(list(folder.rglob('*.json')))} receipts"


def published(folder: Path) -> str:
    """What beginning to publish says."""
    try:
        with release.locked(folder):
            return "locked"
    except OSError as error:
        return with_remedy(str(error))


def main() -> None:
    told, folder = {}, Path(tempfile.mkdtemp())
    mount(folder, "size=64k")
    told["full, new"] = opened(folder / "state")
    mount(folder, "size=64k,ro")
    told["read-only, new"] = opened(folder / "state")
    mount(folder, "size=3m")
    told["full, in use"] = written(folder / "state")
    mount(folder, "size=3m")
    opened(folder / "state")
    remount(folder, "ro")
    told["read-only, old"] = opened(folder / "state")
    remount(folder, "rw")
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    remount(folder, f"size={used // 1024 + 16}k")
    told["full, old"] = opened(folder / "state")
    remount(folder, "size=3m")
    told["writable again"] = opened(folder / "state")
    mount(folder, "size=256k")
    told["full, landing"] = landed(folder / "landing")
    remount(folder, "size=8m")
    told["landing again"] = landed(folder / "landing")
    mount(folder, "size=1m,ro")
    told["read-only, state"] = held(folder / "state")
    told["read-only, releases"] = published(folder / "published")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
