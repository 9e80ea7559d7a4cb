"""The nightly job: all assets from the sources to the release, except evaluations."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from densing_pipeline.settings import Settings

RETRIES = 2
"""Most times a night is begun again whose process died. A night with a step that failed is not: requests have been made
several times by then, and what else fails a step needs a person."""


def job(settings: Settings) -> UnresolvedAssetJobDefinition:
    """The job `nightly`.

    Args:
        settings: the longest time it may run.
    """
    return dg.define_asset_job(
        "nightly",
        selection=dg.AssetSelection.all() - dg.AssetSelection.assets("evaluation"),
        description="Read every source, refit the density and cost curves, publish a release if anything changed.",
        tags={
            # dagster.yaml allows one run with this tag at a time, because the run replaces the tables.
            "densing/writes": "tables",
            # Of the daemon, which watches runs; `densing run` watches itself.
            "dagster/max_runtime": str(round(3600 * settings.night_hours)),
            "dagster/max_retries": str(RETRIES),
            "dagster/retry_on_asset_or_op_failure": "false",
        },
    )


def schedule(of: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The schedule of the job."""
    return dg.ScheduleDefinition(
        name="nightly",
        job=of,
        cron_schedule="0 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
