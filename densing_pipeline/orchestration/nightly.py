"""Run the nightly job once in this process, for the command line and CI."""

from contextlib import nullcontext

import dagster as dg
from sqlalchemy.exc import DatabaseError

from densing_pipeline.definitions import build_defs
from densing_pipeline.settings import Settings

# The command line says itself what failed; Dagster's own trace is kept with the run.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_nightly(settings: Settings, instance: dg.DagsterInstance | None = None) -> dict[str, str]:
    """Run the job and record it in the instance.

    Args:
        settings: where to read and write.
        instance: where the run is recorded; by default the one of `DAGSTER_HOME`.

    Returns:
        What failed, by step; empty if everything succeeded.
    """
    try:
        return _run(settings, instance)
    except DatabaseError as error:
        return {
            "dagster": f"its database below {settings.state_dir.absolute()} cannot be used "
            f"({error.orig}); move history/, schedules/ and runs.db there away and run again: "
            "tables and releases do not depend on them"
        }


def _run(settings: Settings, instance: dg.DagsterInstance | None) -> dict[str, str]:
    job = build_defs(settings).resolve_job_def("nightly")
    with nullcontext(instance) if instance else dg.DagsterInstance.get() as recorded:
        result = job.execute_in_process(instance=recorded, run_config=QUIET, raise_on_error=False)
    failures = {}
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            error = event.step_failure_data.error
            failures[str(event.step_key)] = (error.cause or error).message.strip()
    if not result.success and not failures:
        failures["nightly"] = "the run did not succeed; see it in the UI (make dev)"
    return failures
