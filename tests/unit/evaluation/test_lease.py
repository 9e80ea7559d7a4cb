"""A job on another machine counts as alive as long as it renews its lease, and its folder is free afterwards."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from densing_pipeline import clock
from densing_pipeline.evaluation import folder_reader, lease
from densing_pipeline.evaluation.failures import BusyError
from densing_pipeline.evaluation.folder_format import LEASE, OUTCOME, write_json
from densing_pipeline.evaluation.folder_writer import FolderWriter

ELSEWHERE = """
import sys, time
from pathlib import Path
from densing_pipeline.evaluation import lease
from densing_pipeline.evaluation.folder_writer import FolderWriter
lease.this_kernel = lambda: "another kernel"
lease.socket.gethostname = lambda: "node3"
with FolderWriter(Path(sys.argv[1]), order="order-1"):
    print(flush=True)
    time.sleep(600)
"""
"""A job that takes itself for one of another machine. Killed, it leaves its lease, as a machine without power does."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "lab--model" / ("a" * 40) / "v1"


@contextmanager
def job_elsewhere(folder):
    with subprocess.Popen([sys.executable, "-c", ELSEWHERE, folder], stdout=subprocess.PIPE) as job:  # noqa: S603
        try:
            assert job.stdout.readline()
            yield job
        finally:
            job.kill()


@pytest.fixture
def killed(folder):
    """The folder of a job on another machine that was killed."""
    with job_elsewhere(folder) as job:
        job.kill()
        job.wait()
    return folder


def test_a_killed_machines_job_counts_as_alive_until_its_lease_expires(killed):
    assert folder_reader.read_folder(killed).state == "running"
    with pytest.raises(BusyError, match="a job on node3 is at work"):
        FolderWriter(killed)
    expire(killed)
    found = folder_reader.read_folder(killed)
    assert (found.state, found.resumable) == ("failed", True)
    assert "its machine, node3, has not been heard of since" in found.reason
    with FolderWriter(killed) as writer:
        writer.end("done", "all", resumable=False)
    assert not (killed / LEASE).exists()
    assert (killed / OUTCOME).exists()


@pytest.mark.parametrize("machine", ["2020-01-01", "2040-01-01"], ids=["behind", "ahead"])
def test_clocks_of_machines_that_differ_by_years_change_nothing(folder, machine, monkeypatch):
    """The disk's own clock dates the lease and says how old it is."""
    with monkeypatch.context() as node:
        node.setenv(clock.VARIABLE, f"{machine}T00:00:00+00:00")
        with job_elsewhere(folder) as job:
            job.kill()
            job.wait()
    assert folder_reader.is_running(folder)
    monkeypatch.setenv(clock.VARIABLE, f"{machine}T00:00:00+00:00")
    assert folder_reader.is_running(folder)
    expire(folder)
    assert not folder_reader.is_running(folder)


def test_a_disk_that_takes_no_file_is_dated_by_this_machine(killed, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", no_file)
    assert folder_reader.is_running(killed)
    expire(killed)
    assert not folder_reader.is_running(killed)


def no_file(**_: object) -> None:
    raise OSError(30, "Read-only file system")


def test_what_the_scheduler_says_has_ended_is_free_at_once(killed):
    lease.end(killed, "another order")
    assert folder_reader.is_running(killed)
    lease.end(killed, "order-1")
    assert not folder_reader.is_running(killed)


def test_of_this_machine_the_lock_decides_and_no_old_lease(folder):
    with FolderWriter(folder):
        kept = (folder / LEASE).read_bytes()
        assert folder_reader.is_running(folder)
    (folder / LEASE).write_bytes(kept)
    assert not folder_reader.is_running(folder), "its process is gone, whatever the lease says"


def test_a_lease_is_renewed_while_the_job_lives(folder, monkeypatch):
    monkeypatch.setattr(lease, "RENEWAL_S", 0.01)
    with FolderWriter(folder):
        expire(folder)
        wait_for(lambda: age(folder) < lease.EXPIRY_S)
        assert age(folder) < lease.EXPIRY_S


def test_a_job_whose_folder_was_taken_leaves_it_and_writes_no_outcome(folder, monkeypatch):
    monkeypatch.setattr(lease, "RENEWAL_S", 0.01)
    told: list[str] = []
    with FolderWriter(folder, on_loss=told.append) as late:
        write_json(folder / LEASE, OTHER)
        wait_for(lambda: told)
        with pytest.raises(BusyError, match="has taken"):
            late.end("done", "too late", resumable=False)
    assert told == ["a job on node5 has taken the folder"]
    assert lease.read(folder)[0].host == "node5", "the other job's lease stays"
    assert not (folder / OUTCOME).exists()


OTHER = {"host": "node5", "kernel": "a third kernel", "order": None, "token": "other"}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"host": 3}', b'{"host": "a", "kernel": "b"}'])
def test_a_damaged_lease_holds_nothing(folder, content):
    folder.mkdir(parents=True)
    (folder / LEASE).write_bytes(content)
    (folder / ".lock").touch()
    assert lease.read(folder) is None
    assert not folder_reader.is_running(folder)


def expire(folder: Path) -> None:
    """Make the lease one that was last renewed just too long ago."""
    at = (folder / LEASE).stat().st_mtime - lease.EXPIRY_S
    os.utime(folder / LEASE, (at, at))


def age(folder: Path) -> float:
    """Seconds since the lease was last renewed, by the clock of the file system."""
    probe = folder / "probe"
    probe.touch()
    return probe.stat().st_mtime - (folder / LEASE).stat().st_mtime


def wait_for(found) -> None:
    while not found():
        time.sleep(0.01)
