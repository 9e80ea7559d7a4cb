"""A file that tells other machines that a job is at work in an evaluation folder.

On the job's own machine the kernel's lock says so (`folder_format.LOCK`). Whether that lock is seen from other
machines that mount the same disk depends on the file system, and a machine that lost its power releases nothing. So
the job also renews a lease: it counts as alive on other machines as long as the file was touched in the last
`EXPIRY_S` seconds. Both times are those of the disk (of NFS the server's), so the clocks of the machines may differ.
Of a job whose folder travels through a store, `folder_mirror` writes the lease that it found there (`REMOTE`).
Not here: the lock (`folder_writer`), what a reader makes of both (`folder_reader`), leases in a store (`store_lease`).
"""

import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from densing_pipeline import clock
from densing_pipeline.evaluation.folder_format import LEASE, read_json, write_json
from densing_pipeline.text import LONGEST_NAME, clean

RENEWAL_S = 60.0
"""Seconds between two renewals."""

EXPIRY_S = 600.0
"""Seconds after the last renewal after which the job of another machine counts as dead."""

REMOTE = "known from the store"
"""In place of a kernel: the job works in a folder of its own, of which this one is a copy."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Linux's name for this start of this kernel; containers of one machine, which share its locks, read the same."""


def this_kernel() -> str:
    """What tells one running kernel from another: its boot id, or the host's name where there is none."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return socket.gethostname()


@dataclass(frozen=True)
class Lease:
    """Who works in a folder.

    Attributes:
        host: name of the machine, for messages.
        kernel: its running kernel (`this_kernel`).
        order: name under which the orchestrator started the job; None if it was started by hand.
        token: drawn anew for each job.
    """

    host: str
    kernel: str
    order: str | None
    token: str


def read(folder: Path) -> tuple[Lease, datetime] | None:
    """The lease of a folder and when it was last renewed, UTC; None if there is none that can be read."""
    path = folder / LEASE
    told = read_json(path)
    try:
        renewed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return None
    host, kernel, order, token = (told.get(name) for name in ("host", "kernel", "order", "token"))
    if not all(isinstance(each, str) for each in (host, kernel, token)):
        return None
    named = clean(str(host), LONGEST_NAME)
    return Lease(named, str(kernel), None if order is None else str(order), str(token)), renewed


def held_elsewhere(folder: Path) -> Lease | None:
    """The lease of a job that lives on another machine; None if there is none.

    A lease of this machine does not count: the lock of its job was asked before.
    """
    found = read(folder)
    if found is None or found[0].kernel == this_kernel():
        return None
    age = _now_of_disk(folder) - found[1]
    return found[0] if age.total_seconds() < EXPIRY_S else None


def write_remote(folder: Path, host: str, order: str | None, token: str, age_s: float) -> None:
    """Write the lease of a job that works on another machine in a folder of its own.

    Args:
        folder: the copy of the folder here.
        host: name of the machine.
        order: name under which the orchestrator started the job.
        token: of the job's lease.
        age_s: seconds since it was last renewed.
    """
    write_json(folder / LEASE, asdict(Lease(host, REMOTE, order, token)))
    at = _now_of_disk(folder).timestamp() - age_s
    os.utime(folder / LEASE, (at, at))


def is_remote(folder: Path) -> bool:
    """Whether the lease of a folder was written by `write_remote`."""
    return (found := read(folder)) is not None and found[0].kernel == REMOTE


def end(folder: Path, order: str) -> None:
    """Remove the lease of an ordered job of which its scheduler says that it has ended; no other job's."""
    found = read(folder)
    if found and found[0].order == order:
        (folder / LEASE).unlink(missing_ok=True)


class Renewal:
    """Context manager that takes the lease of a folder and renews it from a thread of its own."""

    def __init__(self, folder: Path, order: str | None, on_loss: Callable[[str], None]) -> None:
        """Write the lease in place of any other.

        Args:
            folder: the evaluation folder, whose lock this process holds.
            order: name under which the orchestrator started this process.
            on_loss: called once, from the thread, with the reason, when another job has taken the folder, or may
                have, because the lease could not be renewed in time.

        Raises:
            OSError: it cannot be written.
        """
        self._folder, self._on_loss = folder, on_loss
        self._lease = Lease(socket.gethostname(), this_kernel(), order, secrets.token_hex(8))
        write_json(folder / LEASE, asdict(self._lease))
        _touch(folder / LEASE)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_end, daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the thread and remove the lease if it is still this job's."""
        self._ended.set()
        if self.is_held():
            (self._folder / LEASE).unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether the folder's lease is still this job's."""
        return (found := read(self._folder)) is not None and found[0] == self._lease

    def _renew_until_end(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(RENEWAL_S):
            if (found := read(self._folder)) is not None and found[0] != self._lease:
                self._on_loss(f"a job on {found[0].host} has taken the folder")
                return
            try:
                # Touched rather than written, so that a full disk does not end it.
                _touch(self._folder / LEASE)
                renewed = time.monotonic()
            except OSError as error:
                if time.monotonic() - renewed >= EXPIRY_S:
                    why = f"the lease could not be renewed for {EXPIRY_S:g} s ({error.strerror})"
                    self._on_loss(f"{why}, so another job may have taken the folder")
                    return


def _touch(path: Path) -> None:
    """Have the disk set the file's time to its own."""
    os.utime(path)


def _now_of_disk(folder: Path) -> datetime:
    """The time by the clock that dates the files of a folder: of a new file; this machine's if none can be made."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            return datetime.fromtimestamp(os.fstat(probe.fileno()).st_mtime, UTC)
    except OSError:
        return clock.now()
