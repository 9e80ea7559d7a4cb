"""Run the nightly job once in this process, for the command line and CI."""

from contextlib import nullcontext

import dagster as dg

from densing_pipeline import state
from densing_pipeline.definitions import build_defs
from densing_pipeline.orchestration import storage
from densing_pipeline.settings import Settings

# The command line says itself what failed; Dagster's own trace is kept with the run.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

IN_PROCESS = {"densing/in_process": "true"}
"""Tag of runs that end with the process that began them."""


def run_nightly(settings: Settings, instance: dg.DagsterInstance | None = None) -> dict[str, str]:
    """Run the job and record it in the instance.

    Args:
        settings: where to read and write.
        instance: where the run is recorded; by default the one of `DAGSTER_HOME`.

    Returns:
        What failed, by step; empty if everything succeeded. That another run holds the state
        directory is a failure of the step `nightly`, that Dagster's database cannot be used one of
        the step `dagster`.
    """
    try:
        # The run takes the lock again, in this thread. Held before, no other run can be going while
        # runs that were killed are reported.
        with state.held(settings.state_dir, "`densing run`"):
            return _run(settings, instance)
    except storage.StorageError as error:
        return {"dagster": str(error)}
    except state.StateError as error:
        return {"nightly": str(error)}


def end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Report runs that were killed as failed: nobody else would, and they would look alive forever.

    Only to be called with the state directory held, when no run that is in process can be going.
    """
    going = dg.RunsFilter(tags=IN_PROCESS, statuses=[dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(going):
        instance.report_run_failed(run, "its process ended before the run did")


def _run(settings: Settings, instance: dg.DagsterInstance | None) -> dict[str, str]:
    job = build_defs(settings).resolve_job_def("nightly")
    with (
        storage.explained(settings.state_dir.absolute()),
        nullcontext(instance) if instance else storage.open_instance(settings) as recorded,
    ):
        end_killed_runs(recorded)
        result = job.execute_in_process(
            instance=recorded, run_config=QUIET, raise_on_error=False, tags=IN_PROCESS
        )
    failures = {}
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            error = event.step_failure_data.error
            failures[str(event.step_key)] = (error.cause or error).message.strip()
        elif event.is_run_failure and not failures and event.job_failure_data.error:
            # Before the first step, such as a resource that cannot be made.
            error = event.job_failure_data.error
            failures["nightly"] = (error.cause or error).message.strip()
    if not result.success and not failures:
        failures["nightly"] = "the run did not succeed; see it in the UI (make dev)"
    return failures
