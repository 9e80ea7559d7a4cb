"""How a model is put on a machine: which GPUs, data type, context and batch.

Decided by what is in the weight files, not by what the configuration says of them. Not here: reading
the files (`weights`) and starting the engine (`vllm_engine`).
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from densing_pipeline.evaluation.failures import BlockedError, EvaluationError
from densing_pipeline.evaluation.weights import Weights
from densing_pipeline.units import GIB, MIB

USABLE = 0.90
"""Share of a GPU's memory given to the engine; the rest is for log-probabilities over prompts."""

OVERHEAD = 1.25
"""Memory of weights, activations and a useful cache as a multiple of the weights."""

OCCUPIED = 0.10
"""Share of memory in use above which a GPU counts as occupied by another process."""

LONGEST_CONTEXT = 16_384
"""Tokens; no prompt of the suite with its answer is longer, and a longer context costs memory."""

LOGPROB_BYTES = 4 * GIB
"""Most memory for log-probabilities of a batch of prompt tokens: logits and their softmax."""

MOST_TOKENS, FEWEST_TOKENS = 8192, 1024
"""Tokens of a batch."""

MOST_SEQUENCES, FEWEST_SEQUENCES = 256, 8
"""Texts of a batch."""


@dataclass(frozen=True)
class Gpu:
    """One GPU: its number, name, and memory in bytes."""

    index: str
    name: str
    free: int
    total: int


@dataclass(frozen=True)
class Machine:
    """GPUs and free memory of this computer; without GPUs the model runs on the processor."""

    gpus: tuple[Gpu, ...]
    memory: int


@dataclass(frozen=True)
class Sizing:
    """How the engine is started.

    Attributes:
        gpus: numbers of the GPUs; empty for the processor.
        device: name of the GPUs, or `cpu`.
        dtype: of weights that are not quantised, and of activations.
        context: most tokens of a prompt with its answer.
        sequences: most texts in a batch.
        tokens: most tokens in a batch.
    """

    gpus: tuple[str, ...]
    device: str
    dtype: str
    context: int
    sequences: int
    tokens: int

    @property
    def tensor_parallel(self) -> int:
        """Number of GPUs each layer is split over."""
        return max(len(self.gpus), 1)


def size(weights: Weights, machine: Machine) -> Sizing:
    """The smallest number of free GPUs the model fits on, and batches that fit beside it.

    Published numbers are bf16; fp32 on a processor, where it costs nothing and rounds least.

    Raises:
        BlockedError: the model does not fit on this machine.
        EvaluationError: it does not fit beside the memory that other processes use now.
    """
    context = min(weights.context or LONGEST_CONTEXT, LONGEST_CONTEXT)
    tokens = LOGPROB_BYTES // (2 * 4 * max(weights.vocabulary, 1))
    tokens = max(FEWEST_TOKENS, min(MOST_TOKENS, tokens // 1024 * 1024))
    if not machine.gpus:
        needed = int(weights.bytes_in(4) * OVERHEAD)
        if needed > machine.memory:
            raise EvaluationError(
                f"needs {needed / GIB:.1f} GiB of memory, {machine.memory / GIB:.1f} are free"
            )
        # Attention of the processor build keeps scores of whole batches: smaller ones are faster.
        return Sizing((), "cpu", "float32", context, 128, min(tokens, 4096))
    needed = int(weights.bytes_in(2) * OVERHEAD)
    free = sorted(
        (gpu for gpu in machine.gpus if gpu.free >= (1 - OCCUPIED) * gpu.total),
        key=lambda gpu: -gpu.free,
    )
    for count in _counts(weights.heads, len(free)):
        if count * free[count - 1].total * USABLE >= needed:
            chosen = free[:count]
            return Sizing(
                tuple(gpu.index for gpu in chosen),
                f"{count} x {chosen[0].name}" if count > 1 else chosen[0].name,
                "bfloat16",
                context,
                MOST_SEQUENCES,
                tokens,
            )
    every = sorted((gpu.total for gpu in machine.gpus), reverse=True)
    fits = any(
        count * every[count - 1] * USABLE >= needed for count in _counts(weights.heads, len(every))
    )
    raise (EvaluationError if fits else BlockedError)(
        f"needs {needed / GIB:.0f} GiB of GPU memory; of {len(machine.gpus)} GPUs {len(free)} are "
        f"free, with {sum(gpu.total for gpu in free) * USABLE / GIB:.0f} GiB together, and its "
        f"{weights.heads} attention heads can be spread over "
        f"{', '.join(map(str, _counts(weights.heads, 8)))}"
    )


def smaller(sizing: Sizing) -> Sizing | None:
    """The sizing with half the batch, to try when memory ran out; None at the smallest batch."""
    halved = replace(
        sizing,
        sequences=max(sizing.sequences // 2, FEWEST_SEQUENCES),
        tokens=max(sizing.tokens // 2, FEWEST_TOKENS),
    )
    return None if halved == sizing else halved


def this_machine() -> Machine:
    """The GPUs that this process may use, and the free memory of the computer."""
    return Machine(tuple(_gpus()), _free_memory())


def _counts(heads: int, most: int) -> Sequence[int]:
    """Numbers of GPUs that the attention heads can be split over."""
    return [count for count in (1, 2, 4, 8) if count <= most and heads % count == 0]


def _gpus() -> list[Gpu]:
    """GPUs that `nvidia-smi` lists.

    torch would start CUDA in this process. NVML's Python package (pynvml) would need code of ours to match
    `CUDA_VISIBLE_DEVICES`, which may hold indices and UUIDs; `nvidia-smi -i` takes them as they are.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    command = ["nvidia-smi", "--query-gpu=index,name,memory.free,memory.total"]
    command += ["--format=csv,noheader,nounits", *(["-i", visible] if visible else [])]
    if visible == "":
        return []
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in listed.stdout.splitlines():
        index, name, free, total = (part.strip() for part in line.split(","))
        found.append(Gpu(index, name, int(free) * MIB, int(total) * MIB))
    return found


def _free_memory() -> int:
    """Available memory according to Linux, at most the limit of the control group.

    psutil gives the first of the two only.
    """
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    told = dict(line.split(":", 1) for line in lines)
    free = int(told["MemAvailable"].split()[0]) * 1024
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text(encoding="ascii").strip()).isdigit():
        free = min(free, int(text))
    return free
