"""Decides whether two mathematical answers are equal, with `math-verify` in a separate process.

Answers are written by a model: `10^{10^{10}}` could use all memory and time. So the library runs in a
worker process with limits, which is killed and replaced when it does not answer in time.

Not here: finding the answer in a text, and scoring it (`scoring`).
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

STEP_SECONDS = 5
"""Seconds for each of three steps: parsing the reference, parsing the answer, comparing them."""

STARTING = 120
"""Seconds for the worker to start: it imports sympy."""

BYTES = 4 * 2**30
"""Address space of the worker. This file runs as a program that finds no other module of the package."""

READY = "ready"

DELIMITED = re.compile(r"(?<!\\)\$|\\\[|\\\(")
"""What delimits mathematics; a dollar sign before an amount of dollars is escaped."""

THOUSANDS = re.compile(r"(?<=\d)(?:\\[,!;: ]|\{,\}|\\ |~|[\u00a0\u2009\u202f])(?=\d{3}(?!\d))")
"""A thin space, or a comma in braces, between the thousands of a number."""

BETWEEN = re.compile(
    r"\$?\s*([^<>=$]+?)\s*(<|\\leq?(?:slant)?(?![a-z]))\s*[a-zA-Z]\s*(<|\\leq?(?:slant)?(?![a-z]))\s*([^<>=$]+?)\s*\$?"
)
"""Bounds of an unknown on both sides, such as `2 \\le x < 5`: an interval in other words."""

_LESS = r"(?P<sign><|\\l(?:t|eq?)(?:slant)?(?![a-z])|\u2264)"
_MORE = r"(?P<sign>>|\\g(?:t|eq?)(?:slant)?(?![a-z])|\u2265)"
_UNKNOWN, _BOUND = r"\s*[a-zA-Z]\s*", r"\s*(?P<bound>[^<>=$\u2264\u2265]+?)\s*"

HALF_LINES = tuple(
    (re.compile(rf"\$?{pattern}\$?"), is_above)
    for pattern, is_above in (
        (_UNKNOWN + _MORE + _BOUND, True),
        (_UNKNOWN + _LESS + _BOUND, False),
        (_BOUND + _LESS + _UNKNOWN, True),
        (_BOUND + _MORE + _UNKNOWN, False),
    )
)
"""A bound of an unknown on one side, such as `x \\ge 5`, and whether the unknown is above it."""

STRICT = ("<", ">", "\\lt", "\\gt")

INTERVAL = re.compile(r"\s*\$?\s*[\[(].*,.*[\])]\s*\$?\s*")

PERCENT = re.compile(r"\s*(?:\\?%|percent|\\text\{\s*(?:percent|\\?%)\s*\})(?=[\s.$]*\Z)")
"""A sign of per cent, or the word, at the end of an answer."""

BASE = re.compile(r"\s*\$?\s*[0-9A-Z]+\s*_\s*\{?\s*(?P<base>[0-9]+)\s*\}?\s*\$?\s*")
"""A number with the base that it is written in, such as `52_8`; the library reads 52."""

TINY = 1e-6
"""Numbers below it are all rounded to 0 by the library, which would call them equal."""


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
        with self._lock:
            worker = self._worker = self._worker or Worker()
            said = worker.ask(json.dumps([reference, answer, self.seconds]), 3 * self.seconds + 5)
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


def work() -> None:
    """Run the worker: for each comparison on a line of standard input, write `true` or `false`."""
    answers, sys.stdout = sys.stdout, sys.stderr
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))

    def say(line: str) -> None:
        answers.write(line + "\n")
        answers.flush()

    try:
        compare = _comparison()
    except Exception as error:  # reported to the parent, which raises it
        say(f"{type(error).__name__}: {error}".replace("\n", " "))
        return
    say(READY)
    for line in sys.stdin:
        say(json.dumps(compare(*json.loads(line))))


def _comparison() -> Callable[[str, str, int], bool]:
    math_verify = importlib.import_module("math_verify")
    sympy = importlib.import_module("sympy")

    def compare(reference: str, answer: str, seconds: int) -> bool:
        if have_other_bases(reference, answer):
            return False
        gold, target = (
            math_verify.parse(
                text if DELIMITED.search(text) else f"${text}$", parsing_timeout=seconds
            )
            for text in alike(reference, answer)
        )
        if not math_verify.verify(gold, target, timeout_seconds=seconds):
            return False
        one, other = gold[0], target[0]
        if not all(isinstance(each, sympy.Expr) and each.is_number for each in (one, other)):
            return True
        if one.is_zero or not sympy.Abs(one).evalf() < TINY:
            return True
        return bool(sympy.Abs(other / one - 1).evalf() < TINY)

    return compare


def alike(reference: str, answer: str) -> tuple[str, str]:
    r"""Both answers in one notation: thousands without spaces, bounds as the interval that the other one is.

    Per cent are numbers, if the reference says per cent; if it does not, the library takes `10\%` for 10 and for 0.1.
    """
    one, other = (THOUSANDS.sub("", each) for each in (reference, answer))
    is_percent = PERCENT.search(one)
    one, other = (PERCENT.sub("" if is_percent else r"\\%", each) for each in (one, other))
    if INTERVAL.fullmatch(one):
        other = interval(other)
    elif INTERVAL.fullmatch(other):
        one = interval(one)
    return one, other


def have_other_bases(reference: str, answer: str) -> bool:
    """Whether both are numbers with their bases, and these differ.

    Examples:
        >>> have_other_bases("52_8", "52_{9}"), have_other_bases("52_8", "52")
        (True, False)
    """
    one, other = BASE.fullmatch(reference), BASE.fullmatch(answer)
    return bool(one and other and one["base"] != other["base"])


def interval(text: str) -> str:
    r"""Bounds of an unknown as an interval; another text unchanged.

    Examples:
        >>> interval(r"2 \le x < 5")
        '$[2,5)$'
    """
    found = BETWEEN.fullmatch(text.strip())
    if not found:
        return _half_line(text)
    low, left, right, high = found.groups()
    return f"${'(' if left == '<' else '['}{low},{high}{')' if right == '<' else ']'}$"


def _half_line(text: str) -> str:
    r"""A bound on one side as an interval; another text unchanged.

    Examples:
        >>> _half_line(r"x \ge 5")
        '$[5,\\infty)$'
    """
    for pattern, is_above in HALF_LINES:
        if found := pattern.fullmatch(text.strip()):
            is_strict, bound = found["sign"] in STRICT, found["bound"]
            if is_above:
                return f"${'(' if is_strict else '['}{bound},\\infty)$"
            return f"$(-\\infty,{bound}{')' if is_strict else ']'}$"
    return text


if __name__ == "__main__":
    work()
