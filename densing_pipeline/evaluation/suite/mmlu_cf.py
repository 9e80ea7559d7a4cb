"""MMLU-CF: questions like MMLU's, rewritten, to detect contamination of MMLU scores.

Zhao et al. 2024 (arXiv:2412.15194), https://github.com/microsoft/MMLU-CF. The validation split is
public, the test split is not. The gap to MMLU is a contamination check and does not count in the average.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.suite.benchmark import Fewshot, Record, Source, Split
from densing_pipeline.evaluation.suite.mmlu import MMLU, record

SUBJECTS = (
    "Biology",
    "Business",
    "Chemistry",
    "Computer_Science",
    "Economics",
    "Engineering",
    "Health",
    "History",
    "Law",
    "Math",
    "Other",
    "Philosophy",
    "Physics",
    "Psychology",
)


def from_hub(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A row of the Hub's parquet files; the answer is a letter."""
    choices = [raw[letter] for letter in "ABCD"]
    answer = "ABCD".index(raw["Answer"].strip().upper())
    yield record(raw["part"].lower(), raw["Question"], choices, answer)


def _split(name: str) -> Split:
    source = Source(
        "microsoft/MMLU-CF",
        f"*{{part}}_{name}.parquet",
        from_hub,
        revision="c25b89a968a2062e422dd96ddf0fe3387507f0dd",
    )
    return Split(name, (source,), dict.fromkeys(SUBJECTS))


MMLU_CF = dataclasses.replace(
    MMLU,
    facts=REGISTRY["MMLU-CF"],
    splits=(_split("dev"), _split("val")),
    split="val",
    fewshot=Fewshot("dev", shots=REGISTRY["MMLU-CF"].shots),
    licence="CDLA-Permissive-2.0",
)
