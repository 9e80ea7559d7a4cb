"""`densing settings`, and the settings of this process for the other commands."""

import os
from pathlib import Path

from rich.table import Table

from densing_pipeline import state_format
from densing_pipeline.cli.errors import CommandError, SettingsRefusedError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.settings import Settings, SettingsError, read_settings, variables
from densing_pipeline.text import plain


def current_settings() -> Settings:
    """The settings of this process, for a command that may read or write the state directory.

    Raises:
        CommandError: a later version wrote the state directory, or its format cannot be read.
        SettingsRefusedError: as `reader_settings`.
    """
    settings = reader_settings()
    try:
        state_format.check(settings.state_dir.absolute())
    except state_format.FormatError as error:
        raise CommandError(str(error)) from error
    return settings


def reader_settings() -> Settings:
    """The settings of this process, for a command that reads releases alone, also beside a state directory of a later version.

    Raises:
        SettingsRefusedError: a variable has a value that is not allowed; one sentence for each.
    """
    try:
        return read_settings()
    except SettingsError as error:
        raise SettingsRefusedError(str(error)) from error


def with_publish_url(address: str) -> Settings:
    """The settings of this process with another place of publication.

    Raises:
        CommandError: as `current_settings`.
        SettingsRefusedError: as `reader_settings`, or no place is written like this.
    """
    current_settings()
    try:
        return read_settings(publish_url=address)
    except SettingsError as error:
        raise SettingsRefusedError(str(error)) from error


def published_folder() -> Path:
    """The folder with the releases; of a remote place a copy, with its latest release.

    Raises:
        CommandError: the place cannot be read, and there is no copy of it.
        SettingsRefusedError: as `reader_settings`.
    """
    from densing_pipeline.publication.places.copies import earlier_releases
    from densing_pipeline.publication.places.place import PlaceError

    settings = reader_settings()
    if not settings.is_remote:
        return settings.publish_dir
    try:
        return earlier_releases(settings)
    except PlaceError as error:
        raise CommandError(str(error)) from error


def explain(screen: Screen, part: str) -> None:
    """Print every variable whose name contains `part`: value here, default, meaning.

    Raises:
        CommandError: there is none.
    """
    found = [one for one in variables() if part.upper() in one.name]
    if not found:
        raise CommandError(f"no variable has {part!r} in its name; `densing settings` lists all")
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
    for one in found:
        # As it is set, not as it is read: the value may be the one that is refused.
        given = os.environ.get(one.name)
        here = "" if given is None else f"here {one.shown(given)}; "
        told = f"{here}default {one.default}"
        table.add_row(plain(one.name, "bold"), plain(f"{one.description} ({told})"))
    screen.show(table)
