"""What somebody put into an evaluation folder, or into the store it came from, stops neither the night nor its sensors."""

import json
import os
import signal
import socket
from contextlib import closing
from datetime import UTC, datetime

import pytest

from densing_pipeline.evaluation import installation, lease, measured_tables, suite
from densing_pipeline.evaluation.folder_format import (
    COSTS,
    JSON_BYTES,
    LEASE,
    LOCK,
    OUTCOME,
    PROVENANCE,
    REQUEST,
    read_json,
)
from densing_pipeline.evaluation.folder_reader import is_running, read_folder, read_folders
from densing_pipeline.evaluation.launched import launched

NOW = datetime(2026, 6, 3, 2, 1, tzinfo=UTC)
REQUESTED = {"attempt": 1, "started_at": "2026-06-03T02:00:00+00:00", "gpus": 1}
DONE = {"state": "done", "attempt": 1, "finished_at": "2026-06-03T02:00:30+00:00"}


def _socket(path):
    # By the folder's descriptor, for the path of a socket may have 107 characters.
    folder = os.open(path.parent, os.O_RDONLY)
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


@pytest.fixture(autouse=True)
def within_half_a_minute():
    """Has a reader that waits for a pipe fail rather than wait."""

    def fail(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


OTHER_TYPES = {
    "attempt": [1], "excused": [1], "gpus": "x", "state": ["done"], "fault": [1], "host": 1, "kernel": 2, "order": [],
    "token": {}, "started_at": 5, "finished_at": {}, "loaded_at": 1, "model_id": 5, "files": [1], "resumable": "no",
    "reason": {"a": 1},
}  # fmt: skip

PLANTED = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "folder": os.mkdir,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "nested lists": lambda path: path.write_bytes(b"[" * 200_000),
    "nested objects": lambda path: path.write_bytes(b'{"a":' * 200_000),
    "a number of 5,000 digits": lambda path: path.write_bytes(b'{"attempt":' + b"9" * 5000 + b"}"),
    "half characters": lambda path: path.write_bytes(
        rb'{"state":"done\ud800","reason":"\ud800\u0000","host":"\ud800","kernel":"k","token":"t","files":{"\ud800":1}}'
    ),
    "values of other types": lambda path: path.write_text(json.dumps(OTHER_TYPES)),
}  # fmt: skip


@pytest.mark.parametrize("name", [LOCK, LEASE, REQUEST, PROVENANCE, OUTCOME, COSTS, "mmlu.parquet"])
@pytest.mark.parametrize("planted", PLANTED)
def test_no_file_of_a_folder_stops_its_readers(tmp_path, name, planted):
    folder = tmp_path / "maker--m" / ("a" * 40) / "v1"
    folder.mkdir(parents=True)
    for other, content in ((REQUEST, REQUESTED), (PROVENANCE, {}), (OUTCOME, DONE)):
        (folder / other).write_text(json.dumps(content))
    # Without an outcome, the readers of what is under way look at the folder, too.
    if name in (LOCK, LEASE, REQUEST, PROVENANCE):
        (folder / OUTCOME).unlink()
    (folder / name).unlink(missing_ok=True)
    PLANTED[planted](folder / name)
    (found,) = read_folders(tmp_path)
    assert found.state != "running"
    assert not is_running(folder)
    assert lease.is_remote(folder) is False
    assert len(launched(tmp_path, NOW)) <= 1
    assert len(installation.ended(tmp_path)) <= 1
    row, items = measured_tables.evaluation(read_folder(folder), suite.in_force(None))
    assert row["state"] != "running"
    assert items.is_empty()


def test_of_a_json_file_as_much_is_read_as_an_evaluation_may_write(tmp_path):
    def of_size(size):
        (tmp_path / OUTCOME).write_bytes(b'{"a":"' + b"x" * (size - 8) + b'"}')
        return read_json(tmp_path / OUTCOME)

    assert len(of_size(JSON_BYTES)["a"]) == JSON_BYTES - 8
    assert of_size(JSON_BYTES + 1) == {}
