"""Reports the progress of an evaluation: a bar in a terminal, else log lines; metadata in the UI.

Not here: what is published of an evaluation (`folder_writer`).
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 30.0

Value = str | int | float | bool | None


class Reporter(Protocol):
    """Receives the progress of an evaluation."""

    def say(self, text: str) -> None:
        """Write a line of the log."""

    def begin(self, items: int) -> None:
        """Start counting: `items` are still to be measured."""

    def advance(self, tokens: int) -> None:
        """Count one measured item and its tokens."""

    def end(self, metadata: Mapping[str, Value]) -> None:
        """Show or publish the results."""


class Lines:
    """Writes a log line every half minute."""

    def __init__(
        self, say: Callable[[str], None], publish: Callable[[Mapping[str, Value]], None] | None
    ) -> None:
        """Set the outputs.

        Args:
            say: called with each line.
            publish: called with the results at the end; None to drop them.
        """
        self.say, self._publish = say, publish
        self._items = self._done = self._tokens = 0
        self._started = self._last = time.monotonic()

    def begin(self, items: int) -> None:
        """Start counting and the clock."""
        self._items, self._started, self._last = items, time.monotonic(), time.monotonic()

    def advance(self, tokens: int) -> None:
        """Count an item; write a line if the last one is half a minute old."""
        self._done += 1
        self._tokens += tokens
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES or self._done == self._items:
            self._last = now
            seconds = max(now - self._started, 1e-9)
            left = seconds / self._done * (self._items - self._done)
            self.say(
                f"{self._done:,} of {self._items:,} items, {self._tokens / seconds:,.0f} tokens/s, "
                f"{left / 60:.1f} min left"
            )

    def end(self, metadata: Mapping[str, Value]) -> None:
        """Publish the results."""
        if self._publish:
            self._publish(metadata)


class Bar:
    """Shows a bar with items, tokens per second and time left."""

    def __init__(self, console: Console) -> None:
        """Prepare the bar; it is shown by `begin`."""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]:,.0f} tokens/s"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("items", total=None, visible=False, speed=0.0)
        self._tokens = 0
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def begin(self, items: int) -> None:
        """Show the bar."""
        self._started = time.monotonic()
        self._bar.start()
        self._bar.update(self._task, total=items, visible=True)

    def advance(self, tokens: int) -> None:
        """Advance the bar by one item."""
        self._tokens += tokens
        speed = self._tokens / max(time.monotonic() - self._started, 1e-9)
        self._bar.update(self._task, advance=1, speed=speed)

    def end(self, metadata: Mapping[str, Value]) -> None:
        """Stop the bar and print the results below it."""
        self._bar.stop()
        for key, value in metadata.items():
            self.say(f"{key}: {value}")


@contextmanager
def reporting() -> Iterator[Reporter]:
    """Reporter for this process: to Dagster if it started the job, a bar in a terminal, else lines."""
    if "DAGSTER_PIPES_CONTEXT" in os.environ:
        from dagster_pipes import open_dagster_pipes

        with open_dagster_pipes() as pipes:
            yield Lines(
                pipes.log.info,
                lambda metadata: pipes.report_asset_materialization(metadata=dict(metadata)),
            )
        return
    console = Console(stderr=True)
    if console.is_terminal:
        bar = Bar(console)
        try:
            yield bar
        finally:
            bar.end({})
        return
    yield Lines(
        lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
        lambda metadata: console.print(
            "\n".join(f"{key}: {value}" for key, value in metadata.items()),
            markup=False,
            highlight=False,
            soft_wrap=True,
        ),
    )
