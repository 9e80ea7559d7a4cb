"""The job that deletes what is no longer needed, every day after the night."""

import dagster as dg

from densing_pipeline import clock
from densing_pipeline.orchestration import run_retention
from densing_pipeline.settings import Settings


@dg.op
def delete_old_runs(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """Delete runs that ended long ago, with their events and logs."""
    deleted = run_retention.delete_old_runs(context.instance, settings, clock.now())
    context.log.info(f"deleted {deleted}")


@dg.job(
    name="maintenance",
    description="Delete runs that ended more than DENSING_KEEP_RUNS_DAYS days ago, with their events and logs.",
    executor_def=dg.in_process_executor,
)
def job() -> None:
    """One step."""
    delete_old_runs()


schedule = dg.ScheduleDefinition(
    name="maintenance",
    job=job,
    cron_schedule="0 12 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
