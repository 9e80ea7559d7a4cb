"""A job that is killed leaves no process of the engine: the kernel ends them, for real."""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

MAIN = """
import multiprocessing, os, sys, time
from densing_pipeline.evaluation import engine_processes

engine_processes.end_with_parent()


def engine(name, workers):
    print(os.getpid(), flush=True)
    for worker in workers:
        spawn.Process(target=engine, name=worker, args=(worker, ())).start()
    time.sleep(600)


if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    spawn.Process(target=engine, name=sys.argv[1], args=(sys.argv[1], sys.argv[2:])).start()
    time.sleep(600)
else:
    spawn = multiprocessing.get_context("spawn")
"""


ENDS_S = 60
"""Longest wait for the kernel to end a process."""


@pytest.mark.parametrize("names", [["EngineCore"], ["EngineCore_DP0", "VllmWorker-0"]])
def test_the_engine_and_its_workers_end_with_a_job_that_is_killed(
    tmp_path: Path, names: list[str]
) -> None:
    (tmp_path / "main.py").write_text(MAIN)
    job = subprocess.Popen(  # noqa: S603
        [sys.executable, str(tmp_path / "main.py"), *names],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert job.stdout
    started = [os.pidfd_open(int(job.stdout.readline())) for _ in names]
    try:
        assert select.select(started, [], [], 0)[0] == [], "they run"
        job.kill()
        job.wait()
        for process in started:
            assert select.select([process], [], [], ENDS_S)[0] == [process], "it has ended"
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)
        job.stdout.close()


LATE = """
import multiprocessing, os, sys, time
from densing_pipeline.evaluation import engine_processes

if multiprocessing.current_process().name == "EngineCore":
    job = os.getppid()
    print(os.getpid(), flush=True)
    while os.getppid() == job:
        time.sleep(0.01)
    engine_processes.end_with_parent()
    time.sleep(600)
engine_processes.end_with_parent()

if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    spawn.Process(target=time.sleep, name="EngineCore", args=(600,)).start()
    time.sleep(600)
"""


def test_an_engine_whose_job_was_killed_while_it_started_ends_as_well(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(LATE)
    job = subprocess.Popen(  # noqa: S603
        [sys.executable, str(tmp_path / "main.py")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert job.stdout
    process = os.pidfd_open(int(job.stdout.readline()))
    try:
        job.kill()
        job.wait()
        assert select.select([process], [], [], ENDS_S)[0] == [process], "it has ended"
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)
        job.stdout.close()
