"""A dashboard of Ray that is silent, fails or restarts costs no evaluation that goes on.

The dashboard is a server on loopback that answers as Ray's does; `integration/test_ray.py` has a real one. Needs the
libraries of `make clusters`.
"""

import contextlib
import http.server
import json
import threading

import pytest

pytest.importorskip("dagster_ray", reason="needs `make clusters`")

from ray.job_submission import JobStatus

from densing_pipeline.orchestration.launchers import ray_client
from densing_pipeline.orchestration.launchers.ray_client import (
    PatientClient,
    PatientJobs,
    SilentDashboardError,
)
from tests.servers.loopback import LoopbackServer

# Of Ray's own code.
pytestmark = pytest.mark.filterwarnings("ignore")

NAME = "densing-0a0a"
ORDER = {"entrypoint": "true", "submission_id": NAME}


class Dashboard(http.server.BaseHTTPRequestHandler):
    """Answers with the next of the server's `faults` for the method, and as Ray does when there are no more."""

    def do_GET(self) -> None:
        if self.path == "/api/version":
            self._answer(
                200, {"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""}
            )
        elif self._fails():
            return
        elif NAME in self.server.jobs and self.path.endswith(NAME):  # type: ignore[attr-defined]
            self._answer(
                200,
                {
                    "type": "SUBMISSION",
                    "status": "SUCCEEDED",
                    "entrypoint": "true",
                    "submission_id": NAME,
                },
            )
        else:
            self._answer(404, "does not exist")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        jobs = self.server.jobs  # type: ignore[attr-defined]
        is_taken = asked["submission_id"] in jobs
        if asked["entrypoint"] == "refused":
            self._answer(500, "ValueError: no such runtime environment")
            return
        jobs.append(asked["submission_id"])
        if self._fails():
            return
        if is_taken:
            jobs.pop()
            self._answer(500, f"Job with submission_id {NAME} already exists")
        else:
            self._answer(200, {"job_id": NAME, "submission_id": NAME})

    def _fails(self) -> bool:
        faults = self.server.faults  # type: ignore[attr-defined]
        fault = faults.pop(0) if faults else None
        if fault == "silent":
            self.server.is_over.wait(20)  # type: ignore[attr-defined]
        elif fault == "closed":
            self.connection.close()
        elif fault:
            self._answer(fault, "no available agent")
        return fault is not None

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode() if isinstance(content, dict) else str(content).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


class Server(LoopbackServer):
    """A dashboard on loopback: what it does wrong next, the jobs it has, and the end of its silence."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(Dashboard)
        self.faults: list[str | int] = []
        self.jobs: list[str] = []
        self.is_over = threading.Event()


@pytest.fixture
def dashboard(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(ray_client, "DASHBOARD_ANSWER_S", 0.3)
    monkeypatch.setattr(ray_client, "ASK_AGAIN_S", 0.01)
    with Server() as server:
        yield server
        server.is_over.set()


@pytest.fixture
def address(dashboard):
    return dashboard.url


@pytest.mark.parametrize("fault", ["silent", "closed"])
def test_a_job_whose_submission_is_not_answered_is_started_once(dashboard, address, fault):
    dashboard.faults = [fault]
    assert PatientClient(address).submit_job(**ORDER) == NAME
    assert dashboard.jobs == [NAME]


def test_a_job_that_ray_does_not_take_is_told_at_once(dashboard, address):
    with pytest.raises(RuntimeError, match="no such runtime environment"):
        PatientClient(address).submit_job(**(ORDER | {"entrypoint": "refused"}))


@pytest.mark.parametrize("faults", [["silent"], ["closed", "closed"], [500, 503, "silent", 500]])
def test_questions_about_a_job_outlive_a_dashboard_that_restarts(dashboard, address, faults):
    client = PatientJobs(address).client
    client.submit_job(**ORDER)
    dashboard.faults = faults
    assert client.get_job_status(NAME) == JobStatus.SUCCEEDED
    assert dashboard.faults == []


def test_patience_has_an_end(dashboard, address, monkeypatch):
    monkeypatch.setattr(ray_client, "DASHBOARD_PATIENCE_S", 0.5)
    client = PatientClient(address)
    client.submit_job(**ORDER)
    dashboard.faults = ["silent"] * 100
    with pytest.raises(SilentDashboardError, match=r"has failed for 0\.5 s .*timed out"):
        client.get_job_status(NAME)
    dashboard.faults = [500] * 10_000
    with pytest.raises(SilentDashboardError, match="status 500"):
        client.get_job_status(NAME)


def test_a_submission_that_is_never_answered_is_told_as_unknown(dashboard, address, monkeypatch):
    monkeypatch.setattr(ray_client, "DASHBOARD_PATIENCE_S", 0.5)
    dashboard.faults = ["silent"] * 100
    with pytest.raises(SilentDashboardError):
        PatientClient(address).submit_job(**ORDER)


def test_an_address_where_nothing_answers_is_told_at_once(address, dashboard):
    with pytest.raises(ConnectionError):
        PatientClient("http://127.0.0.1:9")


def test_a_dashboard_that_is_silent_from_the_beginning_is_told(dashboard, address, monkeypatch):
    monkeypatch.setattr(Dashboard, "do_GET", lambda self: self.server.is_over.wait(20))
    with pytest.raises(OSError, match="timed out"):
        PatientClient(address)


def test_the_log_is_read_through_the_client_that_started_the_job(dashboard, address):
    jobs = PatientJobs(address)
    reader = jobs._message_reader
    reader.on_launched({"extras": {"ray_job_id": NAME, "ray_address": address}})
    assert (reader.client, reader.job_id) == (jobs.client, NAME)
