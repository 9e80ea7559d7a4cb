"""MMLU-Pro: exam questions with up to ten options, five worked examples, the letter that a text ends with.

Wang et al. 2024 (arXiv:2406.01574), https://github.com/TIGER-AI-Lab/MMLU-Pro. Examples are the first five
of the subject in the validation split, with their worked answers. Prompt, stop and the reading of the
answer are those of lm-eval's task `mmlu_pro`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import LETTERS, ExactMatch
from densing_pipeline.evaluation.suite.benchmark import (
    Benchmark,
    Fewshot,
    Prompt,
    Record,
    Source,
    Split,
)

SUBJECTS = (
    "biology",
    "business",
    "chemistry",
    "computer_science",
    "economics",
    "engineering",
    "health",
    "history",
    "law",
    "math",
    "other",
    "philosophy",
    "physics",
    "psychology",
)

NAMES = {"computer_science": "computer science"}
"""Subjects whose name in the data is another."""

CUE = "A: Let's think step by step. "
"""What worked answers begin with; the prompt has it in other words."""


def from_hub(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A row of the Hub's parquet files; questions without a worked answer have an empty `reasoning`."""
    options = [option.strip() for option in raw["options"][: len(LETTERS)]]
    if raw["answer"] not in LETTERS[: len(options)]:
        raise ValueError(f"the answer {raw['answer']} of {len(options)} options")
    yield {
        "subject": raw["category"],
        "question": raw["question"],
        "options": "\n".join(
            f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)
        ),
        "reasoning": raw["cot_content"].replace(CUE, ""),
        "reference": raw["answer"],
    }


def _split(name: str) -> Split:
    source = Source(
        "TIGER-Lab/MMLU-Pro",
        f"data/{name}-00000-of-00001.parquet",
        from_hub,
        revision="b189ec765aa7ed75c8acfea42df31fdae71f97be",
        part_field="category",
        names=NAMES,
    )
    return Split(name, (source,), dict.fromkeys(SUBJECTS))


MMLU_PRO = Benchmark(
    facts=REGISTRY["MMLU-Pro"],
    splits=(_split("validation"), _split("test")),
    split="test",
    fewshot=Fewshot("validation", shots=REGISTRY["MMLU-Pro"].shots),
    prompt=Prompt(
        header="The following are multiple choice questions (with answers) about {subject}. Think step "
        'by step and then finish your answer with "the answer is (X)" where X is the correct letter '
        "choice.\n",
        question="Question:\n{question}\nOptions:\n{options}\nAnswer: Let's think step by step.",
        answer=" {reasoning}",
    ),
    kind="generate",
    stops=("Question:",),
    max_tokens=2048,
    metric=ExactMatch(r"answer is \(?([A-J])\)?"),
    licence="MIT",
)
