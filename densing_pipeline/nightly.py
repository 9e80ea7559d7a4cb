"""Run the nightly job once in this process, for the command line and CI."""

import os
import signal
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Protocol

import dagster as dg
from dagster._core.utils import make_new_run_id

from densing_pipeline import state
from densing_pipeline.definitions import build_defs
from densing_pipeline.orchestration import storage
from densing_pipeline.orchestration.error_text import error_text
from densing_pipeline.orchestration.own_runs import IN_PROCESS, in_process_tags, place_tags
from densing_pipeline.settings import Settings

# The command line says itself what failed; Dagster's own trace is kept with the run.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class OverdueError(RuntimeError):
    """A night took longer than it may, and was ended."""


class Watcher(Protocol):
    """Receives the steps of a run as they start and end."""

    def begin(self, steps: Mapping[str, float | None]) -> None:
        """The steps that make tables, with the seconds each took in the last run, None if unknown."""

    def started(self, step: str) -> None:
        """One of the steps starts."""

    def ended(self, step: str, *, is_ok: bool) -> None:
        """One of the steps ended."""


def run_nightly(
    settings: Settings,
    instance: dg.DagsterInstance | None = None,
    watch: Watcher | None = None,
    only: Collection[str] | None = None,
) -> dict[str, str]:
    """Run the job and record it in the instance.

    Args:
        settings: where to read and write.
        instance: where the run is recorded; by default the one of `DAGSTER_HOME`.
        watch: is told of each step.
        only: names of the assets that are made, with their checks; all if None.

    Returns:
        What failed, by step; empty if everything succeeded. That another run holds the state
        directory is a failure of the step `nightly`, that Dagster's database cannot be used one of
        the step `dagster`.

    Raises:
        KeyboardInterrupt: the run was interrupted (Ctrl-C, or a signal to end).
    """
    try:
        # The run takes the lock again, in this thread. Held before, no other run can be going while
        # runs that were killed are reported.
        with state.held(settings.state_dir, "`densing run`"), _ended_after(settings.night_hours):
            return _run(settings, instance, watch, only)
    except OverdueError as error:
        return {"nightly": str(error)}
    except state.StorageError as error:
        return {"dagster": str(error)}
    except state.StateError as error:
        return {"nightly": str(error)}


@contextmanager
def _ended_after(hours: float) -> Iterator[None]:
    """End the night when it has taken so long.

    It is interrupted as Ctrl-C does it, which also ends a wait for a server or a lock.

    Raises:
        OverdueError: it was ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can be interrupted
        return
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(hours * 3600, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if is_over.is_set():
            raise OverdueError(
                f"the night was ended after {hours:g} hours (DENSING_NIGHT_HOURS); the run in Dagster shows the step "
                "it was in. The next night goes on with what has landed"
            ) from interrupt
        raise
    finally:
        timer.cancel()


def end_killed_runs(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Mark runs of this installation as failed whose process was killed.

    Dagster would show them as running forever. Call it only while holding the state directory's lock,
    when no other run of this kind can be active.
    """
    going = dg.RunsFilter(tags=in_process_tags(settings), statuses=[dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(going):
        instance.report_run_failed(run, "its process ended before the run did")


def _watch(
    instance: dg.DagsterInstance, job: dg.JobDefinition, run_id: str, watch: Watcher
) -> None:
    """Report the steps of a run to the watcher."""
    checks = {
        f"{key.asset_key.path[-1]}_{key.name}"
        for key in job.asset_layer.asset_graph.asset_check_keys
    }
    steps = [node.name for node in job.nodes if node.name not in checks]
    before = instance.get_runs(
        dg.RunsFilter(job_name=job.name, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1
    )
    took = {
        one.step_key: one.end_time - one.start_time
        for run in before
        for one in instance.get_run_step_stats(run.run_id)
        if one.start_time is not None and one.end_time is not None
    }
    watch.begin({step: took.get(step) for step in steps})

    def told(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None or event.step_key not in steps:
            return
        if event.is_step_start:
            watch.started(event.step_key)
        elif event.is_step_success or event.is_step_failure or event.is_step_skipped:
            watch.ended(event.step_key, is_ok=event.is_step_success)

    instance.add_event_listener(run_id, told)


def _run(
    settings: Settings,
    instance: dg.DagsterInstance | None,
    watch: Watcher | None,
    only: Collection[str] | None,
) -> dict[str, str]:
    job = build_defs(settings).resolve_job_def("nightly")
    run_id = make_new_run_id()
    with (
        storage.explained(settings),
        nullcontext(instance) if instance else storage.open_instance(settings) as recorded,
    ):
        end_killed_runs(recorded, settings)
        if watch:
            _watch(recorded, job, run_id, watch)
        try:
            result = job.execute_in_process(
                instance=recorded, run_config=QUIET, raise_on_error=False, tags={**IN_PROCESS, **place_tags(settings)},
                run_id=run_id,
                asset_selection=None if only is None else [dg.AssetKey(name) for name in only],
            )  # fmt: skip
        except dg.DagsterExecutionInterruptedError as interrupt:
            raise KeyboardInterrupt from interrupt
    return failures(result)


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """What failed in a run, by step; empty if it succeeded.

    Raises:
        KeyboardInterrupt: the run was interrupted within a step.
    """
    found = {}
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            error = event.step_failure_data.error
            # Dagster reports an interrupt within a step as a failure of the step.
            if error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
                raise KeyboardInterrupt
            found[str(event.step_key)] = error_text(error)
        elif event.is_run_failure and not found and event.job_failure_data.error:
            # Before the first step, such as a resource that cannot be made.
            error = event.job_failure_data.error
            found[result.job_def.name] = error_text(error)
    if not result.success and not found:
        found[result.job_def.name] = "the run did not succeed; see it in the UI (make dev)"
    return found
