"""What a machine lacks to evaluate on GPUs is said before anything is built, with the remedy."""

import shutil
import sysconfig
from pathlib import Path

import pytest

from densing_pipeline.evaluation import prerequisites


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with programs of ours only, by name and what they print; and all that is needed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CC", raising=False)
    header = tmp_path / "include" / "Python.h"
    header.parent.mkdir()
    header.touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(header.parent))
    space = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: space._replace(total=8 * 10**9, free=20 * 10**9)
    )

    def install(**programs: str) -> None:
        for name, says in {"nvidia-smi": "580.95.05", "gcc": "", **programs}.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\necho '{says}'\n")
            path.chmod(0o755)

    return install


def remove(name: str) -> None:
    found = shutil.which(name)
    assert found
    Path(found).unlink()


@pytest.mark.parametrize("driver", ["580", "580.65.06", "1000.1"])
def test_a_machine_that_has_all_lacks_nothing(machine, driver):
    machine(nvidia_smi=driver)
    assert list(prerequisites.lacking()) == []


def test_a_driver_of_before_cuda_13_is_too_old(machine):
    machine(nvidia_smi="580.1\n579.99")
    assert list(prerequisites.lacking()) == [
        "NVIDIA driver 579.99 is too old for CUDA 13: install 580 or newer (of a container: on its host)"
    ]


def test_without_a_driver_that_answers_there_is_no_gpu(machine):
    machine()
    remove("nvidia-smi")
    (problem,) = prerequisites.lacking()
    assert problem.startswith("no NVIDIA GPU")


@pytest.mark.parametrize("other", ["clang", "gcc"])
def test_any_compiler_that_triton_takes_will_do(machine, other):
    machine(**{other: ""})
    remove("gcc") if other == "clang" else None
    assert list(prerequisites.lacking()) == []
    remove(other)
    (problem,) = prerequisites.lacking()
    assert "apt install gcc" in problem


def test_a_compiler_that_is_named_must_be_there(machine, monkeypatch):
    machine()
    monkeypatch.setenv("CC", "my-cc")
    assert len(list(prerequisites.lacking())) == 1


def test_the_headers_of_the_python_that_runs_are_needed(machine, tmp_path):
    machine()
    (tmp_path / "include" / "Python.h").unlink()
    (problem,) = prerequisites.lacking()
    assert "Python.h" in problem
    assert "apt install python3." in problem


def test_several_gpus_need_shared_memory_and_one_does_not(machine, monkeypatch):
    machine()
    small = shutil.disk_usage("/")._replace(total=64 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: small)
    assert list(prerequisites.lacking(1)) == []
    (problem,) = prerequisites.lacking(2)
    assert problem.startswith(f"{prerequisites.SHARED_MEMORY} has 0.07 GB")


@pytest.mark.parametrize(("free", "room"), [(14 * 10**9, True), (14 * 10**9 - 1, False)])
def test_the_environment_needs_room_on_the_disk(machine, monkeypatch, tmp_path, free, room):
    space = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: space)
    assert (prerequisites.no_room(tmp_path) is None) is room
