"""A run whose process ended with its code server is found; one that goes on is left alone. On a real code server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._grpc.server import CLEANUP_TICK, DagsterApiServer

from densing_pipeline import state
from densing_pipeline.definitions import build_defs
from densing_pipeline.orchestration import run_launcher
from densing_pipeline.orchestration.own_runs import IN_PROCESS, place_tags
from densing_pipeline.settings import Settings

CODE = """
import os
import time
from pathlib import Path
from typing import Any

import dagster as dg

from densing_pipeline.orchestration.code_server import keep_watching_runs
from densing_pipeline.orchestration.state_lock import StateLock

keep_watching_runs()


@dg.op
def wait(context, lock: StateLock) -> None:
    Path(os.environ["DENSING_STATE_DIR"], "pid").write_text(str(os.getpid()))
    time.sleep(300)


@dg.job(executor_def=dg.in_process_executor)
def waits() -> None:
    wait()


definitions = dg.Definitions(
    jobs=[waits],
    resources={"lock": StateLock(state_dir=os.environ["DENSING_STATE_DIR"], wait_minutes=0, step_hours=1)},
)
"""
"""A job that holds the state directory until it is killed, and writes down its process."""

HOME = """
storage:
  custom:
    module: densing_pipeline.orchestration.storage
    class: InstanceStorage
    config:
      base_dir:
        env: DENSING_STATE_DIR
run_launcher:
  module: densing_pipeline.orchestration.run_launcher
  class: WatchedRunLauncher
"""

TURN_S = 0.1


class Installation:
    """A state directory with a code server, and a run that the launcher starts there."""

    def __init__(self, folder: Path) -> None:
        """Write its files; nothing is started."""
        self.folder, self.socket = folder, folder / "code.sock"
        (folder / "dagster.yaml").write_text(HOME)
        (folder / "code.py").write_text(CODE)
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(
            f"load_from: [{{grpc_server: {{socket: {self.socket}, location_name: here}}}}]"
        )

    @contextmanager
    def code_server(self) -> Iterator[subprocess.Popen[bytes]]:
        """The code server, which is killed at the end if the test has not done it."""
        command = [
            sys.executable, "-m", "dagster", "api", "grpc", "--socket", str(self.socket), "--python-file",
            str(self.folder / "code.py"), "--location-name", "here",
        ]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603
            try:
                until(self.socket.exists)
                yield process
            finally:
                process.kill()

    def started(self, instance: dg.DagsterInstance) -> tuple[str, int]:
        """A run that the launcher starts: its id, and its process."""
        with WorkspaceProcessContext(
            instance, WorkspaceFileTarget([str(self.workspace)])
        ) as process:
            request = process.create_request_context()
            repository = request.get_code_location("here").get_repository("__repository__")
            job = repository.get_full_job("waits")
            run = create_run_for_test(
                instance, job_name="waits", remote_job_origin=job.get_remote_origin(),
                job_code_origin=job.get_python_origin(),
            )  # fmt: skip
            instance.launch_run(run.run_id, request)
        written = self.folder / "pid"
        until(lambda: written.exists() and written.read_text())
        return run.run_id, int(written.read_text())


def until(found: Callable[[], object]) -> None:
    while not found():
        time.sleep(TURN_S)


@pytest.fixture
def installation(tmp_path, monkeypatch):
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return Installation(tmp_path)


@pytest.fixture
def instance(installation):
    with dg.DagsterInstance.get() as opened:
        yield opened


def health(instance: dg.DagsterInstance, run_id: str) -> WorkerStatus:
    """What the daemon is told of a run."""
    run = instance.get_run_by_id(run_id)
    assert run
    assert instance.run_launcher.supports_check_run_worker_health
    return instance.run_launcher.check_run_worker_health(run).status


def test_a_run_that_ended_with_its_code_server_is_found_by_the_next_one(
    installation, instance, monkeypatch
):
    with installation.code_server() as server:
        run_id, process = installation.started(instance)
        assert health(instance, run_id) is WorkerStatus.RUNNING
        # The server alone: its run goes on, and holds the state directory.
        server.kill()
        server.wait()
        assert health(instance, run_id) is WorkerStatus.RUNNING
        with monkeypatch.context() as patience:
            patience.setattr(run_launcher, "SILENT_FOR_S", 0.0)
            assert health(instance, run_id) is WorkerStatus.RUNNING
            os.kill(process, signal.SIGKILL)
            until(lambda: state.holder(installation.folder) is None)
            assert health(instance, run_id) is WorkerStatus.FAILED
    # While no server answers it may be on its way.
    assert health(instance, run_id) is WorkerStatus.RUNNING
    installation.socket.unlink()
    with installation.code_server():
        assert health(instance, run_id) is WorkerStatus.FAILED


def test_a_run_that_died_while_the_database_could_not_be_used_is_reported_once_it_can(
    installation, instance
):
    """Dagster's thread that watches runs ended with the first error of the database."""
    lock, aside = (installation.folder / name for name in ("storage.lock", "aside"))
    with installation.code_server():
        run_id, process = installation.started(instance)
        lock.rename(aside)
        lock.mkdir()
        os.kill(process, signal.SIGKILL)
        until(lambda: state.holder(installation.folder) is None)
        time.sleep(3 * CLEANUP_TICK)
        lock.rmdir()
        aside.rename(lock)
        assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.STARTED
        until(lambda: instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE)


def test_the_code_server_of_the_package_goes_on_watching_its_runs(tmp_path):
    build_defs(Settings(state_dir=tmp_path))
    build_defs(Settings(state_dir=tmp_path))
    look: Any = DagsterApiServer._check_for_orphaned_runs
    assert look.__wrapped__.__module__ == DagsterApiServer.__module__
    assert not hasattr(look.__wrapped__, "__wrapped__")


def test_a_run_of_this_process_is_there_as_long_as_it_holds_the_state_directory(
    installation, instance
):
    settings = Settings(state_dir=installation.folder)
    run_id = create_run_for_test(instance, tags=IN_PROCESS | place_tags(settings)).run_id
    with state.held(installation.folder, "`densing run`"):
        assert health(instance, run_id) is WorkerStatus.RUNNING
    assert health(instance, run_id) is WorkerStatus.FAILED
    with state.held(installation.folder, "run 12345678 of the schedule nightly"):
        assert health(instance, run_id) is WorkerStatus.FAILED


def test_of_a_run_that_another_launcher_started_nothing_is_known(installation, instance):
    assert health(instance, create_run_for_test(instance).run_id) is WorkerStatus.RUNNING


@pytest.mark.parametrize(
    ("has_server", "expected"), [(True, WorkerStatus.RUNNING), (False, WorkerStatus.FAILED)]
)
def test_on_a_postgres_server_runs_of_other_installations_are_left_to_these(
    installation, instance, monkeypatch, has_server, expected
):
    """Files in the state directory hold its own runs alone, also those of a container that had another name."""
    if has_server:
        monkeypatch.setenv("DENSING_DATABASE_URL", "postgresql://ann@db.example/runs")
    other = place_tags(Settings(state_dir=installation.folder / "other"))
    run_id = create_run_for_test(instance, tags=IN_PROCESS | other).run_id
    assert health(instance, run_id) is expected
