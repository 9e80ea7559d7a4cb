"""A sandbox that starts slowly or not at all says nothing about a program."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from densing_pipeline.evaluation.sandbox import Sandbox, SandboxError
from densing_pipeline.evaluation.sandbox import sandbox as module

pytestmark = pytest.mark.heavy

PROGRAM, TESTS = "def f(): return 1", "assert f() == 1"


class Gate:
    """No isolation: a run starts when the gate is opened, a file for each run."""

    name = "gate"

    def __init__(self, folder: Path) -> None:
        """Keep the gates in a folder."""
        self.folder = folder
        self.runs = 0

    def open(self, run: int) -> None:
        """Let a run start."""
        (self.folder / str(run)).touch()

    @contextmanager
    def around(self, label: str, inside: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
        """Wait for the gate of this run, then replace the shell by the command."""
        self.runs += 1
        wait = f'until [ -e {self.folder / str(self.runs)} ]; do sleep 0.05; done; exec "$@"'
        yield ["sh", "-c", wait, "sh", *inside], []


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def sandbox(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that looks often, and gives a run three seconds once it has started."""
    monkeypatch.setattr(module, "START_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(module, "SPARE_SECONDS", 0.0)
    return Sandbox(gate, sys.executable, seconds=1.0)


def test_a_start_that_takes_longer_than_a_program_may_is_waited_for(gate, sandbox):
    timer = threading.Timer(3.5, gate.open, [1])
    timer.start()
    assert sandbox.check(PROGRAM, TESTS).passed
    assert gate.runs == 1


def test_a_run_that_never_starts_is_started_again(gate, sandbox, monkeypatch):
    for run in (1, 2):
        gate.open(run)
    real, starts = gate.around, []

    @contextmanager
    def around(label: str, inside: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
        with real(label, inside) as found:
            starts.append(label)
            yield (["false"], []) if len(starts) == 1 else found

    monkeypatch.setattr(gate, "around", around)
    assert sandbox.check(PROGRAM, TESTS).passed
    assert len(set(starts)) == 2


def test_without_any_start_there_is_no_verdict(gate, sandbox, monkeypatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.3)
    with pytest.raises(SandboxError, match=r"gate, .*: it did not start: no message"):
        sandbox.check(PROGRAM, TESTS)
    assert gate.runs == module.STARTS
