"""MBPP: short Python functions from a sentence and three tests, three examples, judged by the tests.

Austin et al. 2021 (arXiv:2108.07732),
https://github.com/google-research/google-research/tree/master/mbpp. The whole data set, not the
sanitised one: tasks 11 to 510 are the questions, tasks 2, 3 and 4 the examples.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import PassesTests
from densing_pipeline.evaluation.suite.benchmark import (
    Benchmark,
    Fewshot,
    Prompt,
    Record,
    Source,
    Split,
)

EXAMPLES, QUESTIONS = range(1, 11), range(11, 511)
"""Task numbers of two of the authors' splits."""

PROMPT = Prompt(
    question=(
        "You are an expert Python programmer, and here is your task: {text} "
        "Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"
    ),
    answer="{code}\n[DONE]",
)


def from_task(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A function to write."""
    tests = "\n".join(raw["test_list"])
    yield {
        "id": str(raw["task_id"]),
        "text": raw["text"],
        "tests": tests,
        "code": raw["code"],
        "reference": f"{raw['test_setup_code']}\n{tests}".strip(),
    }


def from_examples(raw: Mapping[str, Any]) -> Iterator[Record]:
    """The same, if the task is one for examples."""
    if raw["task_id"] in EXAMPLES:
        yield from from_task(raw)


def from_questions(raw: Mapping[str, Any]) -> Iterator[Record]:
    """The same, if the task is a question."""
    if raw["task_id"] in QUESTIONS:
        yield from from_task(raw)


def _split(
    name: str, records: Callable[[Mapping[str, Any]], Iterator[Record]], content: str
) -> Split:
    hub = Source(
        "google-research-datasets/mbpp",
        f"full/{name}-00000-of-00001.parquet",
        records,
        revision="4bb6404fdc6cacfda99d4ac4205087b89d32030c",
    )
    whole = Source("MBPP", "data/mbpp.jsonl", records, home="mirror")
    return Split(name, (hub, whole), {"": content})


MBPP = Benchmark(
    facts=REGISTRY["MBPP"],
    splits=(
        _split(
            "prompt",
            from_examples,
            "7cd137add261225dd05d47bf4148a0e668292da9fc94706b6ec910a86016a06a",
        ),
        _split(
            "test",
            from_questions,
            "e711743d1b1f4f6b3c6571a77f02716d1192d4957cc1c361d7905ded6aae7660",
        ),
    ),
    split="test",
    fewshot=Fewshot("prompt", shots=REGISTRY["MBPP"].shots, ids=("2", "3", "4")),
    prompt=PROMPT,
    kind="generate",
    stops=("[DONE]",),
    max_tokens=512,
    metric=PassesTests("{response}", may_be_fenced=True),
    licence="CC-BY-4.0",
    has_solutions=True,
)
