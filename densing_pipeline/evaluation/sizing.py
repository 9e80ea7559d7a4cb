"""How a model is put on a machine: which GPUs, data type, context and batch.

Decided by what is in the weight files, not by what the configuration says of them. Not here: reading
the files (`weights`) and starting the engine (`vllm_engine`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from densing_pipeline.evaluation.failures import BlockedError, EvaluationError, OccupiedError
from densing_pipeline.evaluation.gpus import Gpu, list_gpus
from densing_pipeline.evaluation.weights import Weights
from densing_pipeline.units import GIB, MIB

USABLE = 0.90
"""Largest share of a GPU's memory given to the engine; the rest is for log-probabilities over prompts."""

SPARE_SHARE = 0.02
"""Share of a GPU's memory that is free and yet not given to the engine: vLLM refuses to start without what it is told
to take (`vllm/v1/worker/utils.py`), and CUDA itself takes some."""

OVERHEAD = 1.25
"""Memory of weights, activations and a useful cache as a multiple of the weights."""

OCCUPIED = 0.10
"""Share of memory in use above which a GPU counts as occupied by another process. Not of memory that it shares with
the processor, some of which is always in use."""

LONGEST_CONTEXT = 16_384
"""Tokens; no prompt of the suite with its answer is longer, and a longer context costs memory."""

LOGPROB_BYTES = 4 * GIB
"""Most memory for log-probabilities of a batch of prompt tokens: logits and their softmax. At most half of what the
engine leaves of a GPU."""

MOST_TOKENS, FEWEST_TOKENS = 8192, 1024
"""Tokens of a batch."""

MOST_SEQUENCES, FEWEST_SEQUENCES = 512, 8
"""Texts of a batch."""

COPIES_TO_BEGIN = 0.75
"""Share of its copies with which a model begins while other models hold the rest: waiting for all leaves those GPUs idle
that are free already (`benchmarks.places`)."""

CACHE_BYTES = 128 * MIB
"""Cache of one text, of 1,000 tokens of a model with 8 B parameters (Llama 3: 32 layers, 8 heads of 128 for keys and
values, bf16). A batch that is too large for the cache costs time, no results: vLLM computes texts again."""


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
        memory_share: share of each GPU's memory that the engine takes.
    """

    gpus: tuple[str, ...]
    device: str
    dtype: str
    context: int
    sequences: int
    tokens: int
    memory_share: float = USABLE

    @property
    def tensor_parallel(self) -> int:
        """Number of GPUs each layer is split over."""
        return max(len(self.gpus), 1)


def size(weights: Weights, machine: Machine) -> Sizing:
    """The smallest number of free GPUs the model fits on, and batches that fit beside it.

    Published numbers are bf16; fp32 on a processor, where it costs nothing and rounds least.

    Raises:
        BlockedError: the model does not fit on this machine.
        OccupiedError: it does not fit beside the memory of GPUs that other processes use now.
        EvaluationError: it does not fit in the memory of the processor that is free now.
    """
    context = min(weights.context or LONGEST_CONTEXT, LONGEST_CONTEXT)
    if not machine.gpus:
        needed = int(weights.bytes_in(4) * OVERHEAD)
        if needed > machine.memory:
            raise EvaluationError(
                f"needs {needed / GIB:.1f} GiB of memory, {machine.memory / GIB:.1f} are free"
            )
        # Attention of the processor build keeps scores of whole batches: smaller ones are faster.
        tokens = min(_batch_tokens(weights.vocabulary, LOGPROB_BYTES), 4096)
        return Sizing((), "cpu", "float32", context, 128, tokens)
    needed = int(weights.bytes_in(2) * OVERHEAD)
    free = sorted(filter(is_free, machine.gpus), key=_engine_bytes, reverse=True)
    for count in _counts(weights.heads, len(free)):
        for chosen in _alike(free, count):
            least = min(map(_engine_bytes, chosen))
            if count * least < needed:
                continue
            total = min(gpu.total for gpu in chosen)
            # What the engine leaves, for log-probabilities over prompts and for CUDA.
            left = total - least
            return Sizing(
                tuple(gpu.index for gpu in chosen),
                f"{count} x {chosen[0].name}" if count > 1 else chosen[0].name,
                "bfloat16",
                context,
                _power_of_two((count * least - weights.bytes_in(2)) // CACHE_BYTES),
                _batch_tokens(weights.vocabulary, min(LOGPROB_BYTES, left // 2)),
                round(least / total, 3),
            )
    every = sorted((gpu.total for gpu in machine.gpus), reverse=True)
    fits = any(
        count * every[count - 1] * USABLE >= needed for count in _counts(weights.heads, len(every))
    )
    raise (OccupiedError if fits else BlockedError)(
        f"needs {needed / GIB:.0f} GiB of GPU memory; of {len(machine.gpus)} GPUs {len(free)} are "
        f"free, with {sum(map(_engine_bytes, free)) / GIB:.0f} GiB together, and its "
        f"{weights.heads} attention heads can be spread over "
        f"{', '.join(map(str, _counts(weights.heads, 8)))}"
    )


def place(weights: Weights, machine: Machine, most_gpus: int) -> tuple[Sizing, ...]:
    """Where copies of a model are put: on GPUs that are free, at most as many copies as are wanted.

    Args:
        weights: its checked files.
        machine: GPUs and memory; those of other jobs have none free.
        most_gpus: GPUs that the copies are to use together.

    Returns:
        A sizing for each copy, at least one, all on GPUs of one product.

    Raises:
        BlockedError, OccupiedError, EvaluationError: not even one copy fits (`size`).
    """
    first = size(weights, machine)
    copies = [first]
    while len(copies) < wanted_copies(first, most_gpus):
        taken = {index for each in copies for index in each.gpus}
        left = tuple(gpu for gpu in machine.gpus if gpu.index not in taken)
        try:
            copy = size(weights, replace(machine, gpus=left)) if left else None
        except EvaluationError:
            break
        if copy is None or (copy.device, copy.context) != (first.device, first.context):
            break
        copies.append(copy)
    return tuple(copies)


def wanted_copies(first: Sizing, most_gpus: int) -> int:
    """Copies of a model whose GPUs are nearest to so many; at least one, and one on the processor."""
    return max(1, int(most_gpus / len(first.gpus) + 0.5)) if first.gpus else 1


def are_enough(copies: Sequence[Sizing], most_gpus: int) -> bool:
    """Whether a model begins with these copies, beside others that work: `COPIES_TO_BEGIN` of those that it is given."""
    return len(copies) >= COPIES_TO_BEGIN * wanted_copies(copies[0], most_gpus)


def smaller(sizing: Sizing) -> Sizing | None:
    """The sizing with half the batch, to try when memory ran out; None at the smallest batch."""
    halved = replace(
        sizing,
        sequences=max(sizing.sequences // 2, FEWEST_SEQUENCES),
        tokens=max(sizing.tokens // 2, FEWEST_TOKENS),
    )
    return None if halved == sizing else halved


def this_machine() -> Machine:
    """The GPUs that this process may use, and the free memory of the computer.

    Raises:
        InstallationError: a GPU does not tell its memory.
    """
    memory = _free_memory()
    return Machine(tuple(list_gpus(memory)), memory)


def is_free(gpu: Gpu) -> bool:
    """Whether other processes leave the GPU to this one."""
    return gpu.free > 0 and (gpu.is_shared or gpu.free >= (1 - OCCUPIED) * gpu.total)


def _engine_bytes(gpu: Gpu) -> int:
    """Bytes of a free GPU that the engine may take."""
    return int(min(USABLE * gpu.total, gpu.free - SPARE_SHARE * gpu.total))


def _alike(gpus: Sequence[Gpu], count: int) -> Iterator[list[Gpu]]:
    """So many GPUs of each product that there are as many of: a slower one would hold up the others."""
    for name in dict.fromkeys(gpu.name for gpu in gpus):
        found = [gpu for gpu in gpus if gpu.name == name][:count]
        if len(found) == count:
            yield found


def _batch_tokens(vocabulary: int, most_bytes: int) -> int:
    """Tokens of a batch whose log-probabilities take no more than some bytes."""
    tokens = most_bytes // (2 * 4 * max(vocabulary, 1))
    return max(FEWEST_TOKENS, min(MOST_TOKENS, tokens // 1024 * 1024))


def _power_of_two(number: int) -> int:
    """The largest power of two up to a number of texts, between the fewest and the most of a batch."""
    return max(FEWEST_SEQUENCES, min(MOST_SEQUENCES, 1 << max(number.bit_length() - 1, 0)))


def _counts(heads: int, most: int) -> Sequence[int]:
    """Numbers of GPUs that the attention heads can be split over."""
    return [count for count in (1, 2, 4, 8) if count <= most and heads % count == 0]


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
