"""Which launcher the settings name."""

import importlib.util

from densing_pipeline.orchestration.launchers.launcher import Launcher
from densing_pipeline.orchestration.launchers.local import LocalLauncher
from densing_pipeline.orchestration.launchers.slurm import SlurmLauncher
from densing_pipeline.settings import Settings, SettingsError

LIBRARIES = {"ray": "dagster_ray", "kubernetes": "dagster_k8s"}
"""Module that a launcher needs, by its name, which is also that of the package's extra."""


def chosen(settings: Settings) -> Launcher:
    """The launcher that `DENSING_EVALUATE_ON` names.

    Raises:
        SettingsError: what it needs is not installed, or not set.
    """
    name = settings.evaluate_on
    if (needed := LIBRARIES.get(name)) and importlib.util.find_spec(needed) is None:
        raise SettingsError(
            f"DENSING_EVALUATE_ON is {name!r}, which needs a library that is not installed: pip install "
            f"'densing-pipeline[{name}]'"
        )
    # Imported here, because their libraries are extras of the package.
    if name == "ray":
        from densing_pipeline.orchestration.launchers.ray import RayLauncher

        return RayLauncher(settings)
    if name == "kubernetes":
        from densing_pipeline.orchestration.launchers.kubernetes import KubernetesLauncher

        return KubernetesLauncher(settings)
    return SlurmLauncher(settings) if name == "slurm" else LocalLauncher()
