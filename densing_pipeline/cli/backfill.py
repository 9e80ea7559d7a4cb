"""`densing backfill`: load recorded price lists."""

from pathlib import Path

from densing_pipeline import state
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import history
from densing_pipeline.prices.backfill import BackfillError, find, land, passed_over
from densing_pipeline.settings import Settings


def run(screen: Screen, folder: Path) -> None:
    """Land dated snapshots, fold them, and say what came of each; the next night publishes them.

    Raises:
        CommandError: the folder holds no snapshots, a source could not be folded, or another run
            holds the state directory.
    """
    settings = current_settings()
    try:
        with state.held(settings.state_dir, "`densing backfill`"):
            _load(screen, settings, folder)
    except state.StateError as error:
        raise CommandError(str(error)) from error


def _load(screen: Screen, settings: Settings, folder: Path) -> None:
    zone = LandingZone(settings.landing_dir)
    try:
        snapshots = find(folder)
    except BackfillError as error:
        raise CommandError(str(error)) from error
    for path in passed_over(folder):
        screen.line(f"passed over: {path}")
    for result in land(zone, snapshots):
        screen.line(
            f"{result.source} {result.polled_at:%Y-%m-%d} {result.outcome}: {result.message}"
        )
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
