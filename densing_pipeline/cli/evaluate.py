"""`densing evaluate`: one model through the evaluation job, in the environment that the job needs.

The job is a module of its own environment (`make evaluation-env`), which has none of this project's
dependencies; this command replaces its own process with it, so that signals and the exit status are
the job's.
"""

import os
from pathlib import Path

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.evaluation.job_path import package_alone

JOB = "densing_pipeline.evaluation.job"


def run(model: str, revision: str | None, weights: Path | None, out: Path | None,
        benchmarks: str | None, limit: int | None, hang_seconds: float | None) -> None:  # fmt: skip
    """Evaluate a model; does not return.

    Raises:
        CommandError: there is no evaluation environment.
    """
    settings = current_settings()
    python = settings.evaluation_python.absolute()
    if not python.exists():
        raise CommandError(f"there is no {python}; `make evaluation-env` builds it")
    options = {
        "--model": model,
        "--revision": revision,
        "--weights": weights,
        "--out": out,
        "--benchmarks": benchmarks,
        "--limit": limit if limit is not None else settings.evaluation_limit,
        "--hang-seconds": hang_seconds,
        "--data": settings.evaluation_data,
        "--cache": settings.evaluation_cache_dir,
        "--disk-gib": settings.evaluation_disk_gib,
    }
    command = [str(python), "-m", JOB]
    command += [str(part) for pair in options.items() if pair[1] is not None for part in pair]
    environment = {**os.environ, "PYTHONPATH": str(package_alone(settings.state_dir))}
    if settings.hub_endpoint:
        environment["HF_ENDPOINT"] = settings.hub_endpoint
    os.execve(python, command, environment)  # noqa: S606
