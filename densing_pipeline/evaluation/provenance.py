"""What a score depends on besides the model, put together for `provenance.json`.

Not here: what the engine knows of itself (`vllm_engine`) and how the file is written (`folder_writer`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from densing_pipeline.evaluation.measure import Tally, Work
from densing_pipeline.evaluation.suite.benchmark import Data

Value = str | int | float | bool | None


def prompt_sha256(work: Iterable[Work]) -> str:
    """Hash of every request of a suite, in order."""
    digest = hashlib.sha256()
    for each in work:
        for item in each.items:
            request: dict[str, Any] = {"item": item.item_id, **asdict(item.request)}
            loss = asdict(item.loss) if item.loss else None
            digest.update(json.dumps([each.benchmark.name, request, loss]).encode())
    return digest.hexdigest()


def of_data(data: Mapping[str, Data]) -> dict[str, Value]:
    """Where each benchmark's data came from and the hash of their content."""
    found: dict[str, Value] = {}
    for name, each in data.items():
        found[f"data {name}"] = "; ".join(sorted(set(each.origins.values())))
        found[f"data_sha256 {name}"] = each.sha256
    return found


def of_results(tallies: Mapping[str, Tally], seconds: float) -> dict[str, Value]:
    """Counts over the suite, and those of each benchmark that a reader has to know of."""
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
    """Mean score of each benchmark that has scores, for a person who watches."""
    return {
        f"score {name}": round(total / n, 4)
        for name, each in tallies.items()
        for total, n in (each.scored,)
        if n
    }
