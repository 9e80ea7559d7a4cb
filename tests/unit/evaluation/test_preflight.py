"""The check before evaluations runs every part, says what failed, and leaves one verdict for the sensor."""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub.utils import close_session

from densing_pipeline.evaluation import installation, preflight, prerequisites, vllm_engine
from densing_pipeline.evaluation.failures import (
    BlockedError,
    EvaluationError,
    InstallationError,
)
from densing_pipeline.evaluation.sandbox import SandboxError
from tests.small_models import write_model


def passes():
    return "as it should be"


def fails():
    raise preflight.CheckError("0.1 GiB are free: make room")


def blocked():
    raise BlockedError("gated on the Hub")


def breaks():
    raise ImportError("libcudart.so.13: cannot open shared object file")


def run(monkeypatch, tmp_path, **checks):
    monkeypatch.setattr(preflight, "checks", lambda cache: iter(checks.items()))
    return preflight.run(tmp_path, tmp_path), installation.last_check(tmp_path).problem


def lacks():
    raise SandboxError("no sandbox passes its probes")


def test_a_check_that_passes_says_so_and_clears_the_verdict(monkeypatch, tmp_path, capsys):
    installation.write_check(tmp_path, "disk: full")
    assert run(monkeypatch, tmp_path, disk=passes, sandbox=passes) == (0, None)
    assert capsys.readouterr().out.splitlines() == [
        "ok      disk: as it should be",
        "ok      sandbox: as it should be",
    ]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (fails, "0.1 GiB are free: make room"),
        (blocked, "gated on the Hub"),
        (breaks, "ImportError: libcudart.so.13: cannot open shared object file"),
    ],
)
def test_what_fails_is_the_verdict_and_the_rest_is_tried_all_the_same(
    monkeypatch, tmp_path, capsys, check, said
):
    assert run(monkeypatch, tmp_path, disk=check, sandbox=passes) == (1, f"disk: {said}")
    assert capsys.readouterr().out.splitlines() == [
        f"FAILED  disk: {said}",
        "ok      sandbox: as it should be",
    ]


def test_without_a_sandbox_models_are_evaluated_all_the_same(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, sandbox=lacks, disk=passes) == (0, None)
    assert installation.last_check(tmp_path).no_programs == "no sandbox passes its probes"
    assert capsys.readouterr().out.splitlines() == [
        f"lacking sandbox: no sandbox passes its probes; {preflight.WITHOUT_PROGRAMS}",
        "ok      disk: as it should be",
    ]


def test_a_check_that_crashes_leaves_a_verdict(monkeypatch, tmp_path):
    def crashes():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, tmp_path, disk=passes, engine=crashes)
    assert installation.last_check(tmp_path).problem == (
        "engine: the check was begun and did not end, so it crashed or was killed"
    )


def test_every_part_of_an_installation_is_tried(tmp_path):
    assert [name for name, _ in preflight.checks(tmp_path)] == [
        "libraries", "machine", "disk", "sandbox", "Hub", "one token of a tiny model",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("free", "passed"), [(preflight.LEAST_DISK, True), (preflight.LEAST_DISK - 1, False)]
)
def test_weights_need_room(monkeypatch, tmp_path, free, passed):
    space = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: space)
    if passed:
        assert preflight._disk(tmp_path).startswith("20 GiB are free")
        return
    with pytest.raises(preflight.CheckError, match="DENSING_EVALUATION_CACHE"):
        preflight._disk(tmp_path)


def test_a_library_that_is_missing_fails(monkeypatch):
    monkeypatch.setattr(preflight, "LIBRARIES", ("polars", "no_such_library"))
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        preflight._libraries()


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """Puts a GPU with some driver and free MiB in the place of what is there, and vLLM's build for CUDA."""
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(version=SimpleNamespace(cuda="13.0")))
    monkeypatch.setattr(prerequisites, "compiler", lambda: "gcc")
    monkeypatch.setattr(prerequisites, "python_header", lambda: Path(__file__))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(driver="580.95.05", free=81000, status=0):
        script = tmp_path / "nvidia-smi"
        script.write_text(
            f'#!/bin/sh\ncase "$*" in *driver_version*) echo {driver};;\n'
            f'*) echo "0, GPU-aa, NVIDIA H100 80GB HBM3, Disabled, {free}, 81559";; esac\nexit {status}\n'
        )
        script.chmod(0o755)

    return install


def test_a_machine_with_a_free_gpu_and_a_new_driver_passes(gpu):
    gpu()
    assert preflight._machine() == "1 of 1 GPUs are free, NVIDIA H100 80GB HBM3; CUDA 13.0"


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"driver": "570.86.10"}, "NVIDIA driver 570.86.10 is too old for CUDA 13: install 580"),
        ({"free": 30000}, "other processes use all 1 GPUs"),
        ({"status": 9}, "no NVIDIA GPU: nvidia-smi lists none"),
    ],
)
def test_a_machine_that_cannot_evaluate_says_why(gpu, machine, said):
    gpu(**machine)
    with pytest.raises(preflight.CheckError, match=said):
        preflight._machine()


def test_a_compiler_that_is_missing_fails(gpu, monkeypatch):
    gpu()
    monkeypatch.setattr(prerequisites, "compiler", lambda: None)
    with pytest.raises(preflight.CheckError, match="no C compiler, with which Triton"):
        preflight._machine()


def test_a_hub_that_does_not_answer_fails(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    close_session()
    with pytest.raises(EvaluationError, match="could not be fetched"):
        preflight._hub()
    close_session()


def test_a_sandbox_that_is_missing_fails(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match="no sandbox passes its probes: no bubblewrap"):
        preflight._sandbox()


def test_an_engine_that_does_not_load_or_fails_its_self_test_fails(monkeypatch):
    def fails(checked, sized):
        raise InstallationError("the engine fails its self-test: stale rows")

    monkeypatch.setattr(preflight, "write_tiny_model", write_model)
    monkeypatch.setattr(vllm_engine, "prepare", lambda machine: None)
    monkeypatch.setattr(vllm_engine, "VllmEngine", fails)
    with pytest.raises(InstallationError, match="fails its self-test"):
        preflight._one_token()
