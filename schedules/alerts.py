"""The sensor that tells a person what is wrong, through `alerts`."""

from collections.abc import Sequence

import dagster as dg

from densing_pipeline import clock
from densing_pipeline.alerts import telling
from densing_pipeline.alerts.sending import AlertError
from densing_pipeline.orchestration.problems import last_success, note_look, problems
from densing_pipeline.settings import Settings

INTERVAL_SECONDS = 300


def sensor(settings: Settings, checks: Sequence[dg.AssetChecksDefinition]) -> dg.SensorDefinition:
    """The `alerts` sensor; it starts no run.

    Args:
        settings: whom to tell.
        checks: the checks whose results are told.
    """
    keys = [key for check in checks for key in check.check_keys]

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=INTERVAL_SECONDS,
        description="Tell what is wrong to DENSING_ALERT_URLS, and DENSING_HEARTBEAT_URL that a night succeeded.",
        default_status=dg.DefaultSensorStatus.RUNNING,
        # Without a job, a sensor must name what it is about.
        asset_selection=dg.AssetSelection.assets("release"),
    )
    def tell(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = clock.now()
        # Before anybody is told, so that whoever sets the addresses later learns of a night that never came.
        note_look(context.instance, now)
        if not settings.alert_urls.strip() and not settings.heartbeat_url:
            return dg.SkipReason("DENSING_ALERT_URLS and DENSING_HEARTBEAT_URL are not set")
        found = problems(context.instance, settings, keys, now)
        try:
            message = telling.tell(settings, found, now, last_success(context.instance))
        except AlertError as error:
            # Not raised: the next tick sends it again, and the page of the sensor shows the reason.
            return dg.SkipReason(f"not sent: {error}")
        return dg.SkipReason(message or f"nothing new; {len(found)} known")

    return tell
