"""GPUs and their free memory are listed whoever tells them: nvidia-smi, or CUDA where it says too little."""

import os

import pytest

from densing_pipeline.evaluation import gpus
from densing_pipeline.evaluation.failures import InstallationError
from densing_pipeline.evaluation.gpus import Gpu, list_gpus
from densing_pipeline.units import GIB, MIB

AVAILABLE = 100 * GIB
WHOLE = "0, GPU-aa, NVIDIA H100 80GB HBM3, Disabled, 81000, 81559"
SECOND = "1, GPU-bb, NVIDIA H100 80GB HBM3, Disabled, 400, 81559"
INSTANCES = ["MIG-c7384736-a75d-5afc-978f-d2f1294409fd", "MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d"]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Puts an nvidia-smi that prints some lines, and a CUDA that sees some GPUs by name, in place of the real ones."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(lines=(), status=0, instances=(), cuda=None):
        (tmp_path / "lines").write_text("".join(f"{line}\n" for line in lines))
        (tmp_path / "instances").write_text(
            "".join(f"  MIG 3g.40gb (UUID: {each})\n" for each in instances)
        )
        (tmp_path / "asked").write_text("")
        script = tmp_path / "nvidia-smi"
        script.write_text(
            f'#!/bin/sh\ncd {tmp_path}\necho "$@" >> asked\n'
            f'case "$*" in *-L*) cat instances;; *) cat lines;; esac\nexit {status}\n'
        )
        script.chmod(0o755)
        monkeypatch.setattr(
            gpus,
            "ASK_CUDA",
            f"import json, os\nprint(json.dumps({cuda or {}!r}.get(os.environ['CUDA_VISIBLE_DEVICES'], [])))",
        )
        return lambda: (tmp_path / "asked").read_text().splitlines()

    return install


def test_nvidia_smi_tells_all_there_is_to_know_of_most_gpus(machine):
    machine([WHOLE, SECOND])
    assert list_gpus(AVAILABLE) == [
        Gpu("0", "NVIDIA H100 80GB HBM3", 81000 * MIB, 81559 * MIB, "GPU-aa"),
        Gpu("1", "NVIDIA H100 80GB HBM3", 400 * MIB, 81559 * MIB, "GPU-bb"),
    ]


@pytest.mark.parametrize("visible", ["1", "GPU-bb,GPU-aa"])
def test_only_the_gpus_of_this_process_are_asked_for(machine, monkeypatch, visible):
    asked = machine([SECOND])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.key for gpu in list_gpus(AVAILABLE)] == ["GPU-bb"]
    assert asked()[0].split("-i ")[1].split()[0] == visible


def test_where_no_gpu_may_be_used_or_none_is_there_are_none(machine, monkeypatch):
    machine([WHOLE])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert list_gpus(AVAILABLE) == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    machine(status=9)
    assert list_gpus(AVAILABLE) == []
    monkeypatch.setattr(gpus, "is_processor_build", lambda: True)
    machine([WHOLE])
    assert list_gpus(AVAILABLE) == [], "vLLM's processor build uses none"


@pytest.mark.parametrize("is_shared", [False, True])
def test_memory_that_nvidia_smi_does_not_tell_is_told_by_cuda(machine, is_shared):
    """GB10 and Jetson share the computer's memory; a virtual GPU may not tell its own."""
    seen = [["aa", "NVIDIA GB10", 20 * GIB, 120 * GIB, is_shared]]
    machine(["0, GPU-aa, NVIDIA GB10, [N/A], [N/A], [N/A]"], cuda={"0": seen})
    (found,) = list_gpus(AVAILABLE)
    assert (found.index, found.name, found.total) == ("0", "NVIDIA GB10", 120 * GIB)
    assert found.free == (AVAILABLE if is_shared else 20 * GIB), (
        "CUDA counts caches of the system as used"
    )
    assert found.is_shared is is_shared


def test_instances_of_a_divided_gpu_are_gpus_of_their_own(machine):
    seen = {
        each: [[each[4:], "NVIDIA H100 MIG 3g.40gb", 39 * GIB, 40 * GIB, False]]
        for each in INSTANCES
    }
    divided = "0, GPU-aa, NVIDIA H100 80GB HBM3, Enabled, 0, 81559"
    machine([divided, SECOND], instances=INSTANCES, cuda=seen)
    found = list_gpus(AVAILABLE)
    assert [gpu.index for gpu in found] == ["1", *INSTANCES]
    assert len({gpu.key for gpu in found}) == 3
    assert found[1].total == 40 * GIB


def test_an_instance_that_a_scheduler_gives_is_used_though_nvidia_smi_does_not_know_it(
    machine, monkeypatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", INSTANCES[0])
    seen = {INSTANCES[0]: [["c7", "NVIDIA H100 MIG 3g.40gb", 39 * GIB, 40 * GIB, False]]}
    machine(["No devices were found"], status=6, cuda=seen)
    assert [gpu.index for gpu in list_gpus(AVAILABLE)] == [INSTANCES[0]]


@pytest.mark.parametrize(
    ("visible", "lines", "status"),
    [
        (None, ["0, NVIDIA H100 80GB HBM3, [Insufficient Permissions], [Insufficient Permissions]"], 0),
        (None, ["0, GPU-aa, NVIDIA H100, Disabled, [GPU is lost], [GPU is lost]"], 0),
        (INSTANCES[0], ["No devices were found"], 6),
        ("3", ["No devices were found"], 6),
    ],
)  # fmt: skip
def test_a_gpu_of_which_nobody_tells_the_memory_is_a_fault_of_the_installation(
    machine, monkeypatch, visible, lines, status
):
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    machine(lines, status)
    with pytest.raises(InstallationError, match=f"of GPU {visible or 0} .*CUDA_VISIBLE_DEVICES"):
        list_gpus(AVAILABLE)


def test_a_gpu_that_is_lost_leaves_the_others(machine):
    machine(["0, GPU-aa, NVIDIA H100, Disabled, [GPU is lost], [GPU is lost]", SECOND])
    assert [gpu.index for gpu in list_gpus(AVAILABLE)] == ["1"]


def test_the_program_that_asks_cuda_is_python():
    assert compile(gpus.ASK_CUDA, "ask", "exec")


@pytest.mark.parametrize("visible", ["-1", "NoDevFiles", " ", "-1,0"])
def test_names_that_stand_for_no_gpu_are_none(machine, monkeypatch, visible):
    machine([WHOLE])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list_gpus(AVAILABLE) == []


def test_a_number_that_is_none_ends_the_list_as_in_cuda(machine, monkeypatch):
    asked = machine([SECOND])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, -1, 0")
    assert [gpu.index for gpu in list_gpus(AVAILABLE)] == ["1"]
    assert "-i 1 " in asked()[0]


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("WARNING: infoROM is corrupted at gpu 0000:3B:00.0", 14),
        ("WARNING: infoROM is corrupted at gpu 0000:3B:00.0", 0),
        ("Unable to determine the device handle for GPU2: 0000:86:00.0: Unknown Error", 255),
        ("", 0),
    ],
)
def test_what_nvidia_smi_says_beside_its_rows_is_no_gpu(machine, line, status, where):
    rows = [WHOLE, SECOND]
    asked = machine([*rows[:where], line, *rows[where:]], status)
    assert [gpu.index for gpu in list_gpus(AVAILABLE)] == ["0", "1"]
    assert len(asked()) == 1


def test_a_driver_without_gpus_has_none_whatever_its_status(machine):
    machine(["No devices were found"], status=0)
    assert list_gpus(AVAILABLE) == []


def test_a_gpu_that_is_named_twice_is_one(machine, monkeypatch):
    machine([WHOLE, WHOLE, SECOND])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-aa,1")
    assert [gpu.key for gpu in list_gpus(AVAILABLE)] == ["GPU-aa", "GPU-bb"]


def test_a_gpu_has_one_lock_whoever_tells_of_it(machine, monkeypatch):
    """`nvidia-smi` is there for one job, and not in the container of another."""
    machine([WHOLE])
    (told,) = list_gpus(AVAILABLE)
    machine(status=127, cuda={"0": [["aa", "NVIDIA H100", 79 * GIB, 80 * GIB, False]]})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    (seen,) = list_gpus(AVAILABLE)
    assert seen.key == told.key


def test_instances_of_one_gpu_that_cuda_calls_alike_have_a_lock_each(machine):
    seen = {
        each: [["aa", "NVIDIA H100 MIG 3g.40gb", 39 * GIB, 40 * GIB, False]] for each in INSTANCES
    }
    machine(["0, GPU-aa, NVIDIA H100 80GB HBM3, Enabled, 0, 81559"], instances=INSTANCES, cuda=seen)
    assert [gpu.key for gpu in list_gpus(AVAILABLE)] == INSTANCES
