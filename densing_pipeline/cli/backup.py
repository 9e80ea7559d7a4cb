"""`densing backup` and `densing restore`: the whole state directory as one file, and back."""

from pathlib import Path

from densing_pipeline import backup, state
from densing_pipeline.addresses import shown
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.publication.wording import counted
from densing_pipeline.units import MIB


def make(screen: Screen, target: Path) -> None:
    """Write a backup, and say what it holds and what it does not.

    Raises:
        CommandError: it could not be written, or another run holds the state directory.
    """
    settings = current_settings()
    try:
        copied = backup.make(settings, target)
    except (backup.BackupError, state.StateError) as error:
        raise CommandError(str(error)) from error
    screen.say(
        f"{target}: {counted(copied.files, 'file')} of {copied.size / MIB:.1f} MiB, in "
        f"{target.stat().st_size / MIB:.1f} MiB. Releases are not in it: copy {shown(settings.publish_url)} too."
    )
    if settings.database_url:
        screen.say(
            f"Dagster's runs are at {shown(settings.database_url)}: copy them with `pg_dump`."
        )


def restore(screen: Screen, source: Path) -> None:
    """Make the state directory from a backup, and say what came.

    Raises:
        CommandError: it is not a whole backup, or the state directory is not empty.
    """
    settings = current_settings()
    try:
        copied = backup.restore(source, settings)
    except backup.BackupError as error:
        raise CommandError(str(error)) from error
    screen.say(
        f"{settings.state_dir.absolute()}: {counted(copied.files, 'file')} of {copied.size / MIB:.1f} MiB, "
        f"every one as densing-pipeline {copied.made_by} backed it up."
    )
