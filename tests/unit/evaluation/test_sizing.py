"""How a model is put on a machine: the fewest free GPUs it fits on, batches that fit beside it."""

from dataclasses import replace
from pathlib import Path

import pytest

from densing_pipeline.evaluation import engine_errors, sizing
from densing_pipeline.evaluation.failures import BlockedError, EvaluationError
from densing_pipeline.evaluation.gpus import Gpu
from densing_pipeline.evaluation.sizing import Machine, size
from densing_pipeline.evaluation.weights import Weights
from densing_pipeline.units import GIB

EIGHT_BILLION = Weights(
    Path("m"), int(16e9), int(8e9), None, 32, 128_256, 131_072, tokenizer_sha256="", sha256=""
)


def gpus(count, gib=80, used=0):
    return Machine(
        tuple(Gpu(str(n), "H100", (gib - used) * GIB, gib * GIB) for n in range(count)), 64 * GIB
    )


def test_one_gpu_where_one_is_enough():
    found = size(EIGHT_BILLION, gpus(8))
    assert (found.gpus, found.tensor_parallel, found.dtype) == (("0",), 1, "bfloat16")
    assert found.device == "H100"


@pytest.mark.parametrize(("billions", "count"), [(8, 1), (32, 2), (70, 4), (180, 8)])
def test_a_model_is_spread_over_as_few_gpus_as_it_fits_on(billions, count):
    found = size(replace(EIGHT_BILLION, elements=int(billions * 1e9)), gpus(8))
    assert found.tensor_parallel == count


def test_gpus_of_one_product_share_a_model():
    mixed = (
        Gpu("0", "A100", 80 * GIB, 80 * GIB),
        *(Gpu(str(n), "H100", 79 * GIB, 80 * GIB) for n in (1, 2)),
    )
    found = size(replace(EIGHT_BILLION, elements=int(32e9)), Machine(mixed, 64 * GIB))
    assert (found.gpus, found.device) == (("1", "2"), "2 x H100")


def test_no_more_memory_is_asked_for_than_is_free():
    for used, share in ((0, 0.9), (4, 0.9), (7, 0.892)):
        found = size(EIGHT_BILLION, gpus(1, used=used))
        assert found.memory_share == share
    shared = Gpu("0", "GB10", 60 * GIB, 120 * GIB, is_shared=True)
    assert size(EIGHT_BILLION, Machine((shared,), 60 * GIB)).memory_share == 0.48
    with pytest.raises(EvaluationError):
        size(EIGHT_BILLION, Machine((replace(shared, is_shared=False),), 60 * GIB))


@pytest.mark.parametrize(
    ("gib", "sequences", "tokens"), [(24, 32, 1024), (80, 256, 4096), (141, 512, 4096)]
)
def test_batches_are_as_large_as_the_memory_beside_the_weights(gib, sequences, tokens):
    found = size(EIGHT_BILLION, gpus(1, gib=gib))
    assert (found.sequences, found.tokens) == (sequences, tokens)
    beside = gib * GIB * (1 - found.memory_share)
    assert found.tokens * EIGHT_BILLION.vocabulary * 8 <= max(
        beside / 2, 1024 * EIGHT_BILLION.vocabulary * 8
    )


@pytest.mark.parametrize(
    ("billions", "count", "most", "placed"),
    [(8, 8, 1, 1), (8, 8, 3, 3), (8, 2, 8, 2), (32, 8, 8, 4), (32, 3, 8, 1), (8, 0, 8, 1)],
)
def test_copies_of_a_model_have_as_many_gpus_as_they_may_and_need(billions, count, most, placed):
    weights = replace(EIGHT_BILLION, elements=int(billions * 1e9))
    if not count:
        weights = replace(weights, elements=10**8)
    copies = sizing.place(weights, gpus(count), most)
    assert len(copies) == placed
    used = [index for each in copies for index in each.gpus]
    assert len(set(used)) == len(used)
    assert len({each.tensor_parallel for each in copies}) == 1


def test_attention_heads_must_divide():
    with pytest.raises(BlockedError, match="14 attention heads can be spread over 1, 2"):
        size(replace(EIGHT_BILLION, elements=int(100e9), heads=14), gpus(8))


def test_gpus_in_use_are_somebody_elses():
    with pytest.raises(EvaluationError, match="of 2 GPUs 0 are free") as caught:
        size(EIGHT_BILLION, gpus(2, used=40))
    assert caught.value.state == "failed", "they may be free another time"
    with pytest.raises(BlockedError):
        size(replace(EIGHT_BILLION, elements=int(180e9)), gpus(2, used=40))


def test_what_is_stored_quantised_is_loaded_so():
    stored = replace(
        EIGHT_BILLION, elements=int(120e9), stored_bytes=int(50e9), quantisation="mxfp4"
    )
    assert size(stored, gpus(1)).tensor_parallel == 1


def test_a_context_is_the_models_own_but_no_longer_than_the_suite_needs():
    assert size(EIGHT_BILLION, gpus(1)).context == sizing.LONGEST_CONTEXT
    assert size(replace(EIGHT_BILLION, context=2048), gpus(1)).context == 2048


def test_a_large_vocabulary_makes_batches_of_fewer_tokens():
    large = size(replace(EIGHT_BILLION, vocabulary=262_144), gpus(1))
    small = size(replace(EIGHT_BILLION, vocabulary=32_000), gpus(1))
    assert large.tokens * 262_144 * 8 <= sizing.LOGPROB_BYTES
    assert large.tokens < small.tokens == sizing.MOST_TOKENS


def test_without_gpus_the_processor_does_it_in_full_precision():
    found = size(replace(EIGHT_BILLION, elements=10**8), gpus(0))
    assert (found.device, found.dtype, found.tensor_parallel) == ("cpu", "float32", 1)
    with pytest.raises(EvaluationError, match=r"needs 37\.3 GiB of memory, 30\.0 are free"):
        size(EIGHT_BILLION, Machine((), 30 * GIB))


def test_batches_halve_until_they_cannot():
    found, batches = size(EIGHT_BILLION, gpus(1)), []
    while (found := sizing.smaller(found)) is not None:
        batches.append((found.sequences, found.tokens))
    assert batches[0] == (128, 2048)
    assert batches[-1] == (sizing.FEWEST_SEQUENCES, sizing.FEWEST_TOKENS)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        ValueError("No available memory for the cache blocks."),
        type("EngineDeadError", (Exception,), {})("EngineCore encountered an issue."),
    ],
)
def test_memory_that_ran_out_is_known_by_many_names(error):
    assert engine_errors.is_short(error)
    start = size(EIGHT_BILLION, gpus(1))
    assert engine_errors.fitted(start, error) == sizing.smaller(start)


def test_an_error_of_another_kind_is_not_tried_again():
    start = size(EIGHT_BILLION, gpus(1))
    assert engine_errors.fitted(start, ValueError("unknown architecture")) is None


def test_a_cache_too_small_for_the_context_shortens_it():
    start = size(EIGHT_BILLION, gpus(1))
    text = "To serve at least one request ... the estimated maximum model length is {}."
    assert engine_errors.fitted(start, ValueError(text.format(6000))).context == 6000
    assert engine_errors.fitted(start, ValueError(text.format(100))) is None


def test_the_reason_is_the_innermost_one():
    error = RuntimeError("Engine core initialization failed")
    error.__cause__ = ValueError("weights of another shape")
    assert engine_errors.words(error) == "ValueError: weights of another shape"


def test_this_machine_has_memory():
    assert sizing.this_machine().memory > GIB / 4
