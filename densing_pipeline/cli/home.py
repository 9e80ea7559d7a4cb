"""Where Dagster's configuration is, for the commands that use Dagster in this process."""

import os
from pathlib import Path

from densing_pipeline.settings import Settings


def set_home(settings: Settings) -> None:
    """Set Dagster's variables that are not set: that of the checkout, or the state directory alone.

    Raises:
        OSError: the state directory cannot be created.
    """
    state = settings.state_dir.absolute()
    state.mkdir(parents=True, exist_ok=True)
    # dagster.yaml is that of the checkout; without one, everything stays in the state directory.
    home = Path.cwd() if Path("dagster.yaml").exists() else state
    os.environ.setdefault("DAGSTER_HOME", str(home))
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DENSING_STATE_DIR", str(state))
