"""Instants come from one clock, which tests and replays set."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from densing_pipeline import clock
from tests.unit.test_tests import calls

ROOT = Path(__file__).parents[2]
MACHINE_CLOCKS = {"datetime.now", "datetime.utcnow", "date.today", "datetime.today", "time.time"}
INSTANT = "2027-01-31T02:00:00+00:00"


def test_a_set_clock_stands_at_its_instant_and_each_look_is_later(monkeypatch):
    monkeypatch.setenv(clock.VARIABLE, INSTANT)
    first, second = clock.now(), clock.now()
    assert first == datetime(2027, 1, 31, 2, tzinfo=UTC)
    assert second - first == timedelta(milliseconds=1)
    monkeypatch.setenv(clock.VARIABLE, "2027-02-01T03:00:00+01:00")
    assert clock.now() == datetime(2027, 2, 1, 2, tzinfo=UTC)


def test_otherwise_it_is_the_clock_of_the_machine(monkeypatch):
    monkeypatch.delenv(clock.VARIABLE, raising=False)
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
    assert not clock.is_set()


@pytest.mark.parametrize("given", ["tomorrow", "2027-01-31", "2027-01-31T02:00:00"])
def test_an_instant_has_a_day_a_time_and_a_zone(given):
    with pytest.raises(ValueError, match="2027-01-31T02:00:00"):
        clock.parsed(given)


def test_no_other_module_reads_the_clock_of_the_machine():
    folders = [ROOT / name for name in ("densing_pipeline", "assets", "schedules")]
    reading = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in folder.rglob("*.py")
        if MACHINE_CLOCKS & calls(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert reading == {"densing_pipeline/clock.py"}
