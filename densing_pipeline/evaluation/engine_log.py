"""Reads along what vLLM's processes write, for they do not hand their exceptions to the one that started them.

On GPUs the engine runs in a process of its own; when it does not start, the job only gets "Engine core
initialization failed. See root cause above", and the cause is on standard error. Not here: what a cause means
(`engine_errors`).
"""

import os
import re
import sys
import threading
from types import TracebackType
from typing import Self

KEPT_BYTES = 256 * 1024
"""Bytes kept of the end of what was written."""

LAST_WORDS_S = 5.0
"""Seconds in which processes that have ended are read to the end."""

EXCEPTION = re.compile(
    r"^(?:\([^)]*\) ?)*(?:[A-Z]+ [\d-]+ [\d:.]+ \[[^\]]*\] ?)?"
    r"((?:\w+\.)*\w*(?:Error|Exception|Interrupt|Fault)): (.+)$",
    re.MULTILINE,
)
"""Line of a traceback that names the exception, behind vLLM's prefixes of process and log record."""

WRAPPERS = re.compile(
    r"initialization failed|See (?:stack trace|root cause)|EngineDead|was called with|Failed core proc"
)
"""Messages of exceptions that only say that another process failed."""


class EngineLog:
    """Context manager in which standard output and error also go into a buffer, those of new processes too.

    Processes that were started inside keep writing into it after the end; what they write goes to standard
    error as before.
    """

    def __init__(self) -> None:
        """Prepare the pipe and the thread that reads it."""
        self._kept = b""
        self._terminal = os.dup(2)
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Send standard output and error into the pipe."""
        self._flush()
        self._before = os.dup(1), os.dup(2)
        os.dup2(self._write, 1)
        os.dup2(self._write, 2)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put standard output and error back."""
        self._flush()
        for place, before in zip((1, 2), self._before, strict=True):
            os.dup2(before, place)
            os.close(before)
        os.close(self._write)

    def text(self, *, ended: bool = False) -> str:
        """What was written so far; with `ended`, after the processes that write have ended."""
        if ended:
            self._thread.join(LAST_WORDS_S)
        return self._kept.decode("utf-8", "replace")

    def _copy(self) -> None:
        while chunk := os.read(self._read, 64 * 1024):
            self._kept = (self._kept + chunk)[-KEPT_BYTES:]
            os.write(self._terminal, chunk)
        os.close(self._read)
        os.close(self._terminal)

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def root_cause(log: str) -> str | None:
    r"""Type and message of the last exception in a log that is no report of another process's; None without.

    Examples:
        >>> root_cause("(EngineCore pid=7) ValueError: too long\nRuntimeError: Engine core initialization failed.")
        'ValueError: too long'
    """
    named = [f"{kind.rpartition('.')[2]}: {message}" for kind, message in EXCEPTION.findall(log)]
    causes = [each for each in named if not WRAPPERS.search(each)]
    return causes[-1] if causes else None
