"""Decides whether two mathematical answers are the same, with `math-verify`, in a process of its own.

An answer is text by a model: `10^{10^{10}}` can take all memory and all time there is. So the library
runs in a worker with limits, which is ended and replaced when it does not come back.

Not here: finding the answer in a text, and what it counts (`scoring`).
"""

import contextlib
import importlib
import json
import re
import resource
import selectors
import subprocess
import sys
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import IO, Self, cast

SECONDS = 5
"""Time for each of three steps: understanding the reference, the answer, and comparing them."""

STARTING = 120
"""Time for the worker to start: it imports sympy."""

BYTES = 4 * 2**30
"""Memory of the worker."""

READY = "ready"

UNESCAPED = re.compile(r"(?<!\\)\$")
"""A dollar sign that begins or ends mathematics, not an amount of dollars."""


class MathJudge:
    """Compares answers; a context manager that ends its worker.

    Raises:
        RuntimeError: from `same`, if the worker cannot be started: nothing can be said then.
    """

    def __init__(self, seconds: int = SECONDS) -> None:
        """Start nothing yet.

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
        """End the worker."""
        self.close()

    def close(self) -> None:
        """End the worker, if there is one."""
        worker, self._worker = self._worker, None
        if worker:
            worker.end()

    def same(self, reference: str, answer: str) -> bool:
        """Whether an answer is the reference in other words.

        One that cannot be understood and compared within time and memory is not.

        Raises:
            RuntimeError: the worker cannot be started.
        """
        if "".join(reference.split()) == "".join(answer.split()):
            return True
        with self._lock:
            worker = self._worker = self._worker or Worker()
            said = worker.ask(json.dumps([reference, answer, self.seconds]), 3 * self.seconds + 5)
            if not said:
                self.close()
            return said == "true"


class Worker:
    """The process that compares: a line in, a line out.

    Raises:
        RuntimeError: it does not start.
    """

    def __init__(self) -> None:
        """Start it, and wait until it has imported what it needs."""
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if (said := self._line(STARTING)) != READY:
            self.end()
            raise RuntimeError(f"the judge of mathematical answers did not start: {said}")

    def ask(self, question: str, seconds: float) -> str:
        """The answer to a question; nothing if the worker ended, or said nothing in time."""
        try:
            print(question, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            return ""
        return self._line(seconds)

    def end(self) -> None:
        """Make sure nothing of it is left."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def _line(self, seconds: float) -> str:
        output = cast("IO[str]", self._process.stdout)
        with selectors.DefaultSelector() as waiting:
            waiting.register(output, selectors.EVENT_READ)
            return output.readline().strip() if waiting.select(seconds) else ""


def work() -> None:
    """The worker: a comparison per line of standard input, `true` or `false` per line of output."""
    answers, sys.stdout = sys.stdout, sys.stderr
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))

    def say(line: str) -> None:
        answers.write(line + "\n")
        answers.flush()

    try:
        compare = _comparison()
    except Exception as error:  # whatever it is, the parent has to say it
        say(f"{type(error).__name__}: {error}".replace("\n", " "))
        return
    say(READY)
    for line in sys.stdin:
        say(json.dumps(compare(*json.loads(line))))


def _comparison() -> Callable[[str, str, int], bool]:
    math_verify = importlib.import_module("math_verify")

    def compare(reference: str, answer: str, seconds: int) -> bool:
        gold, target = (
            math_verify.parse(
                text if UNESCAPED.search(text) else f"${text}$", parsing_timeout=seconds
            )
            for text in (reference, answer)
        )
        return bool(math_verify.verify(gold, target, timeout_seconds=seconds))

    return compare


if __name__ == "__main__":
    work()
