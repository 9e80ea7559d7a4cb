"""Fresh text: bits per byte of texts written after the model was released, which it cannot have read.

Uncheatable Eval (https://github.com/Jellyfish042/uncheatable_eval, MIT) collects new texts every month
and puts them on the Hub, 500 of each kind; lm-eval measures the same as its tasks `uncheatable_eval_*`.
A month is declared in `DUMPS` with the commit of its data set, and a model is measured on all months
that began after its release. Months are never combined (`densing_pipeline.evaluation.fresh_text`).
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import BitsPerByte
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Prompt, Record, Source, Split

DUMPS = {
    "2026-07": "65889535d56aa38d448ce7e07b08e6e36c031545",
}
"""Commit of each month's data set. A commit that scores were measured on is never replaced."""

DOMAINS = (
    "wikipedia_english",
    "github_python",
    "github_cpp",
    "arxiv_cs",
    "arxiv_physics",
    "bbc_news",
)
"""Kinds of text that are measured, by their name in the column `category`."""


def from_hub(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A row of the Hub's parquet file; the text is the one that Uncheatable Eval measures itself."""
    yield {"reference": raw["content"]}


def _split(month: str, commit: str) -> Split:
    source = Source(
        f"Jellyfish042/UncheatableEval-{month}",
        "data/test-00000-of-00001.parquet",
        from_hub,
        revision=commit,
        part_field="category",
    )
    return Split(month, (source,), dict.fromkeys(DOMAINS), date.fromisoformat(f"{month}-01"))


FRESH_TEXT = Benchmark(
    facts=REGISTRY["fresh-text"],
    splits=tuple(_split(month, commit) for month, commit in DUMPS.items()),
    split="",
    prompt=Prompt(question=""),
    kind="text",
    metric=BitsPerByte(),
    licence="of the texts' authors",
)
