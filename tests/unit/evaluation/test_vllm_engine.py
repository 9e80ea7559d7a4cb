"""How the engine is started and tested, with a stand-in for vLLM; tests/engine has the real one."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from densing_pipeline.evaluation import self_test, sizing
from densing_pipeline.evaluation.failures import (
    BlockedError,
    EvaluationError,
    InstallationError,
    UnexplainedError,
)
from densing_pipeline.evaluation.gpus import Gpu
from densing_pipeline.evaluation.requests import LossRequest
from densing_pipeline.evaluation.vllm_engine import VllmEngine
from densing_pipeline.evaluation.weights import Weights

SEVENTY_BILLION = Weights(
    Path("m"), 140 * 2**30, 70_000_000_000, None, 64, 128_256, 131_072, "t", "w"
)
EIGHT_GPUS = sizing.Machine(
    tuple(Gpu(str(n), "NVIDIA H100 80GB HBM3", 79 * 2**30, 80 * 2**30) for n in range(8)),
    2**40,
)


class Words:
    """A tokenizer of one token a character."""

    bos_token_id = None
    eos_token_id = 0

    def __call__(self, texts, **_):
        if isinstance(texts, str):
            return {"input_ids": [ord(each) for each in texts]}
        return {"input_ids": [[ord(each) for each in text] for text in texts]}


class Core:
    """Gives token t after anything -t / 100; the last `stale` cached rows of a prompt are of other tokens."""

    def __init__(self, stale):
        """Prepare an empty queue."""
        self.stale, self.waiting = stale, []

    def add_request(self, name, prompt, params):
        self.waiting.append((name, prompt["prompt_token_ids"], params))

    def step(self):
        (name, ids, asked), self.waiting = self.waiting[0], self.waiting[1:]
        made = SimpleNamespace(finish_reason="length", stop_reason=None, logprobs=None)
        rows = None
        if asked.get("prompt_logprobs") is not None:
            is_stale = self.stale and not asked["skip_reading_prefix_cache"]
            logprobs = [-token / 100 - 5 * is_stale for token in ids[1:]]
            rows = Rows(ids[1:], logprobs)
        else:
            tokens = asked["logprob_token_ids"]
            made.logprobs = SimpleNamespace(token_ids=tokens, logprobs=[-t / 100 for t in tokens])
        return [
            SimpleNamespace(
                request_id=name,
                finished=True,
                outputs=[made],
                prompt_logprobs=rows,
                num_cached_tokens=0,
            )
        ]


class Rows(SimpleNamespace):
    """Log-probabilities in the form of vLLM's `FlatLogprobs`."""

    def __init__(self, token_ids, logprobs):
        """One row a token, after an empty one."""
        starts = [0, *range(len(token_ids))]
        super().__init__(token_ids=token_ids, logprobs=logprobs, start_indices=starts)

    def __len__(self):
        """Rows, the empty one included."""
        return len(self.start_indices)


@pytest.fixture
def start(monkeypatch):
    """Starts the engine where vLLM does this; the sizes that it was started with."""

    def start(*does, stale=False):
        starts = []

        class LLM:
            def __init__(self, model, **settings):
                starts.append((settings["max_model_len"], settings["max_num_seqs"]))
                does[min(len(starts), len(does)) - 1]() if does else None
                self.llm_engine = Core(stale)

            def get_tokenizer(self):
                return Words()

        kinds = SimpleNamespace(RequestOutputKind=SimpleNamespace(FINAL_ONLY="final"))
        monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=LLM, SamplingParams=dict))
        monkeypatch.setitem(sys.modules, "vllm.sampling_params", kinds)
        # What a repository's own configuration classes are replaced by needs transformers.
        plain = SimpleNamespace(register=lambda: None)
        monkeypatch.setitem(sys.modules, "densing_pipeline.evaluation.plain_configurations", plain)
        monkeypatch.setattr(
            "densing_pipeline.evaluation.plain_configurations", plain, raising=False
        )
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr(VllmEngine, "close", lambda engine: None)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        error, sized = None, sizing.size(SEVENTY_BILLION, EIGHT_GPUS)
        try:
            engine = VllmEngine(SEVENTY_BILLION, sized)
        except EvaluationError as raised:
            engine, error = None, raised
        return engine, error, starts

    return start


def dies(*lines, status=1):
    """An engine process writes this and ends: all that vLLM tells the job is that it did."""

    def die():
        os.write(2, "".join(f"(EngineCore pid=7) {line}\n" for line in lines).encode())
        raise RuntimeError(
            f"Engine core initialization failed. Failed core proc(s): {{'EngineCore': {status}}}"
        )

    return die


def test_a_model_on_four_gpus_that_gives_no_reason_is_started_once(start):
    engine, error, starts = start(dies())
    assert (engine, type(error), len(starts)) == (None, UnexplainedError, 1)


def test_a_broken_installation_is_started_once_and_blamed(start):
    _, error, starts = start(dies("RuntimeError: The NVIDIA driver on your system is too old"))
    assert (type(error), len(starts)) == (InstallationError, 1)
    assert "driver on your system is too old" in str(error)


def test_a_model_that_cannot_be_run_is_started_once_and_blocked(start):
    _, error, starts = start(dies("ValueError: Model architectures ['Own'] are not supported"))
    assert (type(error), len(starts)) == (BlockedError, 1)


def test_memory_and_context_are_fitted_to_what_the_process_wrote(start):
    engine, _, starts = start(
        dies("torch.OutOfMemoryError: CUDA out of memory."),
        dies("ValueError: 9 GiB are needed; estimated maximum model length is 9000."),
        dies(status=-9),
        lambda: None,
    )
    assert starts == [(16384, 512), (16384, 256), (9000, 256), (9000, 128)]
    assert engine.sizing.context == 9000


def test_an_engine_that_agrees_with_itself_is_used(start):
    engine, error, _ = start()
    assert error is None
    found = []
    engine.run([LossRequest("a", "b")], lambda _, result: found.append(result))
    assert found[0].nll_nats == pytest.approx(ord("b") / 100)


def test_an_engine_that_does_not_is_no_fault_of_the_model(start):
    engine, error, _ = start(stale=True)
    assert (engine, type(error)) == (None, InstallationError)
    assert str(error).startswith("the engine fails its self-test: the loss of")
    assert self_test.MOST_ROUNDING < 5
