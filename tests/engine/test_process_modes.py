"""The engine in the job's process, as in these tests, and in one of its own, as on every GPU: one behaviour."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

LOAD = """
import json, sys
from pathlib import Path


def main():
    from densing_pipeline.evaluation import engine_processes, sizing, vllm_engine, weights
    from densing_pipeline.evaluation.requests import ChoiceRequest, LossRequest, TextLossRequest
    machine = sizing.Machine((), 16 * 2**30)
    vllm_engine.prepare(machine)
    import vllm
    starts, real = [], vllm.LLM

    def counted(*arguments, **settings):
        starts.append([settings["max_model_len"], settings["max_num_seqs"]])
        return real(*arguments, **settings)

    vllm.LLM = counted
    checked = weights.check(Path(sys.argv[1]))
    engine = vllm_engine.VllmEngine(checked, sizing.size(checked, machine))
    found = []
    prompt = "1 and 1 is 2.\\n" * 40 + "Answer:"
    asked = [ChoiceRequest(prompt, (" A", " B")), LossRequest(prompt, " A is it"), TextLossRequest(prompt)]
    engine.run(asked, lambda index, result: found.append((index, repr(result))))
    print("RESULT " + json.dumps({"starts": starts, "context": engine.sizing.context, "found": sorted(found)}))


if __name__ == "__main__":
    main()
"""


def load(folder: Path, model: Path, multiprocessing: str) -> dict:
    """Load a model in a process of its own; how often vLLM was started, and what came back."""
    script = folder / "load.py"
    script.write_text(LOAD)
    ran = subprocess.run(  # noqa: S603
        [sys.executable, str(script), str(model)],
        env=os.environ
        | {"VLLM_ENABLE_V1_MULTIPROCESSING": multiprocessing, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, ran.stderr[-3000:]
    return json.loads(lines[0].removeprefix("RESULT "))


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A model whose context takes more than the GiB of cache that the tests give."""
    pytest.importorskip("vllm", reason="needs the evaluation environment: make test-engine")
    from tests.engine.models import tiny_llama

    folder = tmp_path_factory.mktemp("models") / "wide"
    return tiny_llama(folder, context=16_384, hidden=512, layers=40)


# Minutes on two processors, for the engine is started four times.
@pytest.mark.slow
def test_a_context_that_does_not_fit_is_shortened_once_in_both_modes(tmp_path, wide):
    in_process, of_its_own = (load(tmp_path, wide, mode) for mode in ("0", "1"))
    assert len(in_process["starts"]) == len(of_its_own["starts"]) == 2
    assert in_process["context"] == of_its_own["context"] < 16_384
    assert in_process["starts"] == of_its_own["starts"]
    assert in_process["found"] == of_its_own["found"]
