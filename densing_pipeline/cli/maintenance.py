"""`densing maintenance`: delete and pack what is no longer needed as it is, for installations without Dagster's daemon."""

from densing_pipeline import clock
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.home import set_home
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.landing import LandingError
from densing_pipeline.state import StateError, StorageError


def run(screen: Screen, *, is_dry: bool) -> None:
    """Pack the receipts of before a week, delete old runs and what nothing reads any more, and say how much.

    Args:
        screen: where it is said.
        is_dry: only say what would be deleted; nothing is packed or deleted.

    Raises:
        CommandError: Dagster's database cannot be used, the state directory cannot be written, or a receipt is damaged.
    """
    settings = current_settings()
    # Importing dagster and polars takes seconds; the other commands do without.
    from densing_pipeline.orchestration import maintenance, run_retention, storage
    from densing_pipeline.orchestration.removal import Removed

    if is_dry:
        removed = Removed()
        for path in maintenance.unread(settings, clock.now()):
            removed.remove(path, is_dry=True)
        screen.say(f"Would delete {removed} that nothing reads any more.")
    else:
        try:
            told = maintenance.tidy(settings, clock.now())
        except (LandingError, StateError) as error:
            raise CommandError(str(error)) from error
        screen.say(f"{told[0].upper()}{told[1:]}.")
    set_home(settings, screen)
    try:
        with storage.open_instance(settings) as instance:
            done = run_retention.delete_old_runs(instance, settings, clock.now(), is_dry=is_dry)
            if not is_dry:
                run_retention.delete_old_ticks(instance, settings, clock.now())
    except StorageError as error:
        raise CommandError(str(error)) from error
    if not settings.keep_runs_days:
        screen.say("DENSING_KEEP_RUNS_DAYS is 0: runs are kept for ever.")
        return
    screen.say(
        f"{'Would delete' if is_dry else 'Deleted'} {done}, ended more than "
        f"{settings.keep_runs_days} days ago (DENSING_KEEP_RUNS_DAYS)."
    )
