"""`densing alerts`: what is wrong now, and whether messages arrive."""

from densing_pipeline import clock
from densing_pipeline.alerts.sending import AlertError, send
from densing_pipeline.alerts.telling import tell
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.home import set_home
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.state import StorageError


def show(screen: Screen, *, is_test: bool, is_told: bool) -> None:
    """Print what is wrong; perhaps tell it as the sensor does, or send a test message.

    Args:
        screen: where it is printed.
        is_test: send a test message instead.
        is_told: tell what is new to the addresses.

    Raises:
        CommandError: a message could not be sent, or Dagster's database cannot be used.
    """
    settings = current_settings()
    try:
        if is_test:
            if not settings.alert_urls.strip():
                raise CommandError(
                    "DENSING_ALERT_URLS is not set: `densing settings alert` explains it"
                )
            send(settings.alert_urls, "densing-pipeline: test", "Messages arrive here.")
            screen.say("Every address of DENSING_ALERT_URLS took the test message.")
            return
        set_home(settings, screen)
        # Importing dagster takes seconds; the other commands do without.
        from densing_pipeline.orchestration import storage
        from densing_pipeline.orchestration.checks import all_checks
        from densing_pipeline.orchestration.problems import (
            last_success,
            note_look,
            problems,
        )

        keys = [key for check in all_checks() for key in check.check_keys]
        now = clock.now()
        with storage.open_instance(settings) as instance:
            note_look(instance, now)
            found = problems(instance, settings, keys, now)
            succeeded = last_success(instance)
        for problem in found:
            screen.say(
                f"{problem.what} (since {problem.since:%Y-%m-%d %H:%M} UTC). {problem.remedy}."
            )
        if not found:
            screen.say("Nothing is wrong.")
        if is_told:
            tell(settings, found, now, succeeded)
    except (AlertError, StorageError) as error:
        raise CommandError(str(error)) from error
