"""Decides whether two mathematical answers are equal, with `math-verify` in a separate process.

Answers are written by a model: `10^{10^{10}}` could use all memory and time. So the library runs in a
worker process with limits, which is killed and replaced when it does not answer in time.

Not here: the notation of answers (`math_notation`), comparing their values (`math_worker`), finding the answer in a text,
and scoring it (`scoring`).
"""

import contextlib
import json
import selectors
import subprocess
import sys
from threading import Lock
from types import TracebackType
from typing import IO, Self, cast

from densing_pipeline.evaluation import math_worker
from densing_pipeline.evaluation.math_notation import alike, verdict

STEP_SECONDS = 5
"""Seconds for each step of a comparison."""

STEPS, SPARE_SECONDS = 4, 5
"""Parsing the reference and the answer, comparing them, and comparing their numbers to more digits; and seconds beyond
which the worker does not keep its own limits."""

STARTING = 120
"""Seconds for the worker to start: it imports sympy."""


class MathJudge:
    """Compares answers; a context manager that ends its worker process.

    Raises:
        RuntimeError: from `same`, if the worker cannot be started.
    """

    def __init__(self, seconds: int = STEP_SECONDS) -> None:
        """Set the time limit; the worker is started at the first comparison.

        Args:
            seconds: time for each step of a comparison.
        """
        self.seconds = seconds
        self._worker: Worker | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        """The judge itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the worker process."""
        self.close()

    def close(self) -> None:
        """End the worker, if there is one."""
        worker, self._worker = self._worker, None
        if worker:
            worker.end()

    def same(self, reference: str, answer: str) -> bool:
        """Whether an answer is mathematically equal to the reference.

        An answer that cannot be parsed and compared within the limits of time and memory is not.

        Raises:
            RuntimeError: the worker cannot be started.
        """
        if "".join(reference.split()) == "".join(answer.split()):
            return True
        if (told := verdict(reference, answer)) is not None:
            return told
        asked = json.dumps([*alike(reference, answer), self.seconds])
        with self._lock:
            worker = self._worker = self._worker or Worker()
            said = worker.ask(asked, STEPS * self.seconds + SPARE_SECONDS)
            if not said:
                self.close()
            return said == "true"


class Worker:
    """The worker process: reads a question a line and writes an answer a line.

    Raises:
        RuntimeError: the process does not start.
    """

    def __init__(self) -> None:
        """Start the process, and wait until it has imported its libraries."""
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-P", math_worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if (said := self._line(STARTING)) != math_worker.READY:
            self.end()
            raise RuntimeError(f"the judge of mathematical answers did not start: {said}")

    def ask(self, question: str, seconds: float) -> str:
        """The answer to a question; empty if the process ended or did not answer in time."""
        try:
            print(question, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            return ""
        return self._line(seconds)

    def end(self) -> None:
        """Kill the process and close its pipes."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def _line(self, seconds: float) -> str:
        output = cast("IO[str]", self._process.stdout)
        with selectors.DefaultSelector() as waiting:
            waiting.register(output, selectors.EVENT_READ)
            return output.readline().strip() if waiting.select(seconds) else ""
