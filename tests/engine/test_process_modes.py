"""The engine in the job's process, as in these tests, and in one of its own, as on every GPU: one behaviour.

And a process of the engine's ends with the one that started it, however that one ends. Run in a process without the
shared engine (`make test-engine` does): the end of an engine in the job's process takes vLLM's process groups from it.
"""

import os
import re
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    LossRequest,
    LossResult,
    TextLossRequest,
)
from tests.engine.conftest import served

REPOSITORY = Path(__file__).parents[2]

CONTEXT = 16_384
PROMPT = "1 and 1 is 2.\n" * 40 + "Answer:"
REQUESTS = [
    ChoiceRequest(PROMPT, (" A", " B")),
    LossRequest(PROMPT, " A is it"),
    TextLossRequest(PROMPT),
]

LONGEST_S = 600
"""Longest wait for a process, for the machine may be busy; it fails no test that passes."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A small model whose cache takes 80 KiB a token, so 1.25 GiB for a context: more than the 1 GiB given."""
    pytest.importorskip("vllm", reason="needs the evaluation environment: make test-engine")
    from tests.engine.models import tiny_llama

    folder = tmp_path_factory.mktemp("models") / "wide"
    heads = {"head_dim": 256, "num_attention_heads": 8, "num_key_value_heads": 8}
    return tiny_llama(folder, CONTEXT, hidden=64, layers=5, **heads)


@pytest.fixture
def run(wide, load, monkeypatch):
    """Loads the model in one of the modes; contexts of the starts, the one it ended with, and results."""
    import vllm
    from vllm import envs

    def run(multiprocessing: str):
        starts, real = [], vllm.LLM

        def counted(*arguments, **settings):
            starts.append((settings["max_model_len"], settings["max_num_seqs"]))
            return real(*arguments, **settings)

        monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", multiprocessing)
        # An engine that has started keeps the variables as they were.
        envs.disable_envs_cache()
        with monkeypatch.context() as patched:
            patched.setattr(vllm, "LLM", counted)
            engine = load(wide)
        found = served(REQUESTS, engine)
        is_apart = bool(getattr(engine.llm.llm_engine.engine_core, "resources", None))
        context = engine.sizing.context
        engine.close()
        return is_apart, starts, context, found

    return run


def test_a_context_that_does_not_fit_is_shortened_once_in_both_modes(run):
    apart, starts, context, found = run("1")
    assert apart, "the engine has a process of its own"
    inside, *of_inside, expected = run("0")
    assert not inside
    assert len(starts) == 2
    assert starts[0] == (CONTEXT, starts[1][1])
    assert starts[1][0] == context < CONTEXT
    assert [starts, context] == of_inside
    choice, loss, text = found
    assert isinstance(choice, ChoiceResult)
    assert all(isinstance(each, LossResult) for each in (loss, text))
    for one, other in zip(found, expected, strict=True):
        for name in ("logprobs", "nll_nats"):
            if hasattr(one, name):
                assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-3)


def test_vllms_own_process_ends_with_a_job_that_is_killed(tmp_path):
    """The check before evaluations loads a model as the job does; it is killed as soon as the engine is there."""
    pytest.importorskip("vllm", reason="needs the evaluation environment: make test-engine")
    environment = os.environ | {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [sys.executable, "-m", "densing_pipeline.evaluation.preflight"]
    options = ["--state-dir", str(tmp_path), "--cache", str(tmp_path / "weights")]
    with subprocess.Popen(  # noqa: S603
        [*command, *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as job:
        engine = os.pidfd_open(_child(job, "EngineCore"))
        try:
            job.kill()
            job.wait()
            assert select.select([engine], [], [], LONGEST_S)[0] == [engine], "it has ended"
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(engine, signal.SIGKILL)
            os.close(engine)


def _child(job: subprocess.Popen, name: str) -> int:
    """Process id of a child that vLLM has given a name, once there is one."""
    while job.poll() is None:
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                told = re.fullmatch(r"\d+ \((.*)\) \S (\d+) .*", status.read_text(), re.DOTALL)
                line = (status.parent / "cmdline").read_text()
                if told and int(told[2]) == job.pid and name in f"{told[1]} {line}":
                    return int(status.parent.name)
        select.select([], [], [], 0.2)
    raise AssertionError("it ended before it had started an engine")
