"""NQ-open: questions put to a search engine, without a text to read, no examples, one of the short answers.

Lee et al. 2019 (arXiv:1906.00300), from Natural Questions (Kwiatkowski et al. 2019). Prompt, stops and the
comparison are those of lm-eval's task `nq_open`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import NormalisedMatch
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Prompt, Record, Source, Split


def from_hub(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A row of the Hub's parquet file; the reference is a JSON list of answers."""
    if not raw["answer"]:
        raise ValueError(f"no answer to: {raw['question']}")
    yield {"question": raw["question"], "reference": json.dumps(list(raw["answer"]))}


NQ_OPEN = Benchmark(
    facts=REGISTRY["NQ-open"],
    splits=(
        Split(
            "validation",
            (
                Source(
                    "google-research-datasets/nq_open",
                    "nq_open/validation-00000-of-00001.parquet",
                    from_hub,
                    revision="5dd9790a83002ad084ddeb7c420dc716852c6f28",
                ),
            ),
            {"": None},
        ),
    ),
    split="validation",
    prompt=Prompt(
        header="Answer these questions:\n\n", question="Q: {question}?\nA:", separator="\n"
    ),
    kind="generate",
    stops=("\n", ".", ","),
    max_tokens=256,
    metric=NormalisedMatch(
        ignored=(r"\b(?:The |the |An |A |The |a |an )",),
        ignores_case=True,
        ignores_punctuation=True,
        has_several=True,
    ),
    licence="CC-BY-SA-3.0",
)
