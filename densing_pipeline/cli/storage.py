"""`densing storage`: Dagster's database, created if there is none and checked."""

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.home import set_home
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings


def check(screen: Screen) -> None:
    """Open the database that the webserver, the daemon and runs use, and say where it is.

    Raises:
        CommandError: it cannot be used; the message says why and what to do.
    """
    settings = current_settings()
    set_home(settings, screen)
    # Importing dagster takes seconds; the other commands do without.
    from densing_pipeline.orchestration.storage import StorageError, open_instance

    try:
        with open_instance(settings):
            screen.say(f"Dagster's database below {settings.state_dir.absolute()} can be used.")
    except StorageError as error:
        raise CommandError(str(error)) from error
