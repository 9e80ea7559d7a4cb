"""`densing storage`: Dagster's database, created if there is none and checked."""

from densing_pipeline import clock
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.home import set_home
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.publication.wording import counted
from densing_pipeline.state import StorageError


def check(screen: Screen) -> None:
    """Open the database that the webserver, the daemon and runs use, and say where it is.

    Raises:
        CommandError: it cannot be used; the message says why and what to do.
    """
    settings = current_settings()
    set_home(settings, screen)
    # Importing dagster takes seconds; the other commands do without.
    from densing_pipeline.orchestration import future_ticks, storage

    try:
        with storage.open_instance(settings) as instance:
            # The daemon goes by the machine's clock, also where that of nights is set.
            waiting = 0 if clock.is_set() else future_ticks.forget(instance, clock.now())
            if waiting:
                screen.say(
                    f"{counted(waiting, 'schedule or sensor', 'schedules and sensors')} waited for a time to come, since the clock had been "
                    "ahead, and go on now."
                )
            screen.say(f"Dagster's database {storage.place(settings)} can be used.")
    except StorageError as error:
        raise CommandError(str(error)) from error
