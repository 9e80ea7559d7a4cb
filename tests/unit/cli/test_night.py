"""Progress of a run: one line a step where there is no terminal, and an honest time left."""

import errno
import os
import sys

import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.cli.night import SHORT_STEP_SECONDS, TYPICAL_SECONDS, Steps, duration
from densing_pipeline.cli.screen import Screen
from densing_pipeline.definitions import build_defs
from densing_pipeline.settings import Settings
from densing_pipeline.state import StateError, held


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_step_is_one_line_with_its_seconds_where_there_is_no_terminal(capsys):
    clock = Clock()
    with Steps(Screen(), clock) as steps:
        steps.begin({"models": 10.0, "densities": 20.0})
        steps.started("models")
        clock.now = 20
        steps.ended("models", is_ok=True)
        steps.started("densities")
        clock.now = 22
        steps.ended("densities", is_ok=False)
    assert capsys.readouterr().out.splitlines() == [
        "Running the nightly job.",
        # Twice as slow as last time, so the 20 seconds to come are taken for 40.
        "[1/2] models: 20.0 s, about 40 seconds left",
        "[2/2] densities: failed",
    ]


def test_a_terminal_that_is_closed_does_not_end_a_night(monkeypatch):
    terminal, side = os.openpty()
    with os.fdopen(side, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        screen = Screen()
        assert screen.is_terminal
        os.close(terminal)
        with Steps(screen, Clock()) as steps:
            steps.begin({"models": 10.0})
            steps.started("models")
            steps.ended("models", is_ok=True)
        screen.close()
    assert screen.failure
    assert screen.failure.errno == errno.EIO


def test_the_first_night_is_estimated_from_typical_seconds():
    steps = Steps(Screen(), Clock())
    steps.begin({"densing_law": None, "a short one": None})
    expected = TYPICAL_SECONDS["densing_law"] + SHORT_STEP_SECONDS
    assert steps.left() == f"about {duration(expected)} left"


def test_typical_seconds_are_of_steps_there_are():
    job = build_defs(Settings()).resolve_job_def("nightly")
    assert set(TYPICAL_SECONDS) <= {node.name for node in job.nodes}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (1.6, "2 seconds"),
        (89.4, "89 seconds"),
        (90, "2 minutes"),
        (200, "3 minutes"),
    ],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


def test_a_dry_run_says_what_would_be_asked_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))
    monkeypatch.setenv("DENSING_LITELLM_URL", "http://user:secret@127.0.0.1:1/list?key=secret")
    assert main(["run", "--dry-run"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "DENSING_POLL is off" in told
    assert "the latest is to be the first" in told
    assert main(["run", "--dry-run", "--live"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Would ask litellm at http://127.0.0.1:1/list" in told
    assert "Would ask the Hub" in told
    assert "secret" not in told
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_names_what_would_stop_the_night(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))
    with held(tmp_path, "a night"):
        assert main(["run", "--dry-run"]) == 1
    assert "is in use by a night (process" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "tables").touch()
    assert main(["run", "--dry-run"]) == 1
    assert "a file is where a folder must be" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "tables").unlink()
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "releases").touch()
    assert main(["run", "--dry-run"]) == 1
    assert "releases: a file is where a folder must be" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "published" / "releases").unlink()
    assert main(["run", "--dry-run"]) == 0


def test_a_dry_run_names_a_database_that_cannot_be_used_and_creates_none(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))
    (tmp_path / "state" / "history").mkdir(parents=True)
    assert main(["run", "--dry-run"]) == 0
    (tmp_path / "state" / "history" / "runs.db").write_bytes(b"damaged" * 1000)
    assert main(["run", "--dry-run"]) == 1
    assert "is damaged" in capsys.readouterr().err
    monkeypatch.setenv("DENSING_DATABASE_URL", "postgresql://user:secret@127.0.0.1:1/densing")
    assert main(["run", "--dry-run"]) == 1
    told = capsys.readouterr().err
    assert "does not answer" in told
    assert "secret" not in told
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["history", "runs.db", "state"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda state: (state / "state.lock").mkdir(), "a folder where a file is expected"),
        (lambda state: (state / "format.json").mkdir(), "a folder where a file is expected"),
        (lambda state: (state / "format.json").write_text('{"format": 99, "made_by": "9"}'),
         "has format 99, written by densing-pipeline 9"),
        (lambda state: [(state / name).mkdir() for name in ("tables", "clock-is-set")],
         "made with a clock that DENSING_NOW had set"),
    ],
)  # fmt: skip
def test_a_dry_run_names_what_the_night_itself_would_say(
    spoil, told, tmp_path, monkeypatch, capsys
):
    state = tmp_path / "state"
    state.mkdir()
    spoil(state)
    monkeypatch.setenv("DENSING_STATE_DIR", str(state))
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))
    assert main(["run", "--dry-run"]) == 1
    assert told in capsys.readouterr().err
    with pytest.raises(StateError, match=told), held(state, "a night"):
        pass
