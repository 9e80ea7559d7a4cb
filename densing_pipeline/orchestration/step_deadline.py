"""The longest time of one step: what hangs is ended with one sentence, and the run goes on with the other steps.

Dagster has a longest time for runs, none for steps. Here each step's start sets an alarm of the operating system, and its
end unsets it. The alarm interrupts the step wherever it is, so it fails, steps that need it are skipped, and all others
run. A step within a library that does not return to Python cannot be interrupted: then the process ends itself, and the
run is reported as failed with the same sentence. Not here: the time of requests (`bounded_http`, `fetch`) and of whole
nights (`nightly`).
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import dagster as dg

UNBOUNDED = "densing/step_may_take_any_time"
"""Tag of the runs whose steps have no deadline."""

AGAIN_S = 30.0
"""Seconds after which a step that goes on despite its alarm is interrupted again."""

GRACE_S = 300.0
"""Seconds after its deadline at which a step that cannot be interrupted is ended with its process."""


class StepOverdueError(BaseException):
    """A step took longer than it may.

    It is no `Exception`, because polls keep any exception of one source from the others and go on.
    """


@contextmanager
def ending_overdue_steps(
    instance: dg.DagsterInstance, run_id: str, hours: float, grace_s: float = GRACE_S
) -> Iterator[None]:
    """Give the steps of a run that this process executes a longest time.

    Only the main thread can be interrupted: elsewhere, as in tests that run a job in a thread, there is no deadline.

    Args:
        instance: where the run is recorded.
        run_id: of the run.
        hours: longest time of one step.
        grace_s: seconds after which the process is ended that has not left the step.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    steps = _Steps(instance, run_id, hours, grace_s)
    before = signal.signal(signal.SIGALRM, steps.interrupt)
    instance.add_event_listener(run_id, steps.told)
    try:
        yield
    finally:
        steps.close()
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


class _Steps:
    """The step that runs, and its two alarms."""

    def __init__(
        self, instance: dg.DagsterInstance, run_id: str, hours: float, grace_s: float
    ) -> None:
        self._instance, self._run_id, self._hours = instance, run_id, hours
        self._grace_s = grace_s
        self._step = ""
        self._last: threading.Timer | None = None
        self._is_closed = False

    def told(self, entry: dg.EventLogEntry) -> None:
        """Set the alarms as a step starts, unset them as it ends."""
        event = entry.dagster_event
        if event is None or event.step_key is None or self._is_closed:
            return
        if event.is_step_start or event.is_step_restarted:
            self._begin(event.step_key)
        elif event.is_step_success or event.is_step_failure or event.is_step_up_for_retry:
            self._end()

    def close(self) -> None:
        """Set no further alarm."""
        self._is_closed = True
        self._end()

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raise within the step; the handler of the signal.

        Raises:
            StepOverdueError: always.
        """
        raise StepOverdueError(self._sentence())

    def _begin(self, step: str) -> None:
        self._end()
        self._step, seconds = step, 3600 * self._hours
        self._last = threading.Timer(seconds + self._grace_s, self._end_process)
        self._last.daemon = True
        self._last.start()
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)

    def _end(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._last:
            self._last.cancel()

    def _end_process(self) -> None:
        sentence = f"{self._sentence()}. No signal reached it, so its process was ended"
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
        try:
            if run := self._instance.get_run_by_id(self._run_id):
                self._instance.report_run_failed(run, sentence)
        finally:
            os._exit(1)

    def _sentence(self) -> str:
        return (
            f"the step {self._step} was ended after {self._hours:g} hours (DENSING_STEP_HOURS): its trace in Dagster "
            "shows what it waited for; the next night runs it again, and if it needs the time, raise the variable"
        )
