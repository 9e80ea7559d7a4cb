"""`densing evaluate`: one model through the evaluation job, in the environment that the job needs.

The job is a module of its own environment (`make evaluation-env`), which has none of this project's
dependencies; this command replaces its own process with it, so that signals and the exit status are
the job's.
"""

import os
from datetime import date
from pathlib import Path
from typing import NoReturn

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.evaluation.job_path import (
    check_command,
    environment_lacks,
    job_command,
    job_environment,
    package_alone,
)
from densing_pipeline.settings import Settings


def run(model: str, revision: str | None, weights: Path | None, out: Path | None,
        benchmarks: str | None, limit: int | None, sample_error: float | None, released: date | None,
        hang_seconds: float | None) -> None:  # fmt: skip
    """Evaluate a model; does not return.

    Raises:
        CommandError: there is no evaluation environment.
    """
    settings = current_settings()
    python = settings.evaluation_python.absolute()
    if lacking := environment_lacks(python):
        raise CommandError(lacking)
    options = {
        "--model": model,
        "--revision": revision,
        "--weights": weights,
        "--out": out,
        "--benchmarks": benchmarks,
        "--limit": limit if limit is not None else settings.evaluation_limit,
        "--sample-error": sample_error
        if sample_error is not None or limit is not None
        else settings.evaluation_sample_error,
        "--released": released,
        "--hang-seconds": hang_seconds,
        "--data": settings.evaluation_data,
        "--cache": settings.evaluation_cache_dir,
        "--disk-gib": settings.evaluation_disk_gib,
        # The folder in which jobs of the cluster measure the same model; a folder of one's own goes nowhere.
        "--store": settings.evaluation_store if out is None else None,
    }
    _replace_process(python, job_command(python, options), settings)


def check() -> None:
    """Try the installation in the evaluation environment; does not return.

    Raises:
        CommandError: there is no evaluation environment, or evaluations run on a cluster.
    """
    settings = current_settings()
    if settings.evaluate_on != "local":
        raise CommandError(
            f"evaluations run on {settings.evaluate_on}, so this machine says nothing about them: start the job "
            "check_evaluation in Dagster's page, or `dagster job execute -m densing_pipeline.definitions -j "
            "check_evaluation`"
        )
    python = settings.evaluation_python.absolute()
    if lacking := environment_lacks(python):
        raise CommandError(lacking)
    trial = check_command(python, settings.state_dir, settings.evaluation_cache_dir)
    _replace_process(python, trial, settings)


def _replace_process(python: Path, command: list[str], settings: Settings) -> NoReturn:
    environment = os.environ | job_environment(
        package_alone(settings.job_dir), settings.hub_endpoint
    )
    os.execve(python, command, environment)  # noqa: S606
