"""The job that deletes and packs what is no longer needed as it is, every day after the night."""

import dagster as dg

from densing_pipeline import clock
from densing_pipeline.orchestration import maintenance, run_retention
from densing_pipeline.settings import Settings


@dg.op
def delete_old_runs(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """Delete runs that ended long ago, with their events and logs, and old ticks of schedules and sensors."""
    deleted = run_retention.delete_old_runs(context.instance, settings, clock.now())
    context.log.info(f"deleted {deleted}")
    run_retention.delete_old_ticks(context.instance, settings, clock.now())


@dg.op
def tidy_files(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """Put the receipts of each source and past month into one file, and delete what nothing reads any more."""
    context.log.info(maintenance.tidy(settings, clock.now()))


@dg.job(
    name="maintenance",
    description="Delete runs that ended more than DENSING_KEEP_RUNS_DAYS days ago, with their events and logs, ticks, and "
    "files that nothing reads any more; pack the receipts of before a week.",
    executor_def=dg.in_process_executor,
)
def job() -> None:
    """Two steps, neither of which needs the other."""
    delete_old_runs()
    tidy_files()


schedule = dg.ScheduleDefinition(
    name="maintenance",
    job=job,
    cron_schedule="0 12 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
