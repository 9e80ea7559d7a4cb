"""Losses out of what vLLM's V2 model runner returns, the default on GPUs: its own classes, on the processor.

The runner itself needs Triton. What turns logits into the rows that a request gets back is vLLM's code; two
Triton kernels have plain torch in their place, with the same inputs and outputs.
"""

import itertools
from types import SimpleNamespace

import pytest

from densing_pipeline.evaluation.requests import LossRequest, LossResult
from densing_pipeline.evaluation.vllm_calls import Call, Queue

VOCABULARY, LENGTH, START = 50, 100, 80


@pytest.fixture(scope="module")
def prompt():
    """Tokens, and the logits after each of them."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.randint(0, VOCABULARY, (LENGTH,)), torch.randn(LENGTH, VOCABULARY)


@pytest.fixture
def worker(monkeypatch):
    """VLLM's worker for log-probabilities of prompts."""
    pytest.importorskip("vllm", reason="needs the evaluation environment: make test-engine")
    import numpy as np
    import torch
    from vllm.sampling_params import SamplingParams
    from vllm.v1.outputs import LogprobsTensors
    from vllm.v1.worker.gpu.sample import prompt_logprob

    def token_ids(count, starts, mapping, computed, every):
        first = int(computed[0]) + 1
        return every[0, first : first + count]

    def scores(logits, top, sampled, **_):
        found = torch.log_softmax(logits.float(), -1).gather(-1, sampled.unsqueeze(-1))
        ranks = torch.ones(len(sampled), dtype=torch.int64)
        return LogprobsTensors(sampled.unsqueeze(-1), found, ranks)

    monkeypatch.setattr(prompt_logprob, "get_prompt_logprobs_token_ids", token_ids)
    monkeypatch.setattr(prompt_logprob, "compute_topk_scores", scores)
    params = SamplingParams(prompt_logprobs=0, flat_logprobs=True, detokenize=False, max_tokens=1)

    def run(ids, logits, cached, chunks):
        """Rows of a prompt whose tokens after the cached ones are computed in that many steps."""
        made = prompt_logprob.PromptLogprobsWorker(4, torch.device("cpu"))
        made.add_request("r", 0, params)
        every = torch.cat([ids, torch.zeros(1, dtype=torch.int64)]).unsqueeze(0)
        edges = np.linspace(cached, LENGTH, chunks + 1).astype(int)
        found = {}
        for begin, end in itertools.pairwise(edges):
            count = int(end - begin)
            batch = SimpleNamespace(
                idx_mapping_np=np.array([0]), idx_mapping=torch.tensor([0]),
                num_computed_prefill_tokens_np=np.array([begin]), prefill_len_np=np.array([LENGTH]),
                num_tokens=count, query_start_loc=torch.tensor([0, count]),
                query_start_loc_np=np.array([0, count]), num_scheduled_tokens=np.array([count]),
                req_ids=["r"],
            )  # fmt: skip
            found = made.compute_prompt_logprobs(
                lambda hidden: hidden, logits[begin:end], batch, every, torch.tensor([begin]),
                np.array([LENGTH]),
            )  # fmt: skip
        return found["r"]

    return run


def returned(rows, cached):
    """The output of the request, as vLLM's processor of outputs makes it from the rows."""
    from vllm.logprobs import create_prompt_logprobs
    from vllm.v1.engine.logprobs import LogprobsProcessor

    processor = LogprobsProcessor(
        tokenizer=None, logprobs=None, prompt_logprobs=create_prompt_logprobs(True),
        cumulative_logprob=None, num_logprobs=None, num_prompt_logprobs=0,
    )  # fmt: skip
    processor._update_prompt_logprobs(rows)
    ended = SimpleNamespace(finish_reason="length", stop_reason=None)
    return SimpleNamespace(
        outputs=[ended], prompt_logprobs=processor.prompt_logprobs, num_cached_tokens=cached
    )


@pytest.mark.parametrize("chunks", [1, 3])
@pytest.mark.parametrize("cached", [0, 64, START - 1, START])
def test_the_loss_is_the_models_where_the_answer_was_computed(prompt, worker, cached, chunks):
    import torch

    ids, logits = prompt
    logprobs = torch.log_softmax(logits.float(), -1)
    truth = -sum(logprobs[place - 1, ids[place]].item() for place in range(START, LENGTH))
    found = []
    queue = Queue([], lambda _, result: found.append(result), None, 1000)
    call = Call(0, LossRequest("prompt", "answer"), ids.tolist(), START)
    again = queue.take(call, returned(worker(ids, logits, cached, chunks), cached))
    if cached < START:
        assert again == []
        assert found == [LossResult(pytest.approx(truth, rel=1e-6), LENGTH - START, START)]
    else:
        assert found == []
        assert [call.reuse for call in again] == [False]
