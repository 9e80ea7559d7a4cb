"""How the suite in force asks: `suite_benchmarks`, what a record of a score needs besides the score itself.

Not here: the declarations (`suite`).
"""

import json
import re
from collections.abc import Sequence

import polars as pl

from densing_pipeline.evaluation.suite.benchmark import Benchmark
from densing_pipeline.tables.published import SUITE_BENCHMARKS


def suite_benchmarks(benchmarks: Sequence[Benchmark], suite_version: str) -> pl.DataFrame:
    """Data, requests, metric and score of guessing of each benchmark: a `suite_benchmarks` frame.

    Args:
        benchmarks: the benchmarks in force.
        suite_version: their suite version.
    """
    rows = [
        {
            "suite_version": suite_version,
            "benchmark": each.name,
            "benchmark_version": each.version,
            "question_group": each.facts.group,
            **_data(each),
            "n_questions": each.n_items,
            "shots": each.facts.shots,
            "request_kind": each.kind,
            "metric_used": re.sub(r"(?<!^)(?=[A-Z])", " ", type(each.metric).__name__).lower(),
            "stop_texts": json.dumps(each.stops) if each.stops else None,
            "token_budget": each.max_tokens or None,
            "guessing_score": each.facts.chance,
            "question_licence": each.licence,
            "has_own_questions": each.has_own_content,
        }
        for each in benchmarks
    ]
    return SUITE_BENCHMARKS.cast(pl.DataFrame(rows, SUITE_BENCHMARKS.polars_schema))


def _data(benchmark: Benchmark) -> dict[str, str | None]:
    """Data set, commit and split of the questions; of texts of several months the newest."""
    split = next((each for each in benchmark.splits if each.name == benchmark.split), None)
    source = (split or benchmark.splits[-1]).sources[0]
    return {
        "dataset_id": source.dataset,
        "dataset_revision": source.revision,
        "question_split": benchmark.split or None,
    }
