"""The evaluation folder: where it is, which files are in it, and their columns and fields.

    <root>/<model id, / as -->/<revision>/<suite version>/      (of a trial: <suite version>-first-<n>)
        .lock                 held by the job while it runs; the kernel releases it with the process
        .lease.json           which machine the job runs on, renewed while it lives (`lease`)
        .<benchmark>.jsonl    items measured so far, one a line, so that a killed job loses none
        request.json          what the orchestrator asked for, written before it starts the job
        <benchmark>.parquet   all items of a finished benchmark
        provenance.json       what the scores depend on
        costs.json            what all attempts so far have cost (`meter`)
        outcome.json          written last: state, reason, attempt, SHA-256 of each file

Every file is either complete or absent. Not here: writing a folder (`folder_writer`) and reading what
its files say (`folder_reader`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline import files
from densing_pipeline.units import MIB

LOCK, LEASE = ".lock", ".lease.json"
REQUEST, PROVENANCE, OUTCOME = "request.json", "provenance.json", "outcome.json"
COSTS = "costs.json"

JSON_BYTES = MIB
"""Bytes; a larger JSON file was not written by an evaluation and is not read."""

TRIAL = "-first-"
"""Between suite version and number of items in the folder name of a trial."""

STATES = ("done", "failed", "blocked")
"""States in which an evaluation can end, as `outcome.json` has them."""

FAULTS = ("installation", "sandbox", "unexplained")
"""Values of `fault` in an outcome that is not `done`: this installation cannot evaluate models; it can, but has no
sandbox for programs; or nothing says what is to blame. Null if the model is."""

EXCUSED = FAULTS[:2]
"""Faults that do not count as an attempt of the model's."""

MOST_FAILED = 0.01
"""Share of a benchmark's items that may fail, each counted as wrong; above it the benchmark counts as not
measured and has no score."""

IDENTITY = (
    "model_id", "revision", "suite_version", "limit", "vllm_version", "torch_version",
    "transformers_version", "dtype", "quantisation", "tensor_parallel", "batch_invariant",
    "tokenizer_sha256", "device", "context", "weights_sha256",
)  # fmt: skip
"""Fields of the provenance: items that differ in one of them are not combined into one score."""

ITEM = {
    "benchmark": pl.String,
    "item_id": pl.String,
    "subject": pl.String,
    "score": pl.Float64,
    "answer_nll_nats_per_token": pl.Float64,
    "prompt_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "truncated": pl.Boolean,
    "failed_reason": pl.String,
    "response": pl.String,
    "bits_per_byte": pl.Float64,
    "text_bytes": pl.Int64,
    "item_weight": pl.Float64,
}
"""Columns of a benchmark's items."""


def folder_path(root: Path, key: str, revision: str, suite_version: str, limit: int | None) -> Path:
    """Folder of one evaluation.

    Args:
        root: folder of all evaluations.
        key: the model id with `/` as `--`.
        revision: the commit of the model's repository.
        suite_version: version of the benchmarks measured.
        limit: items per benchmark of a trial; None for a whole evaluation.
    """
    trial = "" if limit is None else f"{TRIAL}{limit}"
    return root / key / revision / f"{suite_version}{trial}"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if the file is absent, damaged or holds something else."""
    return json_or_problem(path)[0]


def json_or_problem(path: Path) -> tuple[dict[str, Any], str]:
    """The JSON object in a file and, if there is none, the problem: `missing`, or how the file is damaged."""
    try:
        with files.open_regular(path) as file:
            content = file.read(JSON_BYTES + 1)
        if len(content) > JSON_BYTES:
            return {}, "no JSON file of ours"
        found = json.loads(content)
    except FileNotFoundError:
        return {}, "missing"
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"damaged ({error})"
    return (found, "") if isinstance(found, dict) else ({}, "no JSON object")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically: a reader sees the old file or the whole new one.

    Raises:
        OSError: the file cannot be written.
    """
    files.write(path, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a parquet file.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"damaged ({str(error).splitlines()[0][:200]})") from error
    except BaseException as error:
        # The Rust reader panics on some damaged files; a panic is not an Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError("damaged (the reader gave up on it)") from error
