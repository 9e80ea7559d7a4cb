"""`densing backfill`: load price lists of past days, recorded in a folder or in git repositories."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from densing_pipeline import state
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.prices import backfill, git_backfill, history
from densing_pipeline.settings import Settings


def run(
    screen: Screen, folder: Path | None, git: Sequence[str] = (), since: date | None = None
) -> None:
    """Land dated snapshots, fold them, and say what came of each; the next night publishes them.

    Args:
        screen: where it is said.
        folder: holds the snapshots, if they are in a folder.
        git: names of lists whose git repositories are read.
        since: first day that is taken from them.

    Raises:
        CommandError: the folder holds no snapshots, a repository could not be read, a source could not
            be folded, or another run holds the state directory.
    """
    settings = current_settings()
    try:
        with state.held(settings.state_dir, "`densing backfill`"):
            failures = list[str]()
            if folder is not None:
                _from_folder(screen, settings, folder)
            for source in git:
                try:
                    _from_git(screen, settings, source, since)
                except backfill.BackfillError as error:
                    failures.append(str(error))
            _fold(screen, settings)
            if failures:
                raise CommandError("\n".join(failures))
    except (state.StateError, backfill.BackfillError) as error:
        raise CommandError(str(error)) from error


def _from_folder(screen: Screen, settings: Settings, folder: Path) -> None:
    snapshots = backfill.find(folder)
    for path in backfill.passed_over(folder):
        screen.line(f"passed over: {path}")
    _say(
        screen,
        backfill.land(
            LandingZone(settings.landing_dir), snapshots, accepted=settings.accepted_lists
        ),
    )


def _from_git(screen: Screen, settings: Settings, source: str, since: date | None) -> None:
    screen.say(f"{source}: reading its repository")
    _say(
        screen,
        git_backfill.backfill(settings, source, since=since, tell=screen.line),
        is_brief=True,
    )


def _say(screen: Screen, results: Iterable[PollResult], *, is_brief: bool = False) -> None:
    """A line for each result; in brief without the days on which a list did not change."""
    unchanged = 0
    for result in results:
        if is_brief and result.outcome == "unchanged":
            unchanged += 1
        else:
            screen.line(
                f"{result.source} {result.polled_at:%Y-%m-%d} {result.outcome}: {result.message}"
            )
    if unchanged:
        screen.line(f"and {unchanged} days on which the list stood unchanged")


def _fold(screen: Screen, settings: Settings) -> None:
    zone = LandingZone(settings.landing_dir)
    for source, update in history.update_all(zone, settings.book_dir).items():
        if update.failure:
            raise CommandError(f"{source}: {update.failure}")
        if update.folded:
            counts = update.counts
            screen.say(
                f"{source}: {update.folded} snapshots folded, {counts.added} prices added, "
                f"{counts.changed} changed ({counts.corrected} of them corrections), "
                f"{counts.slips} slips taken back, "
                f"{counts.listed} listed now, {counts.absent} no longer"
            )
    screen.say("`densing run` computes the tables from it.")
