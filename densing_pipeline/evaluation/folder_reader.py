"""Evaluation folders as the job leaves them: what is in one, and what is wrong with it.

    <root>/<model id, / as -->/<revision>/<suite version>/      (of a trial: <suite version>-first-<n>)
        request.json          what the orchestrator asked for, before it started the job
        <benchmark>.parquet   the items of a finished benchmark
        provenance.json       what the scores depend on
        outcome.json          written last: state, reason, attempt, hash of each file

Nothing here raises for what a folder holds: a damaged file costs itself and leaves a remark. Not
here: measuring (`job`), and the published tables (`measured_tables`).
"""

import fcntl
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline import files
from densing_pipeline.evaluation.folder_writer import OUTCOME, PROVENANCE, REQUEST, read_parquet
from densing_pipeline.tables.columns import BENCHMARKS, BESIDE_SUITE, EARLIEST, LATEST
from densing_pipeline.tables.published import EVAL_ITEMS

LOCK = ".lock"
"""Held by the job while it works."""

TRIAL = "-first-"
"""Between suite version and number of items in the folder of a trial."""

STATES = ("done", "failed", "blocked")
"""How an evaluation can end, as `outcome.json` says it."""

LARGEST_JSON = 2**20
"""Bytes beyond which a JSON file is not one of ours."""

LONGEST_REASON = 1000
"""Characters of a reason that are kept."""


@dataclass(frozen=True)
class Folder:
    """One evaluation as found on disk.

    Attributes:
        path: the folder.
        model_id: the model, from the path.
        revision: its commit, from the path.
        suite_version: what it was measured with, from the path.
        state: `running` while its job holds the lock; else as the outcome says, `failed` without one.
        reason: why it is in that state.
        attempt: how often it was begun, as far as was written down.
        resumable: whether trying again may help.
        requested_revision: what was asked for: a commit, or `main`; None of a run by hand.
        started_at: when the last attempt began.
        finished_at: when it ended; None if it broke off or is under way.
        provenance: what the job wrote beside the scores.
        files: SHA-256 of each benchmark's file by its name, as the outcome has them.
    """

    path: Path
    model_id: str
    revision: str
    suite_version: str
    state: str
    reason: str
    attempt: int
    resumable: bool
    requested_revision: str | None
    started_at: datetime | None
    finished_at: datetime | None
    provenance: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def item_limit(self) -> int | None:
        """Items per benchmark the run was limited to: as the path says, else the provenance."""
        _, limit = _named(self.path.name)
        return limit or whole_number(self.provenance.get("limit"))


def folders(root: Path) -> Iterator[Folder]:
    """Every evaluation folder below a root, by path."""
    for path in sorted(root.glob("*/*/*")):
        names = path.relative_to(root).parts
        if path.is_dir() and all(name.isprintable() and name[0] != "." for name in names):
            yield folder(path)


def folder_path(root: Path, key: str, revision: str, suite_version: str, limit: int | None) -> Path:
    """Where the evaluation of a model is kept.

    Args:
        root: where the evaluation folders are.
        key: the model id with `/` as `--`.
        revision: a commit.
        suite_version: the version in force.
        limit: items per benchmark of a trial.
    """
    trial = "" if limit is None else f"{TRIAL}{limit}"
    return root / key / revision / f"{suite_version}{trial}"


def folder(path: Path) -> Folder:
    """Read what a folder says of itself; an empty or absent one was not begun."""
    model_id, revision = path.parts[-3].replace("--", "/", 1), path.parts[-2]
    suite_version, _ = _named(path.name)
    request, _ = _read_json(path / REQUEST)
    provenance, provenance_problem = _read_json(path / PROVENANCE)
    outcome, outcome_problem = _read_json(path / OUTCOME)
    named = {"model_id": model_id, "revision": revision, "suite_version": suite_version}
    attempt = max(whole_number(told.get("attempt")) or 0 for told in (request, outcome))
    state, reason = str(outcome.get("state")), _words(outcome.get("reason") or "no reason given")
    resumable = outcome.get("resumable") is not False
    if is_running(path):
        state, reason = "running", f"attempt {attempt or 1} is under way"
    elif outcome_problem == "missing":
        state, reason = "failed", "broke off: neither job nor orchestrator lived to say why"
    elif outcome_problem or state not in STATES:
        state = "failed"
        reason = f"{OUTCOME} is not to be trusted: {outcome_problem or 'no known state in it'}"
    elif state == "done" and provenance_problem:
        state, reason = "failed", f"{PROVENANCE}: {provenance_problem}"
    elif other := [name for name, value in named.items() if provenance.get(name, value) != value]:
        state, reason = "failed", f"{PROVENANCE} is of another {', '.join(other)} than the folder"
    finished = instant(outcome.get("finished_at")) or _modified(path / OUTCOME)
    return Folder(
        path, model_id, revision, suite_version, state, _words(reason), attempt, resumable,
        text(request.get("requested_revision")),
        next(filter(None, (instant(told.get("started_at")) for told in (outcome, request, provenance))), None),
        None if state == "running" else finished,
        provenance,
        hashes if isinstance(hashes := outcome.get("files"), dict) else {},
    )  # fmt: skip


def is_running(path: Path) -> bool:
    """Whether a job holds the folder's lock. The kernel drops a lock with its process."""
    try:
        with (path / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def items(found: Folder) -> tuple[pl.DataFrame, list[str]]:
    """The items of a finished evaluation.

    Returns:
        An `eval_items` frame of every benchmark whose file is as it must be, and a remark on every
        other file.
    """
    frames, remarks = [EVAL_ITEMS.empty()], []
    for path in sorted(found.path.glob("*.parquet")):
        try:
            frames.append(_items(found, path))
        except ValueError as error:
            remarks.append(f"{path.name}: {error}")
    return EVAL_ITEMS.cast(pl.concat(frames)), remarks


def write_json(path: Path, told: Mapping[str, Any]) -> None:
    """Write a file that is complete or not there at all."""
    files.write(path, json.dumps(told, indent=1).encode())


def whole_number(value: object) -> int | None:
    """The value if it is a whole number above zero that a table can hold."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value < 2**63 else None


def text(value: object) -> str | None:
    """The value as text, None if there is none."""
    return None if value is None else _words(value)


def instant(value: object) -> datetime | None:
    """The instant, UTC, that an ISO 8601 text names, if it can be when a model was evaluated."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        found = found and (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return _possible(found)


def _words(value: object) -> str:
    """The value as text that a table can hold: JSON may name half a character."""
    return str(value)[:LONGEST_REASON].encode("utf-8", "replace").decode()


def _named(name: str) -> tuple[str, int | None]:
    """Suite version and limit that a folder's name tells of."""
    found = re.fullmatch(rf"(.+){TRIAL}([1-9][0-9]{{0,8}})", name)
    return (found[1], int(found[2])) if found else (name, None)


def _modified(path: Path) -> datetime | None:
    """When a file was written; None if there is none, or by a clock that was not set."""
    try:
        return _possible(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except (OSError, ValueError, OverflowError):
        return None


def _possible(found: datetime | None) -> datetime | None:
    """The instant, if a model can have been evaluated then."""
    return found if found and EARLIEST <= found.date() < LATEST else None


def _items(found: Folder, path: Path) -> pl.DataFrame:
    """The items of one benchmark.

    Raises:
        ValueError: the file is damaged or holds something else; the message says what.
    """
    if path.stem not in (*BENCHMARKS, *BESIDE_SUITE):
        raise ValueError("no benchmark of this name")
    if not path.is_file():
        raise ValueError("not a file")
    # Before the reader sees it: a flipped bit may go unnoticed there, or end the whole process.
    if found.files and files.file_sha256(path) != found.files.get(path.name):
        raise ValueError("damaged (not the bytes that were written)")
    frame = read_parquet(path)
    if lacking := {"benchmark", "item_id", "score"} - set(frame.columns):
        raise ValueError(f"without column {', '.join(sorted(lacking))}")
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


def _read_json(path: Path) -> tuple[dict[str, Any], str]:
    """A JSON object, and what is wrong if there is none: `missing`, or how it is damaged."""
    try:
        if path.stat().st_size > LARGEST_JSON or not path.is_file():
            return {}, "no JSON file of ours"
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, "missing"
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"damaged ({error})"
    return (found, "") if isinstance(found, dict) else ({}, "no JSON object")
