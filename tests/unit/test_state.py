"""One process at a time writes the state directory; others are told which one."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from densing_pipeline.state import FOLDERS, HOLDER, REPLAYED, StateBusyError, StateError, held

HOLD = """
import sys
from pathlib import Path
from densing_pipeline.state import held
with held(Path(sys.argv[1]), "`densing run`"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holding(state: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a state directory until it is sent a line."""
    command = [sys.executable, "-c", HOLD, str(state)]
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path):
    with holding(tmp_path) as other, pytest.raises(StateBusyError) as refused, held(tmp_path, "me"):
        pytest.fail("two processes hold the state directory")
    told = str(refused.value)
    assert f"{tmp_path} is in use by `densing run` (process {other.pid} on" in told
    assert socket.gethostname() in told
    assert ", since 20" in told
    assert "DENSING_STATE_DIR" in told


@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_where_a_folder_must_be_is_named_before_anything_is_written(tmp_path, name):
    (tmp_path / name).touch()
    named = rf"/{name}: a file is where .* move that file away"
    with pytest.raises(StateError, match=named), held(tmp_path, "me"):
        pytest.fail("the state directory is used")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_killed_process_holds_it_no_longer(tmp_path):
    with holding(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (tmp_path / HOLDER).exists(), "nothing was tidied up"
        with held(tmp_path, "me"):
            assert json.loads((tmp_path / HOLDER).read_bytes())["pid"] == os.getpid()
    assert not (tmp_path / HOLDER).exists()


def test_the_name_of_a_killed_holder_is_not_given(tmp_path, monkeypatch):
    monkeypatch.setattr("densing_pipeline.state.UNNAMED_SECONDS", 0.1)
    with holding(tmp_path) as other:
        left = json.loads((tmp_path / HOLDER).read_bytes())
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        (tmp_path / HOLDER).write_text(json.dumps(left | {"pid": gone.pid}))
        with pytest.raises(StateBusyError, match="in use by another process"), held(tmp_path, "me"):
            pytest.fail("two processes hold the state directory")
        assert other.poll() is None


def test_a_run_waits_until_the_other_process_has_ended(tmp_path):
    told = []

    with holding(tmp_path) as other:

        def waiting(holder: str) -> None:
            told.append(holder)
            let_go(other)

        with held(tmp_path, "me", wait_seconds=60, on_wait=waiting):
            assert other.wait() == 0
    assert told[0].startswith("`densing run`")


def test_a_wait_ends_at_its_deadline(tmp_path):
    with (
        holding(tmp_path),
        pytest.raises(StateBusyError, match=r"after a wait of 0\.01 min"),
        held(tmp_path, "me", wait_seconds=0.6),
    ):
        pytest.fail("two processes hold the state directory")


def test_a_thread_that_holds_it_may_hold_it_again_and_keeps_it(tmp_path):
    with held(tmp_path, "`densing run`"):
        with held(tmp_path, "the run it started"):
            assert json.loads((tmp_path / HOLDER).read_bytes())["started_by"] == "`densing run`"
        refused = []

        def other_thread() -> None:
            try:
                with held(tmp_path, "another run in this process"):
                    pass
            except StateBusyError as error:
                refused.append(str(error))

        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert "in use by `densing run`" in refused[0]


def test_an_error_while_it_is_held_lets_go_of_it(tmp_path):
    with pytest.raises(KeyboardInterrupt), held(tmp_path, "me"):
        raise KeyboardInterrupt
    with holding(tmp_path):
        pass


def test_a_file_where_the_directory_must_be_is_named(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match=r"state: "), held(tmp_path / "state", "me"):
        pytest.fail("a file is no directory")


def test_results_of_a_set_clock_and_of_real_nights_are_kept_apart(tmp_path, monkeypatch):
    real, replayed = tmp_path / "real", tmp_path / "replayed"
    with held(real, "me"):
        (real / "landing").mkdir()
    monkeypatch.setenv("DENSING_NOW", "2027-01-31T02:00:00+00:00")
    with pytest.raises(StateError, match="has results of real nights: unset it"), held(real, "me"):
        pass
    with held(replayed, "me"):
        (replayed / "tables").mkdir()
    with held(replayed, "me"):
        pass
    monkeypatch.delenv("DENSING_NOW")
    with pytest.raises(StateError, match="DENSING_NOW had set"), held(replayed, "me"):
        pass


def test_a_state_directory_without_results_takes_either_clock(tmp_path, monkeypatch):
    with held(tmp_path, "me"):
        pass
    monkeypatch.setenv("DENSING_NOW", "2027-01-31T02:00:00+00:00")
    with held(tmp_path, "me"):
        assert (tmp_path / REPLAYED).exists()
    monkeypatch.delenv("DENSING_NOW")
    with held(tmp_path, "me"):
        assert not (tmp_path / REPLAYED).exists()


def test_other_users_cannot_enter_a_state_directory(tmp_path):
    with held(tmp_path / "state", "a test"):
        assert (tmp_path / "state").stat().st_mode & 0o007 == 0
