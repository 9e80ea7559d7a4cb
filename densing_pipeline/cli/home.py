"""Where Dagster's configuration is, for the commands that use Dagster in this process."""

import os
from pathlib import Path

import densing_pipeline
from densing_pipeline import files
from densing_pipeline.settings import Settings


def set_home(settings: Settings) -> None:
    """Set Dagster's variables that are not set: that of the checkout, or the state directory alone.

    Raises:
        OSError: the state directory cannot be created.
    """
    state = settings.state_dir.absolute()
    state.mkdir(parents=True, exist_ok=True)
    if not os.environ.get("DAGSTER_HOME"):
        os.environ["DAGSTER_HOME"] = str(dagster_home(state))
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DENSING_STATE_DIR", str(state))


def dagster_home(state: Path) -> Path:
    """The folder of the `dagster.yaml` to use: the checkout's, or in an installed package the state directory.

    Args:
        state: the state directory; it gets a copy of the file that the wheel brings, unless it has one.
    """
    package = Path(densing_pipeline.__file__).parent
    if (package.parent / "dagster.yaml").is_file():
        return package.parent
    place = state / "dagster.yaml"
    if not place.exists():
        files.write(place, (package / "dagster.yaml").read_bytes())
    return state
