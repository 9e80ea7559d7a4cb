"""One small random model and one vLLM engine for all tests here (`make test-engine`)."""

from pathlib import Path

import pytest

TINY_CONTEXT = 8192


def served(requests, engine):
    """Results of an engine in the order of the requests."""
    found = [None] * len(requests)
    engine.run(requests, found.__setitem__)
    return found


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with a byte-level tokenizer."""
    pytest.importorskip("vllm", reason="needs the evaluation environment: make test-engine")
    from tests.engine.models import tiny_llama

    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny", context=TINY_CONTEXT)


@pytest.fixture(scope="session")
def load(tiny):
    """Loads a folder into an engine of its own."""
    from densing_pipeline.evaluation import sizing, vllm_engine, weights

    machine = sizing.this_machine()
    vllm_engine.prepare(machine)

    def load(folder):
        checked = weights.check(folder)
        sized = sizing.size(checked, machine)
        return vllm_engine.VllmEngine(checked, sized)

    return load


@pytest.fixture(scope="session")
def engine(tiny, load):
    """The engine, loaded once."""
    return load(tiny)


@pytest.fixture(scope="session")
def serve(engine):
    """Serves requests with the shared engine; results in the order of the requests."""

    def serve(requests, by=engine):
        return served(requests, by)

    return serve
