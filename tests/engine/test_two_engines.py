"""Two real engines side by side, each in a process of its own, are one engine."""

from typing import Any

import pytest

from densing_pipeline.evaluation.copies import BLOCK_REQUESTS, EngineCopies
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    GenerateRequest,
    LossRequest,
    Request,
)

pytestmark = pytest.mark.slow

PROMPT = "Question: add 1 and 7?\nA. 1\nB. 8\nC. 3\nD. 4\nAnswer:"
ASKED: list[Request] = [
    ChoiceRequest(PROMPT, (" A", " B", " C", " D")),
    LossRequest(PROMPT, " B, because 1 + 7 == 8"),
    GenerateRequest(PROMPT, (), 8),
]


def test_two_engines_answer_alike_and_share_the_work(tiny):
    """The same requests in the block of one copy and in that of the other: the same answers."""
    from densing_pipeline.evaluation import sizing, vllm_engine, weights

    machine = sizing.this_machine()
    vllm_engine.prepare(machine)
    checked = weights.check(tiny)
    sized = sizing.size(checked, machine)
    block = (ASKED * BLOCK_REQUESTS)[:BLOCK_REQUESTS]
    engine = EngineCopies(checked, [sized, sized], vllm_engine.VllmEngine)
    try:
        found: dict[int, Any] = {}
        engine.run([*block, *block], found.__setitem__)
        assert engine.provenance()["data_parallel"] == 2
    finally:
        engine.close()
    assert sorted(found) == list(range(2 * BLOCK_REQUESTS))
    for number, request in enumerate(block):
        one, other = found[number], found[BLOCK_REQUESTS + number]
        if isinstance(request, GenerateRequest):
            assert one == other
        elif isinstance(request, ChoiceRequest):
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
        else:
            assert one.nll_nats == pytest.approx(other.nll_nats, abs=1e-4)
            assert one.answer_tokens == other.answer_tokens
