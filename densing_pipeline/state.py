"""The state directory: one process at a time writes it.

Every run that writes tables, landed responses or a release holds the lock for its whole length. The
kernel releases the lock when the process ends, however it ends. Not here: the lock of an evaluation
folder (`evaluation.folders`), and what the files hold.
"""

import errno
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from densing_pipeline import clock, files, state_format
from densing_pipeline.os_errors import sentence

LOCK = "state.lock"
"""Name of the lock file in the state directory."""

HOLDER = "state.lock.json"
"""Name of the file that says who holds the lock."""

REPLAYED = "clock-is-set"
"""Name of the file that marks the state directory of tests and replays, whose clock `DENSING_NOW` sets."""

RESTORING = ".restoring-"
"""How the name of the folder begins in which a backup is unpacked into a state directory that was there, and empty."""

FOLDERS = ("landing", "tables", "history", "schedules", "book", "scores", "hub", "evaluations")
"""Folders of a state directory that a run makes where they are missing."""

POLL_SECONDS = 0.25
"""Between two attempts to take a lock that is held."""

UNNAMED_SECONDS = 2.0
"""How long a process that was refused waits for the holder to write its name."""

LOG = logging.getLogger(__name__)


class StateError(RuntimeError):
    """The state directory cannot be used; the message says why and what to do."""


class StateBusyError(StateError):
    """Another process holds the lock; the message names it. No file was changed."""


class StorageError(StateError):
    """Dagster's database cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        started_by: what started it, such as `densing run`.
        pid: its process id.
        host: the machine it runs on.
        since: when it took the lock, UTC, ISO 8601 to the second.
    """

    started_by: str
    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        """The holder in words."""
        return f"{self.started_by} (process {self.pid} on {self.host}, since {self.since})"


@contextmanager
def held(
    state_dir: Path,
    started_by: str,
    *,
    wait_seconds: float = 0,
    on_wait: Callable[[str], None] = lambda holder: None,
    as_it_is: bool = False,
) -> Iterator[None]:
    """Hold the state directory. A thread that holds it may hold it again.

    What an earlier version left in it is brought to the format of this one first.

    Args:
        state_dir: the directory; it is created if there is none.
        started_by: what others are told about this process.
        wait_seconds: longest wait while another process holds it.
        on_wait: called once, with the holder, before waiting.
        as_it_is: whether what an earlier version left stays as it is, for a backup.

    Raises:
        StateBusyError: another process holds it, at the end of the wait.
        StateError: the directory cannot be written, a file is where one of its folders must be, a backup is in it by
            half, a later version wrote it, or its results are of another clock than this process has.
    """
    state_dir = state_dir.absolute()
    if misplaced := misplaced_files(state_dir):
        raise StateError(" ".join(misplaced))
    try:
        files.make_private(state_dir)
        lock = FileLock(state_dir / LOCK, is_singleton=True)
        _acquire(lock, state_dir, wait_seconds, on_wait)
    except OSError as error:
        raise StateError(sentence(error)) from error
    is_outermost = lock.lock_counter == 1
    try:
        if is_outermost:
            _check_clock(state_dir)
            _check_format(state_dir, as_it_is=as_it_is)
            _sign(state_dir, started_by)
        yield
    finally:
        if is_outermost:
            (state_dir / HOLDER).unlink(missing_ok=True)
        lock.release()


def obstacles(state_dir: Path) -> list[str]:
    """What would keep a run from beginning, a sentence with the remedy for each. Nothing is written."""
    state_dir = state_dir.absolute()
    try:
        found = misplaced_files(state_dir)
        if who := holder(state_dir):
            found.append(f"{state_dir} is in use by {who}")
        state_format.check(state_dir)
        if refused := _refused_clock(state_dir):
            found.append(refused)
    except OSError as error:
        return [sentence(error)]
    except (StateError, state_format.FormatError) as error:
        found.append(str(error))
    return found


def misplaced_files(state_dir: Path) -> list[str]:
    """Files that are where a folder of the state directory must be, and half a backup in it; a sentence with the remedy for each."""
    paths = [state_dir / name for name in FOLDERS]
    misplaced = [
        sentence(FileExistsError(errno.EEXIST, "", str(path)))
        for path in paths
        if path.exists() and not path.is_dir()
    ]
    half = (
        f"{path}: `densing restore` is at work or was broken off: wait for it, or empty {state_dir} and restore again."
        for path in state_dir.glob(f"{RESTORING}*")
    )
    return [*misplaced, *half]


def holder(state_dir: Path) -> str | None:
    """Who holds the state directory, in words; None if nobody does. Nothing is written.

    Raises:
        StateError: it cannot be read.
    """
    path = state_dir.absolute() / LOCK
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _holder(state_dir.absolute())
    except OSError as error:
        raise StateError(sentence(error)) from error
    return None


def _acquire(
    lock: FileLock, state_dir: Path, wait_seconds: float, on_wait: Callable[[str], None]
) -> None:
    """Take the lock, at once or after a wait.

    Raises:
        StateBusyError: it is held, at the end of the wait.
    """
    try:
        lock.acquire(timeout=0)
        return
    except Timeout:
        if wait_seconds > 0:
            on_wait(_holder(state_dir))
    try:
        lock.acquire(timeout=wait_seconds, poll_interval=POLL_SECONDS)
    except Timeout as error:
        waited = f" after a wait of {wait_seconds / 60:g} min" if wait_seconds else ""
        raise StateBusyError(
            f"{state_dir} is in use by {_holder(state_dir)}{waited}; start again when that has ended, "
            "or set DENSING_STATE_DIR and DENSING_PUBLISH_URL to run beside it"
        ) from error


def _check_clock(state_dir: Path) -> None:
    """Keep what a clock that is set lands and computes apart from what really happened.

    Raises:
        StateError: the directory has results of the other kind.
    """
    if refused := _refused_clock(state_dir):
        raise StateError(refused)
    mark = state_dir / REPLAYED
    if mark.exists() == clock.is_set():
        return
    if clock.is_set():
        files.write(mark, b"")
    else:
        mark.unlink()


def _refused_clock(state_dir: Path) -> str | None:
    """Why the clock of this process is not that of the results; None if it is, or if there are no results."""
    has_results = any((state_dir / name).exists() for name in state_format.RESULTS)
    if not has_results or (state_dir / REPLAYED).exists() == clock.is_set():
        return None
    if clock.is_set():
        return (
            f"DENSING_NOW sets the clock, and {state_dir} has results of real nights: unset it, or set "
            "DENSING_STATE_DIR and DENSING_PUBLISH_URL to directories of their own"
        )
    return (
        f"the results in {state_dir} were made with a clock that DENSING_NOW had set: set it again, or set "
        "DENSING_STATE_DIR and DENSING_PUBLISH_URL to directories of their own"
    )


def _check_format(state_dir: Path, *, as_it_is: bool) -> None:
    """Refuse what a later version wrote, and bring what an earlier one wrote up to date.

    Raises:
        StateError: a later version wrote it, or a file cannot be read or written.
    """
    try:
        before = (
            state_format.check(state_dir) if as_it_is else state_format.bring_up_to_date(state_dir)
        )
    except state_format.FormatError as error:
        raise StateError(str(error)) from error
    except OSError as error:
        raise StateError(sentence(error)) from error
    if before < state_format.NEWEST_FORMAT and not as_it_is:
        LOG.warning(
            "%s had format %d of an earlier version and has format %d now; earlier versions no longer read all of it",
            state_dir, before, state_format.NEWEST_FORMAT,
        )  # fmt: skip


def _sign(state_dir: Path, started_by: str) -> None:
    now = clock.now().isoformat(timespec="seconds")
    holder = Holder(started_by, os.getpid(), socket.gethostname(), now)
    files.write(state_dir / HOLDER, json.dumps(asdict(holder)).encode())


def _holder(state_dir: Path) -> str:
    """Who holds the lock, in words; a file left by a process that was killed does not count."""
    deadline = time.monotonic() + UNNAMED_SECONDS
    while time.monotonic() < deadline:
        try:
            found = Holder(**json.loads((state_dir / HOLDER).read_bytes()))
        except (OSError, ValueError, TypeError):
            found = None
        if found and (found.host != socket.gethostname() or _is_alive(found.pid)):
            return str(found)
        time.sleep(POLL_SECONDS / 5)
    return "another process"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
