"""How far an evaluation is: a bar in a terminal, log lines elsewhere, metadata in the UI.

Not here: what is published of it (`folder_writer`).
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
    """Where an evaluation says how far it is."""

    def say(self, text: str) -> None:
        """A line of the log."""

    def begin(self, items: int) -> None:
        """So many items are to be done now."""

    def advance(self, tokens: int) -> None:
        """One item is done; it took so many tokens."""

    def end(self, metadata: Mapping[str, Value]) -> None:
        """What came out."""


class Lines:
    """A log line every half minute."""

    def __init__(
        self, say: Callable[[str], None], publish: Callable[[Mapping[str, Value]], None] | None
    ) -> None:
        """Choose where to.

        Args:
            say: takes a line.
            publish: takes the metadata at the end.
        """
        self.say, self._publish = say, publish
        self._items = self._done = self._tokens = 0
        self._started = self._last = time.monotonic()

    def begin(self, items: int) -> None:
        """Start the clock."""
        self._items, self._started, self._last = items, time.monotonic(), time.monotonic()

    def advance(self, tokens: int) -> None:
        """Count an item."""
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
        """Publish what came out."""
        if self._publish:
            self._publish(metadata)


class Bar:
    """A bar with items, tokens per second and time left."""

    def __init__(self, console: Console) -> None:
        """Choose the terminal."""
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
        """Move it."""
        self._tokens += tokens
        speed = self._tokens / max(time.monotonic() - self._started, 1e-9)
        self._bar.update(self._task, advance=1, speed=speed)

    def end(self, metadata: Mapping[str, Value]) -> None:
        """Leave the bar as it is, and print what came out below."""
        self._bar.stop()
        for key, value in metadata.items():
            self.say(f"{key}: {value}")


@contextmanager
def reporting() -> Iterator[Reporter]:
    """The reporter that fits: Dagster's where it started the job, a bar in a terminal, else lines."""
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
