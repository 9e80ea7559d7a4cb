"""A step that hangs is ended with one sentence, and the run goes on without it."""

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest

from densing_pipeline.orchestration.step_deadline import ending_overdue_steps

ROOT = Path(__file__).parents[3]

HANGING = """
import signal, sys, time
import dagster as dg
from densing_pipeline.orchestration.step_deadline import ending_overdue_steps

@dg.op
def stuck():
    # As a library that does not return to Python: the alarm does not reach the step.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    while True:
        time.sleep(10)

@dg.job
def night():
    stuck()

with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    run = "0" * 32
    with ending_overdue_steps(instance, run, hours=1e-5, grace_s=0.1):
        night.execute_in_process(instance=instance, run_id=run)
"""


@dg.op
def stuck() -> None:
    """Keeps every exception to itself, as a poll does with that of a source; its alarm comes at once."""
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 3600
    while True:
        with contextlib.suppress(Exception):
            signal.raise_signal(signal.SIGALRM)


@dg.op(ins={"after": dg.In(dg.Nothing)})
def needs_it() -> None: ...


@dg.op
def needs_it_not() -> None: ...


@dg.job
def night() -> None:
    needs_it(stuck())
    needs_it_not()


@dg.job
def quick_night() -> None:
    needs_it_not()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def run(job: dg.JobDefinition, instance: dg.DagsterInstance, hours: float):
    run_id = "0" * 32
    with ending_overdue_steps(instance, run_id, hours):
        return job.execute_in_process(instance=instance, run_id=run_id, raise_on_error=False)


def test_a_step_that_hangs_is_ended_and_those_that_do_not_need_it_run(instance):
    result = run(night, instance, hours=1)
    ended = {event.step_key: event.event_type_value for event in result.all_node_events}
    assert ended == {"stuck": "STEP_FAILURE", "needs_it_not": "STEP_SUCCESS"}
    (failed,) = [event for event in result.all_node_events if event.is_step_failure]
    assert failed.step_failure_data.error
    told = failed.step_failure_data.error.message
    assert "the step stuck was ended after 1 hours (DENSING_STEP_HOURS)" in told
    assert "raise the variable" in told


def test_a_step_in_time_leaves_no_alarm(instance):
    before = signal.getsignal(signal.SIGALRM)
    assert run(quick_night, instance, hours=1).success
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


def test_in_another_thread_a_run_has_no_deadline(instance):
    results = []
    thread = threading.Thread(target=lambda: results.append(run(quick_night, instance, 1e-9)))
    thread.start()
    thread.join()
    assert results[0].success


@pytest.mark.heavy
def test_a_step_that_cannot_be_interrupted_is_ended_with_its_process(tmp_path):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", HANGING, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert "the step stuck was ended after 1e-05 hours" in done.stderr
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        (ended,) = instance.get_runs()
    assert ended.status == dg.DagsterRunStatus.FAILURE
