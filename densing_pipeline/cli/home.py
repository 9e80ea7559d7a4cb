"""Where Dagster's configuration is, for the commands that use Dagster in this process."""

import os
from pathlib import Path

import densing_pipeline
from densing_pipeline import files
from densing_pipeline.cli.errors import SettingsRefusedError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.settings import Settings

CONFIGURATION = "dagster.yaml"

PACKAGE = Path(densing_pipeline.__file__).parent

BROUGHT = "dagster.yaml.packaged"
"""Copy of the configuration that the package last brought, beside the one in use."""


def set_home(settings: Settings, screen: Screen) -> None:
    """Set Dagster's variables that are not set: that of the checkout, or the state directory alone.

    Args:
        settings: name the state directory.
        screen: is told if a new version's configuration was not put in the place of an edited one.

    Raises:
        OSError: the state directory cannot be created.
        SettingsRefusedError: `DAGSTER_HOME` is set to a folder that Dagster cannot use, or that has no configuration.
    """
    state = settings.state_dir.absolute()
    files.make_private(state)
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        os.environ["DAGSTER_HOME"] = str(dagster_home(state, screen))
    else:
        if Path(home) == state:
            # As services set it, for which Dagster's own programs would find no configuration there.
            _renew(state, screen)
        _check_home(Path(home))
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DENSING_STATE_DIR", str(state))


def _check_home(home: Path) -> None:
    """Refuse a `DAGSTER_HOME` under which Dagster would not start, or would keep its runs elsewhere than in the state directory.

    Raises:
        SettingsRefusedError: it is no absolute path, or no folder with a `dagster.yaml`.
    """
    if not home.is_absolute():
        wrong = "Dagster wants an absolute path"
    elif not home.is_dir():
        wrong = "there is no such folder"
    elif not (home / CONFIGURATION).is_file():
        wrong = f"it has no {CONFIGURATION}, without which Dagster keeps its runs in a database of its own there"
    else:
        return
    raise SettingsRefusedError(
        f"DAGSTER_HOME is '{home}': {wrong}; unset it, or set it to the state directory or to a checkout"
    )


def dagster_home(state: Path, screen: Screen) -> Path:
    """The folder of the `dagster.yaml` to use: the checkout's, or in an installed package the state directory.

    Args:
        state: the state directory; it gets a copy of the file that the wheel brings.
        screen: as in `set_home`.
    """
    configuration = _configuration()
    if configuration.parent != PACKAGE:
        return configuration.parent
    _renew(state, screen)
    return state


def _configuration() -> Path:
    """The `dagster.yaml` of this version: beside the package in a checkout, in it where it is installed."""
    beside = PACKAGE.parent / CONFIGURATION
    return beside if beside.is_file() else PACKAGE / CONFIGURATION


def _renew(state: Path, screen: Screen) -> None:
    if remark := renew(state, _configuration().read_bytes()):
        screen.say(remark)


def renew(state: Path, brought: bytes) -> str:
    """Give a state directory the configuration that the package brings, unless its copy was edited.

    A copy that equals the one last brought, which is kept beside it, was not edited.

    Args:
        state: the state directory.
        brought: content of the package's `dagster.yaml`.

    Returns:
        A remark on an edited copy that stays, once for each new configuration; else nothing.
    """
    copy, original = state / CONFIGURATION, state / BROUGHT
    here, before = _content(copy), _content(original)
    is_edited = here not in (None, before, brought)
    # In this order: broken off in between, the copy still counts as not edited.
    if not is_edited and here != brought:
        files.write(copy, brought)
    if before == brought:
        return ""
    files.write(original, brought)
    if not is_edited:
        return ""
    return (
        f"{copy} was edited, so this version's configuration of Dagster did not replace it: compare it "
        f"with {original.name} beside it, or delete it to get the new one with the next command."
    )


def _content(path: Path) -> bytes | None:
    """The bytes of a file; None if there is none."""
    return path.read_bytes() if path.exists() else None
