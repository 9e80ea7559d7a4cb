"""The resource that holds the state directory for the whole of a run, whatever started the run.

Dagster makes the resources of a run before its first step and ends them after its last one, in the
process that executes it. So a run from the UI, a schedule, a sensor, GraphQL, `dg launch` or
`densing run` holds the lock as soon as one of its assets needs this resource, and its steps have a longest
time. Not here: the lock (`state`), and how a step is ended (`step_deadline`).
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import dagster as dg
from dagster._core.errors import raise_execution_interrupts

from densing_pipeline import state
from densing_pipeline.orchestration.step_deadline import UNBOUNDED, ending_overdue_steps
from densing_pipeline.publication.consistency import check_not_replaced, running

SCHEDULE = "dagster/schedule_name"
SENSOR = "dagster/sensor_name"
BACKFILL = "dagster/backfill"


class StateLock(dg.ConfigurableResource["StateLock"]):
    """Holds the state directory during a run that writes tables, landed responses or releases.

    A scheduled run waits for a process that holds it; every other run is refused at once and fails with
    the name of the holder.

    Attributes:
        state_dir: the state directory.
        wait_minutes: longest wait of a scheduled run.
        step_hours: longest time of one step.
    """

    state_dir: str
    wait_minutes: float
    step_hours: float

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[Self]:
        """Hold the directory as long as the run needs its resources.

        Raises:
            StateBusyError: another process holds it, at the end of the wait.
            StateError: the directory cannot be written.
            ReplacedError: the package was updated during the wait.
            DagsterExecutionInterruptedError: the run was cancelled while it waited.
        """
        tags = {} if context.run is None else context.run.tags
        running()
        with ExitStack() as stack:
            # Dagster defers signals between steps; a wait of up to an hour must be interruptible.
            with raise_execution_interrupts():
                stack.enter_context(
                    state.held(
                        Path(self.state_dir),
                        _started_by(context.run),
                        wait_seconds=60 * self.wait_minutes if SCHEDULE in tags else 0,
                        on_wait=lambda holder: _log(context, holder, self.wait_minutes),
                    )
                )
            check_not_replaced()
            if context.instance and context.run and UNBOUNDED not in tags:
                steps = ending_overdue_steps(context.instance, context.run.run_id, self.step_hours)
                stack.enter_context(steps)
            yield self


def _started_by(run: dg.DagsterRun | None) -> str:
    """What started a run, for the message to other processes."""
    if run is None:
        return "a Python program"
    for tag, what in ((SCHEDULE, "schedule"), (SENSOR, "sensor"), (BACKFILL, "backfill")):
        if tag in run.tags:
            return f"run {run.run_id[:8]} of the {what} {run.tags[tag]}"
    return f"run {run.run_id[:8]} started by hand"


def _log(context: dg.InitResourceContext, holder: str, minutes: float) -> None:
    if context.log is not None:
        context.log.info(f"waiting up to {minutes:g} min for {holder}, which is writing")
