"""A job that is killed leaves no process of the engine: the kernel ends them, for real."""

import os
import signal
import subprocess
import sys
import time
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


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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
    started = [int(job.stdout.readline()) for _ in names]
    try:
        assert all(map(is_alive, started))
        job.kill()
        job.wait()
        deadline = time.monotonic() + 30
        while any(map(is_alive, started)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(is_alive, started))
    finally:
        for pid in started:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        job.stdout.close()
