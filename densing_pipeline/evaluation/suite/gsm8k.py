"""GSM8K: school problems in words, five worked examples, the number after `####` compared.

Cobbe et al. 2021 (arXiv:2110.14168), https://github.com/openai/grade-school-math. Prompts, examples (five of
the training split, drawn anew for each question), stops and the reading of the answer are those of lm-eval's
task `gsm8k`, filter `strict-match`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import NormalisedMatch
from densing_pipeline.evaluation.suite.benchmark import (
    Benchmark,
    Fewshot,
    Prompt,
    Record,
    Source,
    Split,
)

EXAMPLE_SEED = 1234
"""lm-eval's own seed for examples, if none is set."""

MARK = "#### "
"""Stands before the number at the end of a worked answer."""


def from_row(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A problem with its worked answer; the reference is the number at its end."""
    _, mark, reference = raw["answer"].rpartition(MARK)
    if not mark:
        raise ValueError(f"no number after {MARK.strip()} in: {raw['answer']}")
    yield {"question": raw["question"], "answer": raw["answer"], "reference": reference}


def _split(name: str, content: str) -> Split:
    hub = Source(
        "openai/gsm8k",
        f"main/{name}-00000-of-00001.parquet",
        from_row,
        revision="740312add88f781978c0658806c59bc2815b9866",
    )
    files = Source("GSM8K", f"grade_school_math/data/{name}.jsonl", from_row, home="mirror")
    return Split(name, (hub, files), {"": content})


GSM8K = Benchmark(
    facts=REGISTRY["GSM8K"],
    splits=(
        _split("train", "a15ceac7c8aea2f4976da2fc986dd857b1d3d9daf030cf08a52fc216c88fdc96"),
        _split("test", "5be8a4bb394db39bb02aeffbb47db16d69c13dc3f01b3c5d33493e47e70e9f5b"),
    ),
    split="test",
    fewshot=Fewshot("train", shots=REGISTRY["GSM8K"].shots, seed=EXAMPLE_SEED),
    prompt=Prompt(question="Question: {question}\nAnswer:", answer=" {answer}"),
    kind="generate",
    stops=("Question:", "</s>", "<|im_end|>"),
    max_tokens=512,
    metric=NormalisedMatch(r"#### (-?[0-9.,]+)", ignored=(",", r"\$", r"\.$")),
    licence="MIT",
    has_solutions=True,
)
