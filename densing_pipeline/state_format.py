"""The format of a state directory: what an earlier version left is brought up to date, what a later one wrote is refused.

    format.json    number of the format, and the version of the package that wrote it

A change that earlier versions would misread raises `NEWEST_FORMAT` and adds its step to `STEPS`; whatever a version ignores
or makes anew changes nothing. The formats so far:

    1    no `format.json`; addresses in receipts may hold secrets
    2    addresses in receipts are without secrets; receipts may be packed, which earlier versions
         would take for missing

Not here: Dagster's database, which has versions of its own (`orchestration.storage`), and caches, whose names hold a
digest of the code that wrote them.
"""

import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from densing_pipeline import files
from densing_pipeline.landing import LandingZone

NEWEST_FORMAT = 2
"""Of the state directories that this version writes."""

FORMAT_FILE = "format.json"

RESULTS = ("landing", "tables")
"""Folders without which a state directory holds no results."""


class FormatError(RuntimeError):
    """The format of a state directory is not known here; the message says what to do. No file was changed."""


def check(state_dir: Path) -> int:
    """The format of a state directory, at most the one of this version; nothing is written.

    Raises:
        FormatError: a later version wrote it, or its file of the format is damaged.
        OSError: that file cannot be read.
    """
    path = state_dir / FORMAT_FILE
    try:
        told = json.loads(path.read_bytes())
        found, made_by = told["format"], told["made_by"]
    except FileNotFoundError:
        is_used = any((state_dir / name).exists() for name in RESULTS)
        return 1 if is_used else NEWEST_FORMAT
    except (ValueError, TypeError, KeyError):
        found, made_by = None, None
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise FormatError(
            f"{path}: is damaged; restore it from a backup (`densing restore` onto an empty directory, then copy the "
            "file)"
        )
    if found > NEWEST_FORMAT:
        raise FormatError(
            f"{state_dir} has format {found}, written by densing-pipeline {made_by}, and this version "
            f"({version('densing-pipeline')}) knows formats up to {NEWEST_FORMAT}: install the later version again, or move the "
            "directory away and `densing restore` a backup that was made before the update"
        )
    return found


def bring_up_to_date(state_dir: Path) -> int:
    """Take the steps from the format of a state directory to this version's; its lock must be held.

    The new format is written last, and every step may be taken twice: after a crash the next process begins again.

    Returns:
        The format that the directory had.

    Raises:
        FormatError: as of `check`.
        OSError: a file cannot be read or written.
    """
    found = check(state_dir)
    if found == NEWEST_FORMAT and (state_dir / FORMAT_FILE).exists():
        return found
    for number in range(found, NEWEST_FORMAT):
        STEPS[number](state_dir)
    told = {"format": NEWEST_FORMAT, "made_by": version("densing-pipeline")}
    files.write(state_dir / FORMAT_FILE, (json.dumps(told) + "\n").encode())
    return found


def _hide_secrets(state_dir: Path) -> None:
    LandingZone(state_dir / "landing").hide_secrets()


STEPS: Mapping[int, Callable[[Path], None]] = {1: _hide_secrets}
"""What brings a state directory to the next format, by the format it has."""
