"""`densing run`: one night in this process, with progress and the time left.

On a terminal a bar shows the step that runs; elsewhere, as in a log, each step that ends is a line. The
time left is estimated from the seconds each step took in the last complete night of this installation,
or on the first night from `TYPICAL_SECONDS`, scaled by how long the steps so far took.
"""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from densing_pipeline.cli.errors import CommandError, with_remedy
from densing_pipeline.cli.home import set_home
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.publication.wording import counted
from densing_pipeline.settings import Settings

TYPICAL_SECONDS: Mapping[str, float] = {
    "densing_law": 42,
    "forecasts": 14,
    "sensitivity": 12,
    "release": 11,
    "price_frontier": 6,
    "density_growth": 5,
    "price_halving": 5,
    "trend_breaks": 4,
    "reference_law_draws": 3,
    "density_paces": 3,
    "pace_skill": 3,
    "forecast_skill": 2,
    "paper_claims": 2,
    "price_index": 1,
    "price_decomposition": 1,
    "prices": 1,
    "price_records": 1,
    "forecast_scores": 1,
}
"""Seconds of the longest steps of a night with 1,000 draws, measured on two processors that did nothing else; other steps
are short."""

SHORT_STEP_SECONDS = 0.2


def run(screen: Screen, *, is_live: bool) -> Settings:
    """Run the nightly job in this process, recorded in the instance that `make dev` shows.

    Args:
        screen: where progress is shown.
        is_live: whether to ask the price lists and the Hub, whatever the variables say.

    Returns:
        The settings the night ran with.

    Raises:
        CommandError: a step failed; the message names it.
    """
    settings = with_polls(current_settings(), is_live=is_live)
    if settings.now is not None:
        screen.say(f"The clock is set to {settings.now.isoformat()} (DENSING_NOW).")
    set_home(settings, screen)
    with Steps(screen) as steps:
        # Importing dagster takes seconds; the other commands do without.
        from densing_pipeline.nightly import run_nightly

        failures = run_nightly(settings, watch=steps)
    if failures:
        told = "\n".join(f"{step}: {with_remedy(message)}" for step, message in failures.items())
        raise CommandError(f"{told}\nThe previous release is untouched.")
    return settings


def with_polls(settings: Settings, *, is_live: bool) -> Settings:
    """The settings of a run, which asks the sources and the Hub if it is live."""
    return settings.model_copy(update={"poll": True, "hub_poll": True}) if is_live else settings


class Steps:
    """Shows the steps of a run as they start and end; a context manager, and a `Watcher`."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare to show steps.

        Args:
            screen: where they are shown.
            clock: seconds since some fixed moment.
        """
        self._screen, self._clock = screen, clock
        self._expected: Mapping[str, float] = {}
        self._started: dict[str, float] = {}
        self._began, self._done, self._ended = clock(), 0.0, 0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        """Show that something happens before the first step is known."""
        if self._screen.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[count]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=self._screen.console,
                transient=True,
            )
            self._task = self._bar.add_task("Preparing", total=None, count="", left="")
            with self._screen.drawing():
                self._bar.start()
        else:
            self._screen.say("Running the nightly job.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar:
            with self._screen.drawing():
                self._bar.stop()

    def begin(self, steps: Mapping[str, float | None]) -> None:
        """Take the steps of the run, with the seconds each took last time, None if unknown."""
        self._began, self._done, self._ended, self._started = self._clock(), 0.0, 0, {}
        self._expected = {
            name: TYPICAL_SECONDS.get(name, SHORT_STEP_SECONDS) if seconds is None else seconds
            for name, seconds in steps.items()
        }
        self._redraw("Preparing")

    def started(self, step: str) -> None:
        """A step starts."""
        self._started[step] = self._clock()
        self._redraw(step)

    def ended(self, step: str, *, is_ok: bool) -> None:
        """A step ended."""
        self._ended += 1
        self._done += self._expected.get(step, SHORT_STEP_SECONDS)
        if self._bar:
            self._redraw(step)
            return
        seconds = self._clock() - self._started.get(step, self._clock())
        told = f"{seconds:.1f} s" if is_ok else "failed"
        left = f", {self.left()}" if self.left() else ""
        self._screen.line(f"[{self._ended}/{len(self._expected)}] {step}: {told}{left}")

    def left(self) -> str:
        """About how long the rest takes; empty when the end is reached.

        The expected seconds of the steps to come, times the ratio of time taken to time expected.
        """
        remaining = sum(self._expected.values()) - self._done
        if remaining <= 0 or self._ended >= len(self._expected):
            return ""
        passed = self._clock() - self._began
        # The first steps are short: until some seconds were expected, their pace says little.
        pace = passed / self._done if self._done > 5 and passed > 0 else 1.0
        return f"about {duration(remaining * pace)} left"

    def _redraw(self, step: str) -> None:
        if self._bar:
            with self._screen.drawing():
                self._bar.update(
                    self._task,
                    description=step,
                    total=sum(self._expected.values()) or None,
                    completed=self._done,
                    count=f"{self._ended}/{len(self._expected)}",
                    left=self.left(),
                )


def duration(seconds: float) -> str:
    """Seconds, or whole minutes from 90 seconds on, in words."""
    if seconds < 90:
        return counted(max(1, round(seconds)), "second")
    return counted(round(seconds / 60), "minute")
