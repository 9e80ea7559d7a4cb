"""Evaluation folders for the tests, as the job leaves them."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.benchmarks import AVERAGED, ITEMS
from densing_pipeline.evaluation import folder_format, suite

REVISION = "a" * 40
SIZES = {name: ITEMS[name] for name in AVERAGED}
SUBJECTS = {"MMLU": 57, "BBH": 27, "MATH": 7}


def items(benchmark: str, n: int, share: float = 0.5, **columns: Any) -> pl.DataFrame:
    """Items of a benchmark, the first `share` of each subject solved."""
    subjects = SUBJECTS.get(benchmark)
    number = pl.int_range(n, eager=True)
    return pl.DataFrame({"number": number}).select(
        benchmark=pl.lit(benchmark),
        item_id=pl.format("{}/{}", pl.lit(benchmark), "number"),
        subject=pl.format("subject {}", pl.col("number") % subjects) if subjects else None,
        score=((pl.col("number") // (subjects or 1)) * (subjects or 1) < share * n).cast(
            pl.Float64
        ),
        answer_nll_nats_per_token=pl.lit(0.7),
        prompt_tokens=pl.lit(800),
        completion_tokens=pl.lit(1),
        truncated=pl.lit(value=False),
        failed_reason=pl.lit(None, pl.String),
        response=pl.lit("A"),
        **columns,
    )


def write(
    root: Path,
    model_id: str = "lab/model",
    revision: str = REVISION,
    suite_version: str | None = None,
    *,
    limit: int | None = None,
    share: float = 0.5,
    benchmarks: tuple[str, ...] = AVERAGED,
    provenance: dict[str, Any] | None = None,
    **outcome: Any,
) -> Path:
    """A whole evaluation; further arguments change its outcome."""
    version = suite_version or suite.version()
    path = folder_format.folder_path(root, model_id.replace("/", "--"), revision, version, limit)
    path.mkdir(parents=True, exist_ok=True)
    for name in benchmarks:
        n = ITEMS[name] if limit is None else min(limit, ITEMS[name])
        items(name, n, share).write_parquet(path / f"{name}.parquet")
    told = {
        "model_id": model_id, "revision": revision, "suite_version": version, "limit": limit,
        "vllm_version": "0.32.0", "dtype": "bfloat16", "tensor_parallel": 1, "device": "H100",
        "engine": "vllm", "batch_invariant": False, "seconds": 1400.5, "sandbox": "bubblewrap",
    }  # fmt: skip
    (path / folder_format.PROVENANCE).write_text(json.dumps(told | (provenance or {})))
    ended = {
        "state": "done", "reason": "whole suite", "attempt": 1, "resumable": False,
        "started_at": "2026-11-20T01:00:00+00:00", "finished_at": "2026-11-20T01:24:00+00:00",
    }  # fmt: skip
    (path / folder_format.OUTCOME).write_text(json.dumps(ended | outcome))
    return path
