"""The launcher of runs that `dagster.yaml` names: Dagster's own, which also says whether the process of a run is still there.

A run is a process of the code server, which reports a run whose process died. If the code server dies with it (power, a
restart of the machine), nobody does: Dagster would show the run as going on, and every later night would wait for it in the
queue until `DENSING_NIGHT_HOURS` are over. The daemon asks this launcher every minute. Not here: runs that `densing run`
begins end what earlier ones left (`nightly.end_killed_runs`).
"""

import json
import time
from pathlib import Path

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import ConfigurableClassData, deserialize_value

from densing_pipeline import state
from densing_pipeline.orchestration.own_runs import IN_PROCESS, is_own, place_tags
from densing_pipeline.settings import read_settings

SILENT_FOR_S = 300.0
"""Time without an answer after which a code server is taken for one that ended, with its runs: it is started again sooner."""

CODE_SERVER_ANSWER_S = 10
"""Longest wait for an answer of the code server."""

ENDED = "its process ended before the run did: it was killed, or the machine or the code server was started again"

GOING = CheckRunHealthResult(WorkerStatus.RUNNING)


class WatchedRunLauncher(DefaultRunLauncher):
    """Starts runs as processes of the code server, and finds those whose process ended."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """As Dagster makes it from `dagster.yaml`."""
        super().__init__(inst_data)
        self._silent_since: dict[str, float] = {}

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run, which is marked as one of this machine and state directory."""
        self._instance.add_run_tags(context.dagster_run.run_id, place_tags(read_settings()))
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether the daemon may ask: it may."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a run that has not ended is there.

        Runs of other installations on the same database are left to these.
        """
        settings = read_settings()
        if not is_own(run.tags, settings):
            return GOING
        if server := run.tags.get(GRPC_INFO_TAG):
            # A code server that was killed alone leaves its runs behind; those that write hold the state directory.
            is_there = self._is_known(run.run_id, server) or _holds(
                settings.state_dir, run.run_id[:8]
            )
        elif IN_PROCESS.items() <= run.tags.items():
            is_there = _holds(settings.state_dir, "densing run")
        else:
            is_there = True
        return GOING if is_there else CheckRunHealthResult(WorkerStatus.FAILED, ENDED)

    def _is_known(self, run_id: str, server: str) -> bool:
        """Whether the code server that started a run has its process, or has not been silent for long."""
        address = json.loads(server)
        client = DagsterGrpcClient(
            host=address.get("host"),
            port=address.get("port"),
            socket=address.get("socket"),
            use_ssl=bool(address.get("use_ssl", False)),
        )
        try:
            answer = client.can_cancel_execution(
                CanCancelExecutionRequest(run_id=run_id), timeout=CODE_SERVER_ANSWER_S
            )
        except DagsterUserCodeUnreachableError:
            now = time.monotonic()
            return now - self._silent_since.setdefault(run_id, now) < SILENT_FOR_S
        self._silent_since.pop(run_id, None)
        return deserialize_value(answer, CanCancelExecutionResult).can_cancel


def _holds(state_dir: Path, name: str) -> bool:
    """Whether the state directory is held by a run of a name, or cannot be read."""
    try:
        holder = state.holder(state_dir)
    except state.StateError:
        return True
    return holder is not None and name in holder
