"""Notices when nothing happens any more. Not here: what is done then (`job`)."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Watchdog:
    """Calls for help when it has not heard a beat for so long; a context manager."""

    def __init__(self, seconds: float, on_hang: Callable[[float], None]) -> None:
        """Set it up.

        Args:
            seconds: the longest silence.
            on_hang: called once with these seconds, from another thread.
        """
        self._seconds, self._on_hang = seconds, on_hang
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop watching."""
        self._ended.set()

    def beat(self) -> None:
        """Something happened."""
        self._beats += 1

    def _watch(self) -> None:
        heard = -1
        while not self._ended.wait(self._seconds):
            if self._beats == heard:
                self._on_hang(self._seconds)
                return
            heard = self._beats
