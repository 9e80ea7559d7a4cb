"""The nightly chain: everything, from the sources to the release."""

import dagster as dg

job = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    description="Read every source, refit the density and cost curves, publish a release if anything changed.",
)

schedule = dg.ScheduleDefinition(
    name="nightly",
    job=job,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
