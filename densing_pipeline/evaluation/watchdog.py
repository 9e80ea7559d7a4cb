"""Stops an evaluation that makes no progress. Not here: how it is stopped (`job`)."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Watchdog:
    """Context manager that calls a function if no progress is reported for a number of seconds."""

    def __init__(self, seconds: float, on_hang: Callable[[float], None]) -> None:
        """Set the time limit.

        Args:
            seconds: longest time between two reports of progress.
            on_hang: called once, with `seconds`, from a thread of the watchdog.
        """
        self._seconds, self._on_hang = seconds, on_hang
        self._reports = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start the watchdog thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the watchdog thread."""
        self._ended.set()

    def report_progress(self) -> None:
        """Report progress."""
        self._reports += 1

    def _watch(self) -> None:
        seen = -1
        while not self._ended.wait(self._seconds):
            if self._reports == seen:
                self._on_hang(self._seconds)
                return
            seen = self._reports
