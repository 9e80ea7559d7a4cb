"""Faults of the installation: two alike in a row stop all, one makes its model wait, a check clears both."""

from datetime import UTC, datetime, timedelta

import pytest

from densing_pipeline.evaluation import installation
from densing_pipeline.evaluation.folder_format import read_json, write_json
from densing_pipeline.evaluation.folder_writer import FolderWriter

START = datetime(2026, 11, 1, tzinfo=UTC)


def end(root, model, hours, reason="driver 570 is too old", fault="installation"):
    """End an evaluation of a model that many hours after the start."""
    path = root / f"lab--{model}" / ("a" * 40) / "version"
    with FolderWriter(path) as writer:
        writer.end("failed" if fault else "done", reason, resumable=True, fault=fault)
    told = read_json(path / "outcome.json")
    told["finished_at"] = (START + timedelta(hours=hours)).isoformat()
    write_json(path / "outcome.json", told)


def test_two_equal_faults_of_two_models_stop_all(tmp_path):
    end(tmp_path, "a", 1, reason="driver 570.1 is too old (process 4711)")
    assert installation.standstill(installation.ended(tmp_path, None)) is None
    end(tmp_path, "b", 2, reason="driver 570.1 is too old (process 815)")
    ended = installation.ended(tmp_path, None)
    assert [each.key for each in ended] == ["lab--b", "lab--a"]
    reason = installation.standstill(ended)
    assert reason.startswith(
        "two models in a row failed by the same fault of this installation: driver"
    )
    assert "densing evaluate --check" in reason


@pytest.mark.parametrize(
    ("model", "reason", "fault"),
    [("a", "driver 570 is too old", "installation"), ("b", "no Python.h", "installation"),
     ("b", "driver 570 is too old", None)],
    ids=["same model", "another fault", "a model that was measured"],
)  # fmt: skip
def test_anything_else_does_not(tmp_path, model, reason, fault):
    end(tmp_path, "a", 1)
    end(tmp_path, model, 2, reason, fault)
    assert installation.standstill(installation.ended(tmp_path, None)) is None


def test_a_model_between_that_was_measured_shows_that_models_can_be(tmp_path):
    end(tmp_path, "a", 1)
    end(tmp_path, "b", 2, "whole suite", None)
    end(tmp_path, "c", 3)
    assert installation.standstill(installation.ended(tmp_path, None)) is None


def test_a_model_waits_until_a_check_and_no_other_does(tmp_path):
    end(tmp_path, "a", 1)
    end(tmp_path, "b", 2, "whole suite", None)
    assert installation.waiting(installation.ended(tmp_path, None)) == {"lab--a"}
    assert installation.waiting(installation.ended(tmp_path, START + timedelta(hours=1))) == set()


def test_the_verdict_of_a_check_is_kept(tmp_path):
    assert installation.last_check(tmp_path) is None
    installation.write_check(tmp_path / "state", "sandbox: none holds")
    assert installation.last_check(tmp_path / "state").problem == "sandbox: none holds"
    installation.write_check(tmp_path / "state", None)
    check = installation.last_check(tmp_path / "state")
    assert check.problem is None
    assert datetime.now(UTC) - check.at < timedelta(minutes=5)


def test_nothing_evaluated_nothing_stands_still(tmp_path):
    assert installation.ended(tmp_path / "absent", None) == []
    assert installation.standstill([]) is None
