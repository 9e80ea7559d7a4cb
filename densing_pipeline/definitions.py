"""The code location: assets, checks, jobs, schedules and resources on one screen."""

import dagster as dg

from densing_pipeline.addresses import redact_every_log
from densing_pipeline.assets import (
    cost,
    density,
    evaluation,
    forecasts,
    hub,
    prices,
    publication,
    rulers,
    score_sources,
)
from densing_pipeline.orchestration.checks import all_checks
from densing_pipeline.orchestration.code_server import keep_watching_runs
from densing_pipeline.orchestration.launchers import choice
from densing_pipeline.orchestration.state_lock import StateLock
from densing_pipeline.orchestration.tables import table_io_manager
from densing_pipeline.schedules import (
    alerts,
    evaluations,
    hub_sweep,
    maintenance,
    new_models,
    nightly,
)
from densing_pipeline.settings import Settings, read_settings


def build_defs(
    settings: Settings | None = None,
    evaluation_job: new_models.Job | None = None,
) -> dg.Definitions:
    """The definitions for these settings; tests, command line and production use the same.

    Args:
        settings: read from the environment if not given.
        evaluation_job: evaluates one model in place of our own job; the sensor `new_models` asks
            for its runs even where `DENSING_EVALUATE` is off.
    """
    settings = settings or read_settings()
    redact_every_log()
    keep_watching_runs()
    evaluate = evaluation_job or evaluations.job
    wanted = evaluate if settings.evaluate or evaluation_job else None
    launcher = choice.chosen(settings)
    check = evaluations.check_job(settings, launcher)
    checks = all_checks()
    night = nightly.job(settings)
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [hub, score_sources, evaluation, density, rulers, prices, cost, forecasts, publication]
        ),
        asset_checks=checks,
        jobs=[night, maintenance.job, hub_sweep.job, evaluate, check],
        schedules=[nightly.schedule(night), maintenance.schedule],
        sensors=[
            # Another job than ours may need other things, which the check does not know.
            new_models.sensor(settings, wanted, None if evaluation_job else check),
            alerts.sensor(settings, checks),
        ],
        resources={
            "settings": settings,
            "launcher": launcher,
            "lock": StateLock(
                state_dir=str(settings.state_dir),
                wait_minutes=settings.night_wait_minutes,
                step_hours=settings.step_hours,
            ),
            "tables": table_io_manager,
        },
        # One process: importing dagster, scipy and pandera anew in every step would take longer
        # than the steps themselves. Parallelism comes from runs.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev`, `dg` and the daemon load."""
    return build_defs()
