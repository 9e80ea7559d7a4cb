"""Collects what scores depend on besides the model, for `provenance.json`.

Not here: provenance of the engine (`vllm_engine`) and writing the file (`folder_writer`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from densing_pipeline.evaluation.measure import Tally, Work
from densing_pipeline.evaluation.scoring import PassesTests, SameMathematics
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Data

Value = str | int | float | bool | None


def prompt_sha256(work: Iterable[Work]) -> str:
    """SHA-256 over all requests of the benchmarks, in order."""
    digest = hashlib.sha256()
    for each in work:
        for item in each.items:
            request: dict[str, Any] = {"item": item.item_id, **asdict(item.request)}
            loss = asdict(item.loss) if item.loss else None
            digest.update(json.dumps([each.benchmark.name, request, loss]).encode())
    return digest.hexdigest()


def of_data(data: Mapping[str, Data]) -> dict[str, Value]:
    """Origin of each benchmark's data and SHA-256 of their content."""
    found: dict[str, Value] = {}
    for name, each in data.items():
        found[f"data {name}"] = "; ".join(sorted(set(each.origins.values())))
        found[f"data_sha256 {name}"] = each.sha256
    return found


def own_fields(benchmark: Benchmark) -> list[str]:
    """Fields of the provenance on which only the items of this benchmark depend.

    Of texts that a new month adds to, each month is its own: what is measured stays.
    """
    is_dated = any(split.written_from for split in benchmark.splits)
    fields = [] if is_dated else [f"data_sha256 {benchmark.name}"]
    if isinstance(benchmark.metric, PassesTests):
        fields.append("sandbox")
    if isinstance(benchmark.metric, SameMathematics):
        fields.append("math_verify_version")
    return fields


def of_results(tallies: Mapping[str, Tally], seconds: float) -> dict[str, Value]:
    """Time, items and tokens of all benchmarks; truncated and failed items of each."""
    every: Sequence[Tally] = list(tallies.values())
    found: dict[str, Value] = {
        "seconds": round(seconds, 3),
        "items": sum(each.items for each in every),
        "prompt_tokens": sum(each.prompt_tokens for each in every),
        "completion_tokens": sum(each.completion_tokens for each in every),
    }
    for name, each in tallies.items():
        found[f"truncated {name}"] = each.truncated
        found[f"failed {name}"] = each.failed.total()
    return found


def headline(tallies: Mapping[str, Tally]) -> dict[str, Value]:
    """Mean score of each benchmark that has scores, to be shown at the end."""
    return {
        f"score {name}": round(total / n, 4)
        for name, each in tallies.items()
        for total, n in (each.scored,)
        if n
    }
