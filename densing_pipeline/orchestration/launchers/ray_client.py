"""Clients of Ray's dashboard that wait for no answer for ever, and outlive a dashboard that restarts.

Ray's own client gives its requests no time, and a dashboard whose node is only coming up may never answer one.
dagster-ray takes the first question about a job that fails for the job's end, though the job goes on.
"""

import time
from functools import cached_property
from typing import Any

from dagster import PipesMessageReader
from dagster._core.pipes.context import PipesLaunchedData
from dagster_ray import PipesRayJobClient
from dagster_ray.core.pipes import PipesRayJobMessageReader
from ray.job_submission import JobSubmissionClient

DASHBOARD_ANSWER_S = 60.0
"""Longest time without a byte of an answer."""

DASHBOARD_PATIENCE_S = 600.0
"""How long the dashboard may fail after a job was submitted, before its run is given up."""

ASK_AGAIN_S = 5.0
"""Seconds between two attempts."""

SERVER_ERRORS = 500
"""From this status on an answer says that the dashboard failed, not the request."""


class SilentDashboardError(OSError):
    """The dashboard has failed for `DASHBOARD_PATIENCE_S` since a job was submitted, which may have been started and go on."""


class PatientClient(JobSubmissionClient):
    """Ray's client of jobs with a time for each answer, and patience from the submission of a job on."""

    def __init__(self, address: str | None) -> None:
        """Ask the dashboard for its version.

        Raises:
            OSError: nothing answers there.
            RuntimeError: it is none of Ray, or of another version.
        """
        self._patience_s = 0.0
        super().__init__(address)

    def submit_job(self, **given: Any) -> str:
        """Submit a job; it is started once, however often it had to be asked for.

        Args:
            given: of Ray's `submit_job`; `submission_id` must be a name that no other job has.

        Raises:
            RuntimeError: Ray did not take the job.
            SilentDashboardError: it is not known whether it did.
        """
        self._patience_s, name = DASHBOARD_PATIENCE_S, str(given["submission_id"])
        try:
            super().submit_job(**given)
        except RuntimeError:
            # Taken already, if the answer to an earlier request was lost.
            if not self._is_known(name):
                raise
        return name

    def _is_known(self, name: str) -> bool:
        try:
            self.get_job_info(name)
        except RuntimeError:
            return False
        return True

    def _do_request(self, method: str, endpoint: str, **given: Any) -> Any:
        """Every request of Ray's client goes through here.

        Raises:
            OSError: no answer, before any job was submitted.
            SilentDashboardError: no answer afterwards.
        """
        until = time.monotonic() + self._patience_s
        while True:
            try:
                answer = super()._do_request(method, endpoint, timeout=DASHBOARD_ANSWER_S, **given)
                # A submission is refused by the same status with which a dashboard fails.
                if answer.status_code < SERVER_ERRORS or method == "POST" or not self._patience_s:
                    return answer
                problem = f"status {answer.status_code}"
            except OSError as error:  # as all errors of `requests` are
                if not self._patience_s:
                    raise
                problem = str(error)
            if time.monotonic() >= until:
                raise SilentDashboardError(
                    f"Ray's dashboard has failed for {DASHBOARD_PATIENCE_S:g} s ({problem})"
                )
            time.sleep(ASK_AGAIN_S)


class PatientJobs(PipesRayJobClient):
    """dagster-ray's client of Pipes, which asks through `PatientClient`."""

    def __init__(self, address: str | None) -> None:
        """Take the address of the dashboard; without one the variable `RAY_ADDRESS` is used."""
        super().__init__(address=address, message_reader=_Reader(self))
        self._dashboard = address

    @cached_property
    def client(self) -> PatientClient:
        """The client; made when it is first asked for."""
        return PatientClient(self._dashboard)


class _Reader(PipesRayJobMessageReader):
    """Reads a job's log through the client that started the job, in place of another one without patience."""

    def __init__(self, jobs: PatientJobs) -> None:
        super().__init__()
        self._jobs = jobs

    def on_launched(self, launched_payload: PipesLaunchedData) -> None:
        self._client = self._jobs.client
        self._job_id = launched_payload["extras"]["ray_job_id"]
        PipesMessageReader.on_launched(self, launched_payload)
