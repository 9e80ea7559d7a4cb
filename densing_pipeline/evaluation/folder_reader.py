"""Reads evaluation folders: the state and provenance of each, and its items.

No function raises because of what a folder holds: a damaged file costs its own benchmark and is
reported in a remark. Not here: the files of a folder (`folder_format`), measuring (`job`), and the
published tables (`measured_tables`).
"""

import fcntl
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline import files
from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation import lease
from densing_pipeline.evaluation.folder_format import (
    EXCUSED,
    FAULTS,
    LOCK,
    OUTCOME,
    PROVENANCE,
    REQUEST,
    STATES,
    TRIAL,
    json_or_problem,
    read_parquet,
)
from densing_pipeline.evaluation.scoring import begins_with_role
from densing_pipeline.tables.columns import EARLIEST, LATEST
from densing_pipeline.tables.published import EVAL_ITEMS

REASON_CHARACTERS = 1000
"""Characters kept of a reason."""


@dataclass(frozen=True)
class Folder:
    """One evaluation as its folder describes it.

    Attributes:
        path: the folder.
        model_id: the model, from the path.
        revision: its commit, from the path.
        suite_version: version of the benchmarks measured, from the path.
        state: `running` while its job lives (`is_running`); else as the outcome says, `failed` without one.
        reason: why it is in that state.
        attempt: number of attempts started, as recorded in the folder; 0 without a record.
        excused: number of them that ended by a fault of the installation, and do not count.
        fault: whose fault it is that the last attempt failed (`folder_format.FAULTS`); None if the model's.
        resumable: whether another attempt may succeed.
        requested_revision: revision in the request, a commit or `main`; None if started by hand.
        started_at: when the last attempt started, UTC.
        finished_at: when it ended, UTC; None if it is running or was killed.
        provenance: content of `provenance.json`.
        files: SHA-256 of each file by name, from the outcome.
    """

    path: Path
    model_id: str
    revision: str
    suite_version: str
    state: str
    reason: str
    attempt: int
    excused: int
    fault: str | None
    resumable: bool
    requested_revision: str | None
    started_at: datetime | None
    finished_at: datetime | None
    provenance: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def item_limit(self) -> int | None:
        """Items per benchmark of a trial, from the path or else the provenance; None of a whole run."""
        _, limit = _split_name(self.path.name)
        return limit or whole_number(self.provenance.get("limit"))


def read_folders(root: Path) -> Iterator[Folder]:
    """Every evaluation folder below a root, sorted by path."""
    for path in sorted(root.glob("*/*/*")):
        names = path.relative_to(root).parts
        if path.is_dir() and all(name.isprintable() and name[0] != "." for name in names):
            yield read_folder(path)


def read_folder(path: Path) -> Folder:
    """State of one evaluation folder. Of an empty or absent folder it is `failed`, with attempt 0."""
    model_id, revision = path.parts[-3].replace("--", "/", 1), path.parts[-2]
    suite_version, _ = _split_name(path.name)
    request, _ = json_or_problem(path / REQUEST)
    provenance, provenance_problem = json_or_problem(path / PROVENANCE)
    outcome, outcome_problem = json_or_problem(path / OUTCOME)
    named = {"model_id": model_id, "revision": revision, "suite_version": suite_version}
    attempt = max(whole_number(told.get("attempt")) or 0 for told in (request, outcome))
    state, reason = (
        str(outcome.get("state")),
        _clean_text(outcome.get("reason") or "no reason given"),
    )
    resumable = outcome.get("resumable") is not False
    fault = told if (told := outcome.get("fault")) in FAULTS else None
    excused = (whole_number(request.get("excused")) or 0) + (fault in EXCUSED)
    if is_running(path):
        state, reason = "running", f"attempt {attempt or 1} is under way"
    elif outcome_problem == "missing":
        state, reason = "failed", _broken_off(path)
    elif outcome_problem or state not in STATES:
        state = "failed"
        reason = f"{OUTCOME} is not to be trusted: {outcome_problem or 'no known state in it'}"
    elif state == "done" and provenance_problem:
        state, reason = "failed", f"{PROVENANCE}: {provenance_problem}"
    elif other := [name for name, value in named.items() if provenance.get(name, value) != value]:
        state, reason = "failed", f"{PROVENANCE} is of another {', '.join(other)} than the folder"
    finished = instant(outcome.get("finished_at")) or _modified(path / OUTCOME)
    return Folder(
        path, model_id, revision, suite_version, state, _clean_text(reason), attempt,
        min(excused, attempt), fault, resumable,
        text(request.get("requested_revision")),
        next(filter(None, (instant(told.get("started_at")) for told in (outcome, request, provenance))), None),
        None if state == "running" else finished,
        provenance,
        hashes if isinstance(hashes := outcome.get("files"), dict) else {},
    )  # fmt: skip


def is_running(path: Path) -> bool:
    """Whether a job is at work in the folder.

    On this machine one that holds the lock, which the kernel releases when the process ends; on another one, one that
    has renewed its lease of late.
    """
    try:
        with files.open_regular(path / LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        # No job has been at work in the folder itself; one may be in another, of which this is a copy.
        return lease.is_remote(path) and lease.held_elsewhere(path) is not None
    except OSError:
        return False
    return lease.held_elsewhere(path) is not None


def read_items(found: Folder) -> tuple[pl.DataFrame, list[str]]:
    """Items of a finished evaluation.

    Returns:
        An `eval_items` frame of all benchmarks whose files are valid, and for every other file a
        remark that names the file and the problem.
    """
    frames, remarks = [EVAL_ITEMS.empty()], []
    for path in sorted(found.path.glob("*.parquet")):
        try:
            frames.append(_items(found, path))
        except ValueError as error:
            remarks.append(f"{path.name}: {error}")
    return EVAL_ITEMS.cast(pl.concat(frames)), remarks


def whole_number(value: object) -> int | None:
    """The value if it is an integer from 1 to 2**63 - 1, else None."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value < 2**63 else None


def text(value: object) -> str | None:
    """The value as text, None of None."""
    return None if value is None else _clean_text(value)


def instant(value: object) -> datetime | None:
    """UTC instant of an ISO 8601 text; None if it is none or lies outside 2018 to 2100."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        found = found and (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return _plausible(found)


def _broken_off(path: Path) -> str:
    """Why a folder has no outcome although no job is at work in it."""
    found = lease.read(path)
    if found is None or found[0].kernel == lease.this_kernel():
        return "broke off: neither job nor orchestrator lived to say why"
    return f"broke off: its machine, {found[0].host}, has not been heard of since {found[1]:%Y-%m-%d %H:%M} UTC"


def _clean_text(value: object) -> str:
    """The value as text with lone UTF-16 surrogates replaced: JSON allows them, parquet does not."""
    return str(value)[:REASON_CHARACTERS].encode("utf-8", "replace").decode()


def _split_name(name: str) -> tuple[str, int | None]:
    """Suite version and item limit in a folder's name."""
    found = re.fullmatch(rf"(.+){TRIAL}([1-9][0-9]{{0,8}})", name)
    return (found[1], int(found[2])) if found else (name, None)


def _modified(path: Path) -> datetime | None:
    """Modification time of a file, UTC; None if the file is absent or the time implausible."""
    try:
        return _plausible(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except (OSError, ValueError, OverflowError):
        return None


def _plausible(found: datetime | None) -> datetime | None:
    """The instant if it lies between 2018 and 2100, else None."""
    return found if found and EARLIEST <= found.date() < LATEST else None


def _items(found: Folder, path: Path) -> pl.DataFrame:
    """Items of one benchmark's file.

    Raises:
        ValueError: the file is damaged or its rows are invalid; the message says how.
    """
    if path.stem not in REGISTRY:
        raise ValueError("no benchmark of this name")
    if not path.is_file():
        raise ValueError("not a file")
    # Checked before parsing: the parquet reader may miss a flipped bit, or crash the process on it.
    if found.files and files.file_sha256(path) != found.files.get(path.name):
        raise ValueError("damaged (not the bytes that were written)")
    frame = read_parquet(path)
    if lacking := {"benchmark", "item_id", "score"} - set(frame.columns):
        raise ValueError(f"without column {', '.join(sorted(lacking))}")
    if "response" in frame.columns and frame.schema["response"] == pl.String:
        begins = pl.col("response").map_elements(begins_with_role, return_dtype=pl.Boolean)
        frame = frame.with_columns(begins_with_role=begins)
    frame = frame.rename({"truncated": "is_truncated"}, strict=False).with_columns(
        model_id=pl.lit(found.model_id),
        revision=pl.lit(found.revision),
        suite_version=pl.lit(found.suite_version),
    )
    frame = EVAL_ITEMS.cast(frame.select(c for c in frame.columns if c in EVAL_ITEMS.names))
    if problems := EVAL_ITEMS.violations(frame):
        row, column, what = problems[0]
        raise ValueError(f"row {row}, {column}: {what}")
    if frame.is_empty() or (frame["benchmark"] != path.stem).any():
        raise ValueError("no items of this benchmark")
    return frame
