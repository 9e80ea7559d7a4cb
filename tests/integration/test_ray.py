"""Evaluations through a real Ray cluster of one node, on loopback: at once, failed, killed, and with Ray gone.

Needs the libraries of `make clusters`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from densing_pipeline.evaluation import installation
from densing_pipeline.schedules.evaluations import check_job
from tests import stub_jobs
from tests.servers.object_store import BUCKET, ObjectStoreServer
from tests.stub_jobs import MODELS, WHOLE, WRITES, evaluate, job, queue, row

pytest.importorskip("dagster_ray", reason="needs `make clusters`")

from ray.job_submission import JobStatus, JobSubmissionClient

from densing_pipeline.orchestration.launchers.ray import RayLauncher
from densing_pipeline.orchestration.launchers.ray_client import PatientClient

pytestmark = [
    pytest.mark.slow,
    # Of Dagster's and Ray's own code.
    pytest.mark.filterwarnings("ignore"),
]

RAY = Path(sys.executable).parent / "ray"
ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_raylet_start_wait_time_s": "300"}
"""Ray's switches for a cluster of this machine alone, and for one that is slow to start."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def takes_jobs(address: str) -> bool:
    """Whether a job runs on the cluster; its dashboard is up before its node is."""
    try:
        client = PatientClient(address)
        job_id = client.submit_job(entrypoint="true", submission_id=f"trial-{time.time_ns()}")
    except (OSError, RuntimeError):
        return False
    while not (status := client.get_job_status(job_id)).is_terminal():
        time.sleep(0.5)
    return status == JobStatus.SUCCEEDED


@pytest.fixture(scope="module")
def store():
    """An object store of which the cluster's nodes have the credentials."""
    with ObjectStoreServer() as server:
        yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, store):
    """Address of the dashboard of a cluster with two processors; all of its processes end with the test."""
    # Paths of its sockets must be short.
    folder, dashboard = Path("/tmp") / f"ray-{os.getpid()}", free_port()  # noqa: S108
    with subprocess.Popen(  # noqa: S603
        [RAY, "start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={free_port()}", "--num-cpus=2",
         "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--temp-dir={folder}",
         "--disable-usage-stats"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env=os.environ | ON_LOOPBACK | store.environment,
    ) as head:  # fmt: skip
        try:
            address = f"http://127.0.0.1:{dashboard}"
            while not takes_jobs(address):
                assert head.poll() is None, "Ray ended"
                time.sleep(0.5)
            yield address
        finally:
            os.killpg(head.pid, signal.SIGKILL)
            subprocess.run(["rm", "-rf", folder], check=False)  # noqa: S603, S607


@pytest.fixture
def settings(cluster, tmp_path):
    found = stub_jobs.settings(tmp_path, evaluate_on="ray", cluster_gpu_gib=0, ray_address=cluster)
    queue(found, *MODELS)
    return found


def launcher(settings):
    return RayLauncher(settings, visible_after_s=0)


def test_two_models_at_once_give_what_they_give_on_this_machine(settings, tmp_path):
    failed, tables = stub_jobs.at_once_and_here(settings, launcher, tmp_path)
    assert failed == [None] * 4
    assert [a.equals(b) for a, b in tables] == [True, True]


@pytest.mark.parametrize(
    ("does", "told", "excused"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "for lack of memory or by hand", 0),
        ("sys.exit(7)", "it did not start", 1),
    ],
)
def test_a_job_that_says_nothing_is_spoken_for(settings, does, told, excused):
    job(settings, does)
    assert told in evaluate(settings, launcher(settings))
    assert (row(settings)["state"], row(settings)["attempts_excused"]) == ("failed", excused)
    job(settings, WRITES)
    assert evaluate(settings, launcher(settings)) is None
    assert row(settings)["attempts"] == 2


def test_a_token_is_not_among_what_the_dashboard_shows(settings, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    job(settings, WRITES)
    assert evaluate(settings, launcher(settings)) is None
    shown = JobSubmissionClient(settings.ray_address).list_jobs()
    assert "PYTHONPATH" in str(shown)
    assert "hf_secret" not in str(shown)


def test_folders_travel_through_a_store_to_nodes_that_share_no_disk(
    settings, store, tmp_path, monkeypatch
):
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    apart = settings.model_copy(
        update={
            "evaluation_store": f"s3://{BUCKET}/evaluated",
            "cluster_state_dir": tmp_path / "node",
        }
    )
    job(apart, "os.kill(os.getpid(), signal.SIGKILL)")
    assert "for lack of memory or by hand" in evaluate(apart, launcher(apart))
    job(apart, WHOLE)
    assert evaluate(apart, launcher(apart)) is None
    assert (row(apart)["state"], row(apart)["attempts"]) == ("done", 2)
    assert not list(apart.state_dir.glob("job/*"))
    shown = str(JobSubmissionClient(settings.ray_address).list_jobs())
    assert "AWS_" not in shown, "the nodes have credentials of their own"


def test_the_check_runs_where_evaluations_run(settings):
    settings.evaluation_python.write_text(
        '#!/bin/sh\necho "ok on $RAY_JOB_ID"\nwhile [ "$1" != --state-dir ]; do shift; done\n'
        'echo \'{"checked_at": "2026-11-29T12:00:00+00:00", "places": 3}\' > "$2/evaluation_check.json"\n'
    )
    settings.evaluation_python.chmod(0o755)
    assert check_job(settings, launcher(settings)).execute_in_process().success
    assert installation.last_check(settings.state_dir).problem is None


def test_without_a_cluster_the_fault_is_the_installations(settings):
    job(settings, WRITES)
    gone = settings.model_copy(update={"ray_address": f"http://127.0.0.1:{free_port()}"})
    assert evaluate(gone, launcher(gone)) is not None
    assert row(gone)["attempts_excused"] == 1
