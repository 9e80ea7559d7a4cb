"""TriviaQA: questions of quizzes without a text to read, no examples, one of the known names compared.

Joshi et al. 2017 (arXiv:1705.03551). Prompt, stops and the comparison are those of lm-eval's task
`triviaqa`; the second question mark in the prompt is lm-eval's. What a model answers here it knows by heart:
there is nothing to work out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import NormalisedMatch
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Prompt, Record, Source, Split


def from_hub(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A row of the Hub's parquet file; the reference is a JSON list of names."""
    aliases = list(raw["answer"]["aliases"])
    if not aliases:
        raise ValueError(f"no answer to: {raw['question']}")
    yield {"question": raw["question"], "reference": json.dumps(aliases)}


TRIVIA_QA = Benchmark(
    facts=REGISTRY["TriviaQA"],
    splits=(
        Split(
            "validation",
            (
                Source(
                    "mandarjoshi/trivia_qa",
                    "rc.nocontext/validation-00000-of-00001.parquet",
                    from_hub,
                    revision="0f7faf33a3908546c6fd5b73a660e0f8ff173c2f",
                ),
            ),
            {"": None},
        ),
    ),
    split="validation",
    prompt=Prompt(question="Question: {question}?\nAnswer:"),
    kind="generate",
    stops=("\n", ".", ","),
    max_tokens=256,
    metric=NormalisedMatch(ignores_case=True, ignores_punctuation=True, has_several=True),
    licence="Apache-2.0",
)
