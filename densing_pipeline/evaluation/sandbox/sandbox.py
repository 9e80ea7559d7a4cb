"""Sends programs to the sandboxed runner and reads its verdicts.

Not here: the means of isolation (`bubblewrap`, `container`) and running the tests (`runner`).
"""

import json
import math
import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from densing_pipeline.evaluation.sandbox import runner
from densing_pipeline.units import MIB

LIMITS = {
    "RLIMIT_AS": 1024 * MIB,
    "RLIMIT_FSIZE": 8 * MIB,
    "RLIMIT_NPROC": 12,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_CORE": 0,
}
"""Resource limits per process; RLIMIT_NPROC counts the processes of the whole sandbox."""

SCRATCH_BYTES = 16 * MIB
"""Size of the only writable directory, which is in memory."""

PROGRAM_SECONDS = 10.0
"""Processor time of a program with its tests."""

WAIT = 3
"""Wall time as a multiple of the processor time, so that no program fails because the machine is busy."""

SPARE_SECONDS = 5.0
"""Seconds after the runner's own deadline until the sandbox is killed from outside."""


START_SECONDS = 120.0
"""Seconds that isolation and interpreter may take to start, which is no time of the program."""

START_LOOK_SECONDS = 2.0
"""Seconds between two looks whether it has started."""

STARTS = 2
"""Times that the sandbox is started for a program until there is no verdict."""


class SandboxError(RuntimeError):
    """There is no working sandbox, so there is no verdict; the message says why and what to do."""


@dataclass(frozen=True)
class Verdict:
    """Whether a program passed its tests, and the reason if it did not."""

    passed: bool
    reason: str = ""


class Isolation(Protocol):
    """A means of isolation: bubblewrap or a container engine."""

    @property
    def name(self) -> str:
        """Kind and version, for the provenance of a score."""

    def around(
        self, label: str, inside: Sequence[str]
    ) -> AbstractContextManager[tuple[list[str], list[int]]]:
        """The command that runs another command in isolation, and the file descriptors it needs.

        Leaving the context ends all processes of the run with this label.
        """


@dataclass(frozen=True)
class Sandbox:
    """Runs programs in isolation.

    Attributes:
        isolation: bubblewrap or a container engine.
        python: interpreter inside.
        seconds: processor time of one program with its tests.
        workers: programs run at the same time by `check_all`.
    """

    isolation: Isolation
    python: str
    seconds: float = PROGRAM_SECONDS
    workers: int = 1

    @property
    def name(self) -> str:
        """Name in the provenance of a score."""
        return f"{self.isolation.name}, {self.python}"

    def check(self, program: str, tests: str) -> Verdict:
        """Run a program, then its tests on what it defined.

        Args:
            program: Python source, run as a module.
            tests: Python source that raises if the program is wrong. It sees the program's names.

        Raises:
            SandboxError: the sandbox did not start, so there is no verdict.
        """
        for _ in range(STARTS):
            # Anew each time, so that what is left of one run says nothing in another.
            nonce, label = secrets.token_hex(16), f"densing-{secrets.token_hex(8)}"
            output = self._judge(label, nonce, program, tests)
            lines = output.splitlines()
            if said := [line[len(nonce) + 1 :] for line in lines if line.startswith(nonce)]:
                break
        else:
            raise SandboxError(
                f"{self.name}: it did not start: {output.strip()[-500:] or 'no message'}"
            )
        if len(said) == 1:
            return Verdict(passed=False, reason="the judge was stopped before it could decide")
        reason = json.loads(said[1])
        return Verdict(passed=reason == "", reason=reason)

    def check_all(self, tasks: Sequence[tuple[str, str]]) -> Iterator[Verdict]:
        """Verdicts on (program, tests) pairs, in their order."""
        with ThreadPoolExecutor(self.workers) as pool:
            yield from pool.map(lambda task: self.check(*task), tasks)

    def _judge(self, label: str, nonce: str, program: str, tests: str) -> str:
        """Output of the runner on a program and its tests."""
        task = json.dumps({"nonce": nonce, "program": program, "tests": tests})
        limits = {name: (limit, limit) for name, limit in LIMITS.items()}
        # In whole seconds: SIGXCPU at the first limit, SIGKILL at the second.
        limits["RLIMIT_CPU"] = (math.ceil(self.seconds), math.ceil(self.seconds) + 1)
        wall = WAIT * self.seconds
        source = Path(runner.__file__).read_text(encoding="utf-8")
        inside = [self.python, "-s", "-S", "-B", "-c", source, json.dumps([limits, wall])]
        return self._run(label, inside, nonce, task.encode(), wall + SPARE_SECONDS)

    def _run(self, label: str, inside: list[str], nonce: str, task: bytes, seconds: float) -> str:
        """Output of one run, to which the program itself cannot write.

        Args:
            label: of the run, by which all its processes are ended.
            inside: command that runs in isolation.
            nonce: what the runner writes when it has started.
            task: standard input of the command.
            seconds: time from there until the run is ended.
        """
        with self.isolation.around(label, inside) as (command, files):
            process = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                pass_fds=files,
                start_new_session=True,
            )
            with process:
                try:
                    return _output(process, nonce.encode(), task, seconds)
                finally:
                    process.kill()


def _output(process: subprocess.Popen[bytes], nonce: bytes, task: bytes, seconds: float) -> str:
    """What a process writes until it ends, or until so many seconds after it has written the nonce."""
    given: bytes | None = task
    left, has_started, output = START_SECONDS, False, b""
    while True:
        wait = seconds if has_started else min(START_LOOK_SECONDS, left)
        try:
            return process.communicate(given, timeout=wait)[0].decode(errors="replace")
        except subprocess.TimeoutExpired as error:
            given, left, output = None, left - wait, error.output or b""
        if has_started or left <= 0:
            return output.decode(errors="replace")
        has_started = nonce in output
