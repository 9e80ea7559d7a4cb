"""Faults of the installation: two alike in a row stop all, one makes its model wait, a check clears both."""

from datetime import UTC, datetime, timedelta

import pytest

from densing_pipeline.evaluation import installation
from densing_pipeline.evaluation.folder_format import read_json, write_json
from densing_pipeline.evaluation.folder_writer import FolderWriter

START = datetime(2026, 11, 1, tzinfo=UTC)


def check(hours, **found):
    """A check that many hours after the start."""
    return installation.Check(START + timedelta(hours=hours), found.pop("problem", None), **found)


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
    assert installation.standstill(installation.ended(tmp_path), None) is None
    end(tmp_path, "b", 2, reason="driver 570.1 is too old (process 815)")
    ended = installation.ended(tmp_path)
    assert [each.key for each in ended] == ["lab--b", "lab--a"]
    reason = installation.standstill(ended, None)
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
    assert installation.standstill(installation.ended(tmp_path), None) is None


def test_a_model_between_that_was_measured_shows_that_models_can_be(tmp_path):
    end(tmp_path, "a", 1)
    end(tmp_path, "b", 2, "whole suite", None)
    end(tmp_path, "c", 3)
    assert installation.standstill(installation.ended(tmp_path), None) is None


def test_a_fault_that_nothing_explains_stops_all_but_makes_no_model_wait(tmp_path):
    for hours, model in enumerate("ab", 1):
        end(tmp_path, model, hours, "vLLM cannot load it: CUDA error 719", fault="unexplained")
    ended = installation.ended(tmp_path)
    assert "CUDA error 719" in installation.standstill(ended, None)
    assert installation.standstill(ended, check(3)) is None
    assert installation.waiting(ended, None) == set()


def test_a_model_waits_until_a_check_that_passed_and_no_other_does(tmp_path):
    end(tmp_path, "a", 1)
    end(tmp_path, "b", 2, "whole suite", None)
    ended = installation.ended(tmp_path)
    for found, wait in [
        (None, True), (check(0), True), (check(3, problem="disk: full"), True), (check(3), False)
    ]:  # fmt: skip
        assert installation.waiting(ended, found) == ({"lab--a"} if wait else set())


def test_without_a_sandbox_models_wait_for_one_and_others_are_measured(tmp_path):
    for hours, model in enumerate("ab", 1):
        end(tmp_path, model, hours, "no sandbox passes its probes", fault="sandbox")
    ended = installation.ended(tmp_path)
    assert installation.standstill(ended, None) is None
    both = {"lab--a", "lab--b"}
    assert installation.waiting(ended, None) == both
    assert installation.waiting(ended, check(3, no_programs="none holds")) == both
    assert installation.waiting(ended, check(3)) == set()


def is_due(root, hours, found):
    now = START + timedelta(hours=hours)
    return installation.is_check_due(installation.ended(root), found, now)


def test_an_installation_is_checked_before_the_first_model_and_once_a_day_without_one(tmp_path):
    assert is_due(tmp_path, 0, None)
    assert [is_due(tmp_path, hours, check(0)) for hours in (0, 23.9, 24)] == [False, False, True]
    end(tmp_path, "a", 10, "whole suite", None)
    assert [is_due(tmp_path, hours, check(0)) for hours in (24, 33.9, 34)] == [False, False, True]
    no_sandbox = check(0, no_programs="none holds")
    assert [is_due(tmp_path, hours, no_sandbox) for hours in (23.9, 24)] == [False, True]


@pytest.mark.parametrize("problem", [None, "disk: full"])
def test_a_check_of_a_clock_that_was_ahead_keeps_no_other_back(tmp_path, problem):
    assert is_due(tmp_path, 0, check(24 * 365, problem=problem))
    assert not is_due(tmp_path, 0, check(0.5, problem=problem))
    end(tmp_path, "a", 24 * 365, "whole suite", None)
    assert not is_due(tmp_path, 1, check(0)), (
        "the check made since shows that models can be evaluated"
    )
    assert is_due(tmp_path, 24, check(0))


@pytest.mark.parametrize("problem", [None, "disk: full"])
def test_an_installation_that_could_not_evaluate_is_checked_again_within_the_hour(
    tmp_path, problem
):
    last = check(2, problem=problem)
    end(tmp_path, "a", 2.5 if problem is None else 1)
    assert [is_due(tmp_path, hours, last) for hours in (2.9, 3)] == [False, True]


def test_the_verdict_of_a_check_is_kept(tmp_path):
    assert installation.last_check(tmp_path) is None
    installation.write_check(tmp_path / "state", "disk: full")
    found = installation.last_check(tmp_path / "state")
    assert (found.problem, found.no_programs, found.places) == ("disk: full", None, 1)
    installation.write_check(tmp_path / "state", None, "none holds", 8)
    found = installation.last_check(tmp_path / "state")
    assert (found.problem, found.no_programs, found.places) == (None, "none holds", 8)
    assert found.gpu_gib == 0
    installation.write_check(tmp_path / "state", None, None, 8, 72.0)
    assert installation.last_check(tmp_path / "state").gpu_gib == 72
    assert datetime.now(UTC) - found.at < timedelta(minutes=5)


def test_nothing_evaluated_nothing_stands_still(tmp_path):
    assert installation.ended(tmp_path / "absent") == []
    assert installation.standstill([], None) is None
