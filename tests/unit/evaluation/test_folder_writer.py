"""Nothing half-written is ever read, and nothing finished is ever lost."""

import json
import os
import signal
import subprocess
import sys

import polars as pl
import pytest

from densing_pipeline.evaluation import folder_reader
from densing_pipeline.evaluation.failures import BusyError, EvaluationError
from densing_pipeline.evaluation.folder_format import ITEM, OUTCOME, PROVENANCE, read_json
from densing_pipeline.evaluation.folder_writer import FolderWriter

PROVEN = {"model_id": "lab/m", "revision": "r", "suite_version": "v", "dtype": "bfloat16"}


def row(item_id, benchmark="MMLU", score=1.0):
    values = (benchmark, item_id, "algebra", score, 0.5, 100, 0, False, None, "A", None, None, 1.0)
    return dict(zip(ITEM, values, strict=True))


KILLED = """
import json, os, signal, sys
from pathlib import Path
from densing_pipeline.evaluation.folder_writer import FolderWriter
folder, proven, rows = json.loads(sys.argv[1])
writer = FolderWriter(Path(folder))
writer.begin(proven)
for row in rows:
    writer.record(row)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_items_survive_a_job_that_was_killed(tmp_path):
    told = json.dumps([str(tmp_path), PROVEN, [row("1"), row("2")]])
    killed = subprocess.run([sys.executable, "-c", KILLED, told], check=False)  # noqa: S603
    assert killed.returncode == -signal.SIGKILL
    with (tmp_path / ".MMLU.jsonl").open("a") as torn:
        torn.write('{"benchmark": "MMLU", "item_')
    assert folder_reader.read_folder(tmp_path).state == "failed"
    with FolderWriter(tmp_path) as again:
        assert not again.begin(PROVEN)
        assert [each["item_id"] for each in again.unfinished("MMLU")] == ["1", "2"]
        again.record(row("3"))
        assert len(again.unfinished("MMLU")) == 3


def test_items_of_another_engine_are_not_mixed_with_new_ones(tmp_path):
    with FolderWriter(tmp_path) as writer:
        writer.begin(PROVEN)
        writer.record(row("1"))
        writer.finish("BBH", [row("1", "BBH")])
    with FolderWriter(tmp_path) as again:
        assert again.begin({**PROVEN, "dtype": "float16"})
        assert again.unfinished("MMLU") == []
        assert again.finished("BBH") is None


OWN = {"MMLU": ["data_sha256 MMLU"], "MATH": ["data_sha256 MATH", "math_verify_version"]}


@pytest.mark.parametrize(
    ("change", "deleted"),
    [
        ({}, []),
        ({"data_sha256 MATH": "other"}, ["MATH"]),
        ({"math_verify_version": "2"}, ["MATH"]),
        ({"data_sha256 MMLU": "other"}, ["MMLU"]),
        ({"data_sha256 BBH": "other"}, []),
        ({"revision": "other"}, ["BBH", "MATH", "MMLU"]),
    ],
)
def test_items_of_other_data_or_another_judge_are_measured_anew_and_no_others(
    tmp_path, change, deleted
):
    proven = {
        **PROVEN,
        "data_sha256 MMLU": "m",
        "data_sha256 MATH": "h",
        "math_verify_version": "1",
    }
    with FolderWriter(tmp_path) as writer:
        writer.begin(proven, OWN)
        for name in ("BBH", "MATH"):
            writer.finish(name, [row("1", name)])
        writer.record(row("1"))
    with FolderWriter(tmp_path) as again:
        assert again.begin({**proven, **change}, OWN) == deleted
        assert (again.unfinished("MMLU") == []) == ("MMLU" in deleted)
        assert (again.finished("MATH") is None) == ("MATH" in deleted)
        assert again.has_items() == (len(deleted) < 3)


def test_a_finished_benchmark_is_a_file_with_all_its_items(tmp_path):
    with FolderWriter(tmp_path) as writer:
        writer.record(row("1"))
        writer.finish("MMLU", [row("1"), row("2", score=None)])
        found = writer.finished("MMLU")
    assert found is not None
    assert found.schema == pl.Schema(ITEM)
    assert found["score"].to_list() == [1.0, None]
    assert not (tmp_path / ".MMLU.jsonl").exists()


def test_a_damaged_file_is_measured_anew(tmp_path):
    with FolderWriter(tmp_path) as writer:
        writer.finish("MMLU", [row("1")])
        path = tmp_path / "MMLU.parquet"
        path.write_bytes(path.read_bytes()[:100])
        assert writer.finished("MMLU") is None


def test_the_outcome_goes_when_the_next_attempt_begins(tmp_path):
    with FolderWriter(tmp_path) as writer:
        writer.end("failed", "no network", resumable=True)
    with FolderWriter(tmp_path) as again:
        assert again.attempt == 2
        assert not (tmp_path / OUTCOME).exists()
        assert folder_reader.is_running(tmp_path)
    assert not folder_reader.is_running(tmp_path)


def test_the_orchestrator_numbers_the_attempts_it_asks_for(tmp_path):
    (tmp_path / "request.json").write_text(json.dumps({"attempt": 7}))
    with FolderWriter(tmp_path) as writer:
        assert writer.attempt == 7


def test_two_jobs_never_write_in_one_folder(tmp_path):
    with FolderWriter(tmp_path) as first:
        first.begin(PROVEN)
        with pytest.raises(BusyError, match="another job"):
            FolderWriter(tmp_path)
    assert read_json(tmp_path / PROVENANCE)["model_id"] == "lab/m"


def test_a_full_disk_keeps_what_is_finished_and_takes_the_outcome(tmp_path, full_disk):
    with FolderWriter(full_disk / "out") as writer:
        writer.begin(PROVEN)
        writer.finish("BBH", [row("1", "BBH")])
        with pytest.raises(EvaluationError, match="could not be written"):
            fill(writer)
        writer.end("failed", "disk full", resumable=True)
        assert writer.finished("BBH") is not None
    assert read_json(full_disk / "out" / OUTCOME)["reason"] == "disk full"


def fill(writer):
    for number in range(100_000):
        writer.record(row(str(number)))


@pytest.fixture
def full_disk(tmp_path):
    """A disk of one megabyte, in memory."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
    mounted = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    if mounted.returncode:
        pytest.skip("needs leave to mount a small disk")
    yield place
    subprocess.run(["umount", place], check=True)  # noqa: S603, S607


FORKED = """
import os, signal, sys, time
from pathlib import Path
from densing_pipeline.evaluation.folder_writer import FolderWriter
writer = FolderWriter(Path(sys.argv[1]))
started, begins = os.pipe()
child = os.fork()
if child:
    os.read(started, 1)  # only then has the child left the folder
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
os.write(begins, b".")
time.sleep(60)
"""


def test_a_child_that_outlives_a_killed_job_does_not_hold_the_folder(tmp_path):
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", FORKED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as killed:
        child = int(killed.stdout.readline())
        killed.wait()
        try:
            assert not folder_reader.is_running(tmp_path)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_file_that_is_none_of_ours_is_not_taken_for_finished(tmp_path):
    pl.DataFrame({"benchmark": ["BBH"]}).write_parquet(tmp_path / "BBH.parquet")
    with FolderWriter(tmp_path) as writer:
        assert writer.finished("BBH") is None
    assert not (tmp_path / "BBH.parquet").exists()


def test_an_outcome_gives_no_key_away(tmp_path):
    with FolderWriter(tmp_path) as writer:
        writer.begin(PROVEN)
        signed = "https://cdn.hub.invalid/f.safetensors?Signature=abc&Expires=9"
        writer.end("failed", f"403 for {signed} (after 5 tries)", resumable=True)
    reason = read_json(tmp_path / OUTCOME)["reason"]
    assert reason == "403 for https://cdn.hub.invalid/f.safetensors (after 5 tries)"
