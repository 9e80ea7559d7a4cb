"""Evaluations under way are known by their folders, whatever is in them."""

import fcntl
from datetime import UTC, datetime, timedelta

import pytest

from densing_pipeline.evaluation.folder_format import LOCK, OUTCOME, PROVENANCE, REQUEST, write_json
from densing_pipeline.evaluation.launched import START_TIME, Launched, launched

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def folder(root, model="lab--m", *, asked=timedelta(minutes=1), loaded=None, **request):
    """A folder of an evaluation that was asked for, and whose model was loaded, so long ago."""
    path = root / model / "r" / "v1"
    path.mkdir(parents=True)
    write_json(path / REQUEST, {"started_at": (NOW - asked).isoformat(), "gpus": 2} | request)
    if loaded is not None:
        write_json(path / PROVENANCE, {"loaded_at": (NOW - loaded).isoformat()})
    return path


def test_they_are_in_the_order_in_which_they_were_asked_for(tmp_path):
    folder(tmp_path, "lab--a", loaded=timedelta(0))
    folder(tmp_path, "lab--b", asked=2 * timedelta(minutes=1))
    assert launched(tmp_path, NOW) == [
        Launched("lab/b", NOW - timedelta(minutes=2), 2, None),
        Launched("lab/a", NOW - timedelta(minutes=1), 2, NOW),
    ]
    assert launched(tmp_path / "absent", NOW) == []


@pytest.mark.parametrize("gpus", [None, "2", -1, 2.5, True])
def test_gpus_that_are_no_number_are_not_known(tmp_path, gpus):
    folder(tmp_path, gpus=gpus)
    assert [each.gpus for each in launched(tmp_path, NOW)] == [0]


def test_what_an_earlier_attempt_loaded_is_not_loaded_now(tmp_path):
    folder(tmp_path, asked=timedelta(minutes=5), loaded=HOUR)
    assert [each.loaded_at for each in launched(tmp_path, NOW)] == [None]


def test_one_that_has_ended_or_was_killed_is_not_under_way(tmp_path):
    write_json(folder(tmp_path, "lab--done") / OUTCOME, {"state": "done"})
    folder(tmp_path, "lab--just", asked=START_TIME - timedelta(seconds=1))
    # Without its job's lock: orchestrator and job were killed, or the clock was set back.
    folder(tmp_path, "lab--killed", asked=START_TIME)
    folder(tmp_path, "lab--ahead", asked=-HOUR)
    folder(tmp_path, "lab--never", started_at="yesterday")
    path = folder(tmp_path, "lab--held", asked=9 * HOUR, loaded=8 * HOUR)
    with (path / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = [each.model_id for each in launched(tmp_path, NOW)]
    assert found == ["lab/held", "lab/just"]
