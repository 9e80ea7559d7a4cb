"""The job that reads the whole Hub, started by hand."""

import dagster as dg

from densing_pipeline import clock
from densing_pipeline.hub import sweep
from densing_pipeline.hub.client import Hub
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.state_lock import StateLock
from densing_pipeline.orchestration.step_deadline import UNBOUNDED
from densing_pipeline.settings import Settings


@dg.op
def sweep_hub(
    context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings], lock: StateLock
) -> None:
    """Land the whole listing of the Hub; an unfinished sweep is resumed.

    It holds the state directory, so a night that begins meanwhile waits or is refused. A sweep that is
    ended for a night goes on after its last page when it is started again.
    """
    hub = Hub.of(settings)
    done = sweep.sweep(LandingZone(settings.landing_dir), hub, settings.hub_page_size, clock.now)
    context.log.info(f"sweep {done.name}: {done.rows} records on {done.pages} pages {hub.remarks}")


@dg.job(
    name="hub_sweep",
    description="Read the whole Hub once; the next nightly run uses what it found.",
    executor_def=dg.in_process_executor,
    # It may take half a day, and goes on after its last page when it is started again.
    tags={UNBOUNDED: "true"},
)
def job() -> None:
    """One step."""
    sweep_hub()
