"""The nightly job: all assets from the sources to the release, except evaluations."""

import dagster as dg

job = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets("evaluation"),
    description="Read every source, refit the density and cost curves, publish a release if anything changed.",
    # dagster.yaml allows one run with this tag at a time, because the run replaces the tables.
    tags={"densing/writes": "tables"},
)

schedule = dg.ScheduleDefinition(
    name="nightly",
    job=job,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
