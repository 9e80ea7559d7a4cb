"""Runs the evaluation job through Slurm: `sbatch`, then `scontrol` until the job has ended.

The nodes see the state directory on a shared disk, perhaps at another path (`DENSING_CLUSTER_STATE_DIR`). Messages of
Dagster Pipes come through a file there. Jobs are not queued again by Slurm itself: a job of a node that died ends,
and the evaluation queue asks for its model again. If this process dies the job goes on, and writes its outcome.
"""

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import PipesEnvContextInjector, PipesFileMessageReader, open_pipes_session
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.pipes.client import PipesClientCompletedInvocation

from densing_pipeline import files
from densing_pipeline.orchestration.launchers.launcher import (
    VISIBLE_AFTER_S,
    Context,
    JobEndedError,
    Order,
    UnknownEndError,
    in_short,
)
from densing_pipeline.settings import Settings
from densing_pipeline.units import MIB

INHERITED = ("PATH", "HOME", "LANG", "HF_TOKEN", "VLLM_BATCH_INVARIANT")
"""Variables of this process that the job gets. Only names are written on command lines, never values."""

GOING_ON = frozenset({
    "PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "STOPPED", "COMPLETING", "STAGE_OUT", "SIGNALING", "RESIZING",
    "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD",
})  # fmt: skip
"""States of a job that has not ended (`squeue(1)`, "JOB STATE CODES")."""

OF_THE_CLUSTER = frozenset({"NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED"})
"""States of a job that ended by no fault of its model's."""

STATUS = {"TIMEOUT": 124, "DEADLINE": 124, "OUT_OF_MEMORY": 137}
"""Exit status that `timeout` or the kernel would have given, by the state of a job that Slurm ended."""

LOOK_AGAIN_S = 15.0
"""Seconds between two questions to Slurm."""

SLURM_ANSWER_S = 60.0
"""Longest time of one of Slurm's commands."""

SLURM_PATIENCE_S = 3600.0
"""How long Slurm may not answer for a job that was submitted, before its run is given up: jobs outlive its controller."""

JOB = re.compile(r"([0-9]+)(?:;(\S+))?")
"""What `sbatch --parsable` prints: the id of the job and, of several clusters, the name of its own."""

MOST_LOG_BYTES = 16 * MIB
"""Bytes from the end of what a job printed that are read, at most."""

SPARE_MINUTES = 5
"""By how much Slurm's limit of time is later than the job's own, which lets it write its outcome."""


class SlurmLauncher:
    """Runs orders on the nodes of a Slurm cluster."""

    def __init__(
        self,
        settings: Settings,
        look_again_s: float = LOOK_AGAIN_S,
        visible_after_s: float = VISIBLE_AFTER_S,
    ) -> None:
        """Take the folder of the orders, the options of `sbatch` and the pace of questions."""
        self.visible_after_s = visible_after_s
        self._orders, self._on_nodes = settings.orders_dir, settings.on_nodes
        self._options, self._look_again_s = shlex.split(settings.slurm_options), look_again_s

    def run(self, context: Context, order: Order) -> Mapping[str, Any]:
        """Run an order, as `Launcher.run`."""
        with self._folder(order) as folder:
            messages = _SharedFile(folder / "messages", self._on_nodes)
            with open_pipes_session(
                context=context, context_injector=PipesEnvContextInjector(), message_reader=messages
            ) as session:
                job = self._submit(order, folder, session.get_bootstrap_env_vars())
                context.log.info(f"Slurm job {job.id}")
                self._wait(job, folder)
        ended = PipesClientCompletedInvocation(session, metadata={"Slurm job": job.id})
        return ended.get_materialize_result().metadata or {}

    def output(self, context: Context, order: Order) -> tuple[int | None, list[str]]:
        """Run an order, as `Launcher.output`."""
        with self._folder(order) as folder:
            job = self._submit(order, folder, {})
            status: int | None = 0
            try:
                self._wait(job, folder)
            except JobEndedError as error:
                if error.status is None:
                    raise
                status = error.status
            return status, _log(folder)

    @contextmanager
    def _folder(self, order: Order) -> Iterator[Path]:
        """A folder on the shared disk for what the job prints and reports; removed with the end of the job."""
        folder = self._orders.absolute() / order.name
        folder.mkdir(parents=True, exist_ok=True)
        is_over = True
        try:
            yield folder
        except UnknownEndError:
            # The job may go on and write there; maintenance removes the folder.
            is_over = False
            raise
        finally:
            if is_over:
                shutil.rmtree(folder, ignore_errors=True)

    def _submit(self, order: Order, folder: Path, pipes: Mapping[str, str]) -> "_Job":
        """Submit an order and return its job.

        Raises:
            JobEndedError: Slurm does not take it.
            UnknownEndError: Slurm does not answer.
        """
        script = folder / "job.sh"
        script.write_text(f"#!/bin/sh\nexec {shlex.join(order.bounded())}\n", encoding="utf-8")
        environment = {**order.environment, **pipes}
        names = sorted({*INHERITED, *environment} & {*os.environ, *environment})
        arguments = [
            "sbatch", "--parsable", "--no-requeue", "--nodes=1", f"--job-name={order.name}",
            # A single percent sign would begin one of Slurm's own names.
            f"--output={str(self._on_nodes(folder / 'log')).replace('%', '%%')}", "--chdir=/", f"--export={','.join(names)}",
            f"--time={round(order.hours * 60) + SPARE_MINUTES}",
            *([f"--gpus-per-node={order.gpus}"] if order.gpus else []),
            *self._options, str(script),
        ]  # fmt: skip
        try:
            done = _asked(arguments, environment)
        except subprocess.TimeoutExpired as error:
            raise UnknownEndError(f"sbatch did not answer within {SLURM_ANSWER_S:g} s") from error
        except OSError as error:
            raise JobEndedError(
                f"sbatch could not be started ({error.strerror}): Slurm's commands must be on this machine",
                fault="installation",
            ) from error
        if done.returncode:
            raise JobEndedError(
                f"Slurm did not take the job: {in_short(done.stderr)}", fault="installation"
            )
        # A site's own `sbatch` may print more than the id, which comes last.
        found = JOB.fullmatch(done.stdout.strip().rpartition("\n")[2].strip())
        if found is None:
            raise JobEndedError(
                f"sbatch printed no id of a job: {in_short(done.stdout)!r}", fault="installation"
            )
        return _Job(found[1], found[2])

    def _wait(self, job: "_Job", folder: Path) -> None:
        """Wait for the end of a job, print its log, and remove it from Slurm's queue if this run is cancelled.

        Raises:
            JobEndedError: it ended otherwise than with status 0.
            UnknownEndError: Slurm does not answer.
        """
        answered = time.monotonic()
        try:
            while (told := job.told()) is None or told.get("JobState") in GOING_ON:
                if told is not None:
                    answered = time.monotonic()
                elif time.monotonic() - answered >= SLURM_PATIENCE_S:
                    raise UnknownEndError(f"Slurm has not answered for {SLURM_PATIENCE_S:g} s")
                time.sleep(self._look_again_s)
        except DagsterExecutionInterruptedError:
            with suppress(subprocess.TimeoutExpired):
                _asked(["scancel", *job.cluster_option, job.id])
            raise
        # Into the log of the run, which Dagster keeps.
        for line in _log(folder):
            print(line)
        state = told.get("JobState", "")
        if state == "COMPLETED":
            return
        code, _, signal = told.get("ExitCode", "").partition(":")
        status = STATUS.get(state)
        if status is None and state == "FAILED" and code.isdecimal():
            status = -int(signal) if signal.isdecimal() and int(signal) else int(code)
        how = {
            "": "is gone from Slurm's memory",
            "FAILED": f"ended with status {status}",
        }.get(state, f"ended: {state}")
        fault = "installation" if state in OF_THE_CLUSTER else None
        raise JobEndedError(f"Slurm job {job.id} {how}", status, fault)


class _SharedFile(PipesFileMessageReader):
    """Reads messages from a file on the shared disk, of which the job is told the path on its node."""

    def __init__(self, path: Path, on_nodes: Callable[[Path], Path]) -> None:
        super().__init__(str(path))
        self._there = str(on_nodes(path))

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[Mapping[str, Any]]:
        with super().read_messages(handler) as params:
            yield {
                key: self._there if value == self._path else value for key, value in params.items()
            }


@dataclass(frozen=True)
class _Job:
    """A job that Slurm has taken.

    Attributes:
        id: its number.
        cluster: name of its cluster; None of the one that is asked anyway.
    """

    id: str
    cluster: str | None

    @property
    def cluster_option(self) -> list[str]:
        """What names the cluster to Slurm's commands, for another one may have a job of that number."""
        return [f"--clusters={self.cluster}"] if self.cluster else []

    def told(self) -> dict[str, str] | None:
        """What Slurm says of it: empty if it knows it no more, None if it does not answer now."""
        try:
            done = _asked(["scontrol", *self.cluster_option, "show", "job", "--oneliner", self.id])
        except subprocess.TimeoutExpired:
            return None
        if done.returncode:
            return {} if "Invalid job id" in done.stderr else None
        found: dict[str, str] = {}
        for name, equals, value in (part.partition("=") for part in done.stdout.split()):
            if equals:
                # The first of a name: what people wrote, such as a comment, comes later.
                found.setdefault(name, value)
        return found if found.get("JobId") == self.id and found.get("JobState") else None


def _asked(
    command: list[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What one of Slurm's commands answers.

    Raises:
        OSError: it cannot be started.
        TimeoutExpired: it did not end within `SLURM_ANSWER_S`.
    """
    return subprocess.run(  # noqa: S603 - options of a setting, which is its owner's to write
        command, env=os.environ | dict(environment or {}), capture_output=True, encoding="utf-8", errors="replace",
        timeout=SLURM_ANSWER_S, check=False,
    )  # fmt: skip


def _log(folder: Path) -> list[str]:
    """What the job printed, by line; of very much its end."""
    try:
        with files.open_regular(folder / "log") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_LOG_BYTES))
            return file.read(MOST_LOG_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return []
