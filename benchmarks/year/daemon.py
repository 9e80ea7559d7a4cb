"""The loops of Dagster's daemon by a fast clock, in this process.

    python -m benchmarks.year.daemon TICKS LOOKS PAUSE WORKSPACE CODE_SERVER REPORT

Every loop is that of `dagster-daemon`, with the real code server beside it; only the clock is set on by five minutes
each time, and runs that schedules and sensors ask for end at once (`EndingLauncher`). PAUSE is the wait between two ticks, seconds; WORKSPACE is the workspace file
that names the code server, CODE_SERVER its process.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.launcher.base import LaunchRunContext, RunLauncher
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.controller import create_daemons_from_instance
from dagster._daemon.daemon import SpanMarker
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from benchmarks.measure import memory

TICK = timedelta(minutes=5)
"""Between two ticks of the sensors, which is their interval."""


REFRESHED_EVERY = 10
"""Ticks after which the code location is asked for anew; the daemon does so every minute of the machine's clock."""


class EndingLauncher(RunLauncher, ConfigurableClass):
    """Reports every run as one that succeeded at once."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """Be made from `dagster.yaml`."""
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What `dagster.yaml` says."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No configuration."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "EndingLauncher":
        """Be made from `dagster.yaml`."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Report the run's start and end."""
        run = context.dagster_run
        for kind in (DagsterEventType.RUN_START, DagsterEventType.RUN_SUCCESS):
            event = DagsterEvent(event_type_value=kind.value, job_name=run.job_name)
            self._instance.report_dagster_event(event, run_id=run.run_id)

    def terminate(self, run_id: str) -> bool:
        """There is nothing to end."""
        return False


class AtOnce(threading.Event):
    """An event whose waits end at once, as the clock is set on instead."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for nothing."""
        return False


def main() -> None:
    """Run the loops, and write the memory at equal distances."""
    ticks, looks, pause, workspace_file, code_server, report = sys.argv[1:]
    last, distance = int(ticks), int(ticks) // int(looks)
    processes = {"daemon": os.getpid(), "code": int(code_server)}
    # It ends now, for the pages show the newest days.
    found, now = list[dict[str, Any]](), datetime.now(UTC) - (last + 1) * TICK

    def the_time() -> datetime:
        return now

    def the_timestamp() -> float:
        return now.timestamp()

    module = "dagster._time._mockable_get_current"
    with ExitStack() as stack:
        # Plain functions: a mock keeps every call, which would count as memory of the daemon.
        stack.enter_context(mock.patch(f"{module}_datetime", the_time))
        stack.enter_context(mock.patch(f"{module}_timestamp", the_timestamp))
        instance = stack.enter_context(dg.DagsterInstance.get())
        target = WorkspaceFileTarget([workspace_file])
        workspace = stack.enter_context(WorkspaceProcessContext(instance, target))
        daemons = [stack.enter_context(each) for each in create_daemons_from_instance(instance)]
        for each in daemons:
            each.interval_seconds = 0
        loops = [each.core_loop(workspace, AtOnce()) for each in daemons]
        for number in range(last + 1):
            if number % distance == 0:
                at = {name: memory(process)._asdict() for name, process in processes.items()}
                found.append({"ticks": number, **at})
                Path(report).write_text(json.dumps(found), encoding="utf-8")
            now += TICK
            if number % REFRESHED_EVERY == 0:
                workspace.refresh_workspace()
            for loop in loops:
                _iterate(loop)
            time.sleep(float(pause))


def _iterate(loop: Iterator[object]) -> None:
    """Run a loop of the daemon to the end of one iteration.

    Raises:
        RuntimeError: it caught an error, which the daemon would log.
    """
    for told in loop:
        if told is SpanMarker.END_SPAN:
            return
        if told is not None and not isinstance(told, SpanMarker):
            raise RuntimeError(str(told))


if __name__ == "__main__":
    main()
