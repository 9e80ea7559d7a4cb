"""Runs the evaluation job as a Ray job, through the Pipes client of dagster-ray.

Messages of Dagster Pipes come through the job's log. The state directory is on a disk that Ray's nodes share, or
evaluations travel through a store (`DENSING_EVALUATION_STORE`). Ray shows the variables of a job on its dashboard, so
`HF_TOKEN` and the store's credentials are none of them: the nodes have their own. If this process dies the job goes on,
and writes its outcome.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from dagster._core.errors import DagsterPipesExecutionError
from dagster._core.pipes.client import PipesClientCompletedInvocation
from ray.exceptions import AuthenticationError

from densing_pipeline.orchestration.launchers.launcher import (
    VISIBLE_AFTER_S,
    Context,
    JobEndedError,
    Order,
    UnknownEndError,
    in_short,
)
from densing_pipeline.orchestration.launchers.ray_client import PatientJobs, SilentDashboardError
from densing_pipeline.settings import Settings

EXIT_STATUS = re.compile(r"exit code (-?\d+)")
"""In Ray's message about a job whose command failed (`ray/dashboard/modules/job/job_supervisor.py`)."""


class RayLauncher:
    """Runs orders on the nodes of a Ray cluster."""

    def __init__(self, settings: Settings, visible_after_s: float = VISIBLE_AFTER_S) -> None:
        """Take the address of the cluster's dashboard; without one the variable `RAY_ADDRESS` is used."""
        self.visible_after_s = visible_after_s
        self._address = settings.ray_address

    def run(self, context: Context, order: Order) -> Mapping[str, Any]:
        """Run an order, as `Launcher.run`."""
        client = PatientJobs(self._address)
        return self._run(client, context, order).get_materialize_result().metadata or {}

    def output(self, context: Context, order: Order) -> tuple[int | None, list[str]]:
        """Run an order, as `Launcher.output`; its output is part of the run's log."""
        client = PatientJobs(self._address)
        status: int | None = 0
        try:
            self._run(client, context, order)
        except JobEndedError as error:
            if error.status is None:
                raise
            status = error.status
        return status, client.client.get_job_logs(order.name).splitlines()

    def _run(
        self, client: PatientJobs, context: Context, order: Order
    ) -> PipesClientCompletedInvocation:
        try:
            ended: PipesClientCompletedInvocation = client.run(
                context=context,
                submit_job_params={
                    "entrypoint": shlex.join(order.bounded()),
                    "submission_id": order.name,
                    "runtime_env": {"env_vars": dict(order.environment)},
                    "entrypoint_num_gpus": order.gpus,
                },
            )
        except (SilentDashboardError, DagsterPipesExecutionError) as error:
            # The latter if the job's log did not end with the job.
            raise UnknownEndError(in_short(error)) from error
        # Errors of the connection are `requests`' own, and all of them are OSErrors.
        except (OSError, RuntimeError, ValueError, AuthenticationError) as error:
            said = in_short(error)
            found = EXIT_STATUS.search(str(error))
            status = int(found[1]) if found else None
            # A job that has no exit status was not started, or its node died.
            raise JobEndedError(said, status, None if found else "installation") from error
        return ended
