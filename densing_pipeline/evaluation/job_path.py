"""How the evaluation job is started in its own environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import densing_pipeline
from densing_pipeline import files


def environment_lacks(python: Path) -> str | None:
    """Message if the evaluation environment is missing, else None.

    Args:
        python: its Python.
    """
    return None if python.exists() else f"there is no {python}; `make evaluation-env` builds it"


def job_command(
    python: Path, options: Mapping[str, object], module: Literal["job", "preflight"] = "job"
) -> list[str]:
    """The job's command line, or that of the check before it.

    Args:
        python: Python of the evaluation environment, absolute; only the link's own path, not where it
            leads, makes it the environment's Python.
        options: value of each option; those that are None are left out.
        module: what is run.
    """
    given = [str(part) for pair in options.items() if pair[1] is not None for part in pair]
    return [str(python), "-m", f"densing_pipeline.evaluation.{module}", *given]


def check_command(python: Path, state_dir: Path, cache: Path) -> list[str]:
    """Command line of the check before evaluations.

    Args:
        python: as of `job_command`.
        state_dir: where the verdict is kept.
        cache: folder of the weights.
    """
    options = {"--state-dir": state_dir.absolute(), "--cache": cache.absolute()}
    return job_command(python.absolute(), options, "preflight")


def job_environment(state_dir: Path, hub_endpoint: str | None) -> dict[str, str]:
    """Environment variables of the job and of the check, beside those of this process.

    Args:
        state_dir: state directory of the pipeline.
        hub_endpoint: address of the Hub, unless it is the usual one.
    """
    # Otherwise the Hub's library downloads a list of coding agents for its User-Agent.
    told = {"PYTHONPATH": str(package_alone(state_dir)), "HF_HUB_DISABLE_TELEMETRY": "1"}
    return told | ({"HF_ENDPOINT": hub_endpoint} if hub_endpoint else {})


def package_alone(state_dir: Path) -> Path:
    """A folder with nothing but this package in it, for the job's module path.

    The folder the package is installed in may hold the orchestrator's libraries as well, which must
    not get before the evaluation environment's own.
    """
    folder, package = state_dir.absolute() / "job", Path(densing_pipeline.__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / package.name
    if not link.is_symlink() or link.readlink() != package:
        files.link(link, package)
    return folder
