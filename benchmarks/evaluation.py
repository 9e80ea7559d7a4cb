"""Benchmarks of evaluating a model, against lm-eval's vLLM backend and vLLM's own calls.

They run in the evaluation environment (`make evaluation-env-cpu`), in a program of its own that is told which
to make; ours and the peer drive the very same engine on a small random model.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from benchmarks.measure import Measurement, Row, compare, own_peak_mb

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-evaluation" / "bin" / "python"

QUESTIONS, SUBJECTS, SHOTS = 500, 10, 5
TEXTS, TEXT_TOKENS = 200, 128
ANSWERS = 200
FRESH_TEXTS, FRESH_WORDS = 200, 400
ITEMS = 1_000
LETTERS = (" A", " B", " C", " D")
SAMPLE = {"MMLU": 281, "BBH": 130, "MATH": 100, "HumanEval": 3, "MBPP": 10}
"""A fiftieth of each benchmark of the suite."""

WRITTEN = {"BBH": 160, "MATH": 200, "HumanEval": 120, "MBPP": 80}
"""Tokens written for an item, about as many as base models take; the random one never stops."""

WORDS = [
    "the",
    "following",
    "question",
    "about",
    "answer",
    "capital",
    "of",
    "France",
    "Paris",
    "Rome",
    "Oslo",
    "Bern",
    "is",
    "with",
    "choice",
    "return",
    "add",
    "step",
    "think",
    "so",
    "problem",
    "solution",
    "final",
    "a",
    "b",
    "c",
    "def",
    "assert",
]


def benchmarks() -> Iterator[Row]:
    """Choices, losses, texts, a whole suite and the job around the engine."""
    if not PYTHON.exists():
        from rich.console import Console  # which a machine that only measures may lack

        Console(stderr=True).print("evaluation: left out, `make evaluation-env-cpu` was not run")
        return
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(  # noqa: S603
            [PYTHON, "-m", "benchmarks.evaluation"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as program,
    ):
        for measure in MEASURES:
            yield Row(f"evaluation.{measure}", partial(asked, program, log, measure))


def asked(program: "subprocess.Popen[str]", log: IO[str], measure: str) -> Measurement:
    """Have the program in the evaluation environment measure one row; its errors are in the log."""
    assert program.stdin
    assert program.stdout
    program.stdin.write(f"{measure}\n")
    program.stdin.flush()
    for line in program.stdout:
        if line.startswith("{"):
            found: Measurement = json.loads(line)
            return found
    log.seek(0)
    last = (log.read().strip().splitlines() or ["it gave no reason"])[-1]
    raise RuntimeError(f"benchmarks.evaluation ended while it measured {measure}: {last}")


def main() -> None:
    """Measure in this environment what each line of input names; print each as a line of JSON."""
    wanted = sys.stdin.readline().strip()
    if not wanted:
        return
    from densing_pipeline.evaluation import sizing, vllm_engine, weights
    from tests.engine.models import tiny_llama
    from tests.engine.peer import lm_eval_on

    machine = sizing.this_machine()
    vllm_engine.prepare(machine)
    with tempfile.TemporaryDirectory() as folder:
        model = tiny_llama(Path(folder) / "model")
        checked = weights.check(model)
        sized = sizing.size(checked, machine)
        engine = vllm_engine.VllmEngine(checked, sized)
        peer = lm_eval_on(engine, model)
        while wanted:
            print(json.dumps(MEASURES[wanted](engine, peer)), flush=True)
            wanted = sys.stdin.readline().strip()


def _choices(engine: Any, peer: Any) -> Measurement:
    from densing_pipeline.evaluation.requests import ChoiceRequest

    prompts = synthetic(QUESTIONS)
    return _compare(
        engine,
        "evaluation.choices",
        f"{QUESTIONS} five-shot questions with four choices, 1.3 M parameters, cold prefix cache",
        lambda: _served(engine, [ChoiceRequest(prompt, LETTERS) for prompt in prompts]),
        lambda: peer.loglikelihood([(prompt, each) for prompt in prompts for each in LETTERS]),
        "lm-eval 0.4.13, vLLM backend, same engine",
    )


def _losses(engine: Any, peer: Any) -> Measurement:
    from densing_pipeline.evaluation.requests import LossRequest

    pairs = [(prompt, " " + _words(index, 40)) for index, prompt in enumerate(synthetic(ANSWERS))]
    return _compare(
        engine,
        "evaluation.losses",
        f"losses of {ANSWERS} answers after five examples",
        lambda: _served(engine, [LossRequest(*pair) for pair in pairs]),
        lambda: _prompt_logprobs(engine, [prompt + answer for prompt, answer in pairs]),
        "vLLM LLM.generate with prompt_logprobs=1",
    )


def _fresh_text(engine: Any, peer: Any) -> Measurement:
    from densing_pipeline.evaluation.requests import TextLossRequest

    texts = [_words(f"text {number}", FRESH_WORDS) for number in range(FRESH_TEXTS)]
    return _compare(
        engine,
        "evaluation.fresh_text",
        f"losses of {FRESH_TEXTS} whole texts of {FRESH_WORDS} words",
        lambda: _served(engine, [TextLossRequest(text) for text in texts]),
        lambda: peer.loglikelihood_rolling(texts),
        "lm-eval 0.4.13, vLLM backend, loglikelihood_rolling, same engine",
    )


def _texts(engine: Any, peer: Any) -> Measurement:
    from densing_pipeline.evaluation.requests import GenerateRequest

    prompts = synthetic(TEXTS)
    return _compare(
        engine,
        "evaluation.texts",
        f"{TEXTS} texts of {TEXT_TOKENS} tokens",
        lambda: _served(
            engine, [GenerateRequest(each, ("\n\n",), TEXT_TOKENS) for each in prompts]
        ),
        lambda: _generated(engine, prompts),
        "vLLM LLM.generate",
        repeats=3,
    )


def _suite(engine: Any, peer: Any) -> Measurement:
    from densing_pipeline.evaluation.requests import ChoiceRequest, GenerateRequest

    asked = {name: synthetic(count, name) for name, count in SAMPLE.items()}
    choices = asked.pop("MMLU")
    texts = [(each, WRITTEN[name]) for name, prompts in asked.items() for each in prompts]

    def theirs() -> None:
        peer.loglikelihood([(prompt, each) for prompt in choices for each in LETTERS])
        peer.generate_until(texts, ("\n\n\n",))

    return _compare(
        engine,
        "evaluation.suite",
        "a fiftieth of MMLU, BBH, MATH, HumanEval and MBPP, prompts of five examples",
        lambda: _served(
            engine,
            [
                *(GenerateRequest(prompt, ("\n\n\n",), tokens) for prompt, tokens in texts),
                *(ChoiceRequest(prompt, LETTERS) for prompt in choices),
            ],
        ),
        theirs,
        "lm-eval 0.4.13, vLLM backend, same engine",
    )


def _job(engine: Any, peer: Any) -> Measurement:
    from densing_pipeline.evaluation.folder_writer import FolderWriter
    from densing_pipeline.evaluation.measure import Work, measure
    from densing_pipeline.evaluation.progress import Lines
    from densing_pipeline.evaluation.requests import ChoiceRequest
    from densing_pipeline.evaluation.scoring import Item, Judges
    from densing_pipeline.evaluation.suite import BENCHMARKS

    items = [
        Item(f"{number}", None, ChoiceRequest(prompt, LETTERS), "A")
        for number, prompt in enumerate(synthetic(ITEMS))
    ]

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder, FolderWriter(Path(folder) / "out") as writer:
            writer.begin(engine.provenance())
            work = [Work(BENCHMARKS["MMLU"], items)]
            measure(engine, work, writer, Judges(), Lines(lambda line: None, None), 1)
            writer.end("done", "", resumable=False)

    return _compare(
        engine,
        "evaluation.job",
        f"{ITEMS:,} items measured, judged, kept and reported",
        ours,
        lambda: _served(engine, [item.request for item in items]),
        "the engine alone",
        repeats=3,
    )


def _compare(
    engine: Any,
    name: str,
    what: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    peer_name: str,
    repeats: int = 3,
) -> Measurement:
    """Processor time of both, each from an empty prefix cache; engine and peer have one thread of this process."""

    def cold(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            assert engine.llm.reset_prefix_cache()
            return work()

        return run

    # The first steps of an engine are slower.
    cold(ours)()
    peak = own_peak_mb()
    return compare(
        name,
        what,
        cold(ours),
        cold(peer),
        peer_name,
        unit="processor s",
        repeats=repeats,
        peak=lambda: peak,
        clock=time.process_time,
    )


def _served(engine: Any, requests: Sequence[Any]) -> list[Any]:
    found: list[Any] = [None] * len(requests)
    engine.run(requests, found.__setitem__)
    return found


def _prompt_logprobs(engine: Any, texts: Sequence[str]) -> list[Any]:
    from vllm import SamplingParams

    asked = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=1)
    return list(engine.llm.generate(list(texts), asked, use_tqdm=False))


def _generated(engine: Any, prompts: Sequence[str]) -> list[Any]:
    from vllm import SamplingParams

    asked = SamplingParams(temperature=0, max_tokens=TEXT_TOKENS, stop=["\n\n"])
    return list(engine.llm.generate(list(prompts), asked, use_tqdm=False))


def synthetic(count: int, name: str = "MMLU") -> list[str]:
    """Prompts of five examples and a question, examples shared within each of some subjects."""
    found = []
    for number in range(count):
        subject = number * SUBJECTS // count
        shots = "".join(_question(f"{name}/{subject}/{shot}") + " A\n\n" for shot in range(SHOTS))
        found.append(shots + _question(f"{name}/{subject}/question {number}"))
    return found


def _question(seed: str) -> str:
    options = "".join(f"\n{letter[1:]}. {_words(f'{seed}{letter}', 4)}" for letter in LETTERS)
    return f"Question: {_words(seed, 20)}?{options}\nAnswer:"


def _words(seed: object, count: int) -> str:
    return " ".join(random.Random(f"{seed}").choices(WORDS, k=count))  # noqa: S311


MEASURES: dict[str, Callable[[Any, Any], Measurement]] = {
    "choices": _choices,
    "losses": _losses,
    "fresh_text": _fresh_text,
    "texts": _texts,
    "suite": _suite,
    "job": _job,
}
"""What is measured with our engine and the peer, by the row's name in its room."""


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
