"""What Dagster's database says on a disk that is full or read-only, as JSON on standard output.

    unshare -rm python -m tests.servers.small_disk

Mounts small file systems, so it must run in a mount namespace of its own.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from densing_pipeline.orchestration.sqlite_storage import LockedSqliteStorage, explained
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
        with explained(folder):
            for number in range(1000):
                storage.run_storage.set_cursor_values({f"key {number}": "x" * 10_000})
    except StorageError as error:
        return str(error)
    return "written"


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
    told["writable again"] = opened(folder / "state")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
