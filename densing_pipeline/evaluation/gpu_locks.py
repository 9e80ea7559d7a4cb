"""Keeps GPUs for one evaluation job: no two jobs of this computer take the same one.

A GPU is a file with a lock, which the kernel releases when the job ends, however it ends. The free memory is read
after the lock is held, so that it is that which the job will have. Jobs choose one after the other: one that needs
more GPUs than are free keeps those that are and waits for others to end, and no later job takes them before it. Not
here: how many GPUs a model needs (`sizing`), and processes that are no evaluation, of which only the memory is seen.
"""

import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from densing_pipeline.evaluation import sizing
from densing_pipeline.evaluation.failures import OccupiedError
from densing_pipeline.evaluation.sizing import Machine, Sizing
from densing_pipeline.evaluation.weights import Weights

FOLDER = Path("/dev/shm/densing-gpus")  # noqa: S108
"""One file for each GPU, for all users and state directories of the computer. Nothing is written in them. Not in `/tmp`:
a service has one of its own (`PrivateTmp` in deploy/systemd), so it and a job started by hand would not see each other's
locks."""

CHOOSING = "choosing"
"""File that a job holds while it chooses."""

FREED_S = 600.0
"""Seconds in which memory that no evaluation holds has to become free; that of a job that was killed does in some."""

LOOK_S = 5.0
"""Seconds between two looks at GPUs that are not free."""


class GpuLocks:
    """Context manager that holds locks of GPUs, each by the name of its file, until its end."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Hold none. The folder is made when the first lock is taken."""
        self._folder = folder
        self._held: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Self:
        """The locks themselves."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release all."""
        self.keep(())

    def __contains__(self, name: str) -> bool:
        """Whether this process holds a lock."""
        return name in self._held

    def take(self, name: str, *, wait: bool = False) -> bool:
        """Take a lock unless another process holds it; with `wait`, once no other does.

        Returns:
            Whether it is held.
        """
        if name in self._held:
            return True
        with suppress(FileExistsError):
            self._folder.mkdir(parents=True)
            # Other users lock the same files. Only a folder made here is opened to them: one that is there may
            # be another's, or a link to something else.
            self._folder.chmod(0o777)
        path = self._folder / name.replace("/", "_")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o444)
        except PermissionError:
            # Linux forbids to create what is there and another user's (fs.protected_regular).
            descriptor = os.open(path, os.O_RDONLY)
        file = os.fdopen(descriptor, "rb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        # A forked child would hold the lock as well, and may outlive a job that was killed.
        os.register_at_fork(after_in_child=file.close)
        self._held[name] = file
        return True

    def keep(self, names: Collection[str]) -> None:
        """Release all locks but some."""
        for name in [each for each in self._held if each not in names]:
            self._held.pop(name).close()


@contextmanager
def placed(
    weights: Weights,
    most_gpus: int,
    say: Callable[[str], None],
    *,
    machine: Callable[[], Machine] = sizing.this_machine,
    folder: Path = FOLDER,
    freed_s: float = FREED_S,
) -> Iterator[tuple[Sizing, ...]]:
    """Context manager: where the model is put, on GPUs that are this job's until the end.

    Args:
        weights: the model's checked files.
        most_gpus: GPUs that copies of the model may use together; it has always those that one copy needs.
        say: told once that the job waits, and why.
        machine: lists GPUs and memory.
        folder: of the locks.
        freed_s: longest wait for memory that no evaluation holds.

    Yields:
        A sizing for each copy.

    Raises:
        BlockedError: the model does not fit on this machine.
        OccupiedError: it does not fit beside what other processes use.
    """
    with GpuLocks(folder) as locks:
        listed = machine()
        if listed.gpus:
            # Of the jobs that choose, the first one waits for GPUs; the others wait for it.
            locks.take(CHOOSING, wait=True)
        started, has_said = time.monotonic(), False
        while True:
            held = [gpu.key for gpu in listed.gpus if locks.take(gpu.key)]
            # Memory as it is now that the locks are held; what others hold is not free.
            now = machine() if listed.gpus else listed
            gpus = [gpu if gpu.key in held else replace(gpu, free=0) for gpu in now.gpus]
            try:
                chosen = sizing.place(weights, replace(now, gpus=tuple(gpus)), most_gpus)
            except OccupiedError as error:
                if len(held) == len(gpus) and time.monotonic() - started >= freed_s:
                    raise
                if not has_said:
                    say(f"waiting for GPUs: {error}")
                has_said = True
                time.sleep(LOOK_S)
                continue
            are_enough = sizing.are_enough(chosen, min(most_gpus, len(gpus)))
            if not are_enough and len(held) < len(gpus):
                if not has_said:
                    say(
                        f"waiting for GPUs: {len(chosen)} copies of the model fit on those that are free"
                    )
                has_said = True
                time.sleep(LOOK_S)
                continue
            taken = {index for each in chosen for index in each.gpus}
            locks.keep({gpu.key for gpu in gpus if gpu.index in taken})
            break
        yield chosen
