"""Which launcher the settings name."""

from densing_pipeline.orchestration.launchers.launcher import Launcher
from densing_pipeline.orchestration.launchers.local import LocalLauncher
from densing_pipeline.orchestration.launchers.slurm import SlurmLauncher
from densing_pipeline.settings import Settings


def chosen(settings: Settings) -> Launcher:
    """The launcher that `DENSING_EVALUATE_ON` names."""
    return SlurmLauncher(settings) if settings.evaluate_on == "slurm" else LocalLauncher()
