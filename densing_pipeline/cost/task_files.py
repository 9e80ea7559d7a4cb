"""Runs of leaderboards with their cost, read from a copy that the user has.

Two forms are known: `weirdml_data.csv` of the WeirdML site (its repository states no licence, so its rows are
neither bundled nor published), and evaluation logs of Every Eval Ever, one JSON file each, as in the data
store of the same name. Not here: what is computed from the runs (`task_costs`).
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.values import UnreadableError, day
from densing_pipeline.score_sources import evaluation_logs
from densing_pipeline.score_sources.csv_rows import read_rows
from densing_pipeline.score_sources.evaluation_logs import maker
from densing_pipeline.score_sources.parsed import number
from densing_pipeline.tables.published import TASK_RUNS

WEIRDML = "WeirdML v2"
WEIRDML_TASKS = 17
WEIRDML_URL = "https://htihle.github.io/weirdml.html"
WEIRDML_COLUMNS = {
    "score": "avg_acc",
    "std_error": "avg_acc_standard_error",
    "cost_usd": "cost_per_run_usd",
    "output_tokens": "mean_total_output_tokens",
}
"""Columns of `weirdml_data.csv` by ours."""

NO_LICENCE = "none stated"

LARGEST_LOG = 64 * 2**20
"""Bytes of a log that is read; longer ones are left out."""


class Read(NamedTuple):
    """What was read of a user's copy.

    Attributes:
        runs: rows of `TASK_RUNS`.
        left_out: how many entries are no runs with score, date and cost, by reason.
    """

    runs: pl.DataFrame
    left_out: Counter[str]


class TaskFileError(ValueError):
    """A file or folder has no runs in a known form; the message says what is wrong and the remedy."""


def read(path: Path) -> Read:
    """The runs of a copy of WeirdML's table, or of a folder of logs of Every Eval Ever.

    Args:
        path: a CSV file, a JSON file, or a folder with JSON files at any depth.

    Raises:
        TaskFileError: it cannot be read, is in another form, or holds no run with score, date and cost.
    """
    left_out = Counter[str]()
    try:
        if path.suffix.lower() == ".csv":
            rows = list(_weirdml(path.read_bytes(), left_out))
        elif path.is_dir():
            rows = [r for p in sorted(path.rglob("*.json")) for r in _log(p, left_out)]
        else:
            rows = list(_log(path, left_out))
    except (OSError, SnapshotError) as error:
        raise TaskFileError(f"{path}: {error}") from error
    if not rows:
        told = "; ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
        raise TaskFileError(
            f"{path}: no run with score, date and cost ({told or 'no JSON file'}); give weirdml_data.csv, or "
            "logs of Every Eval Ever"
        )
    frame = pl.DataFrame(rows, infer_schema_length=None)
    runs = TASK_RUNS.cast(frame).unique(TASK_RUNS.key, keep="first", maintain_order=True)
    return Read(TASK_RUNS.validate(TASK_RUNS.cast(runs)), left_out)


def _weirdml(content: bytes, left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    """The runs of `weirdml_data.csv`.

    Raises:
        SnapshotError: it is no CSV with the columns of that file.
    """
    needed = ("display_name", "model_slug", "release_date", *WEIRDML_COLUMNS.values())
    for row in read_rows(content, needed):
        if row.problem:
            left_out["damaged rows"] += 1
            continue
        try:
            numbers = {
                ours: number(theirs, row.cells[theirs]) for ours, theirs in WEIRDML_COLUMNS.items()
            }
            released = day(row.cells["release_date"])
        except UnreadableError:
            left_out["rows that cannot be read"] += 1
            continue
        if not _is_run(numbers["score"], numbers["cost_usd"], released):
            left_out["rows without score, cost or date"] += 1
            continue
        yield numbers | {
            "board": WEIRDML,
            "model": row.cells["display_name"],
            "organisation": maker(row.cells["model_slug"] or row.cells["display_name"]),
            "run_date": released,
            "run_date_is": "release",
            "n_items": WEIRDML_TASKS,
            "cost_name": WEIRDML_COLUMNS["cost_usd"],
            "source": "weirdml",
            "source_url": WEIRDML_URL,
            "licence_basis": NO_LICENCE,
        }


def _is_run(score: float | None, cost: float | None, day_known: date | None) -> bool:
    return (
        score is not None and 0 <= score <= 1 and bool(cost and cost > 0) and day_known is not None
    )


def _log(path: Path, left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    """The runs of one evaluation log with a cost and a date."""
    if path.stat().st_size > LARGEST_LOG:
        left_out["files that are too large"] += 1
        return
    for found in evaluation_logs.evaluations(path.read_bytes(), left_out):
        ran = found.released or found.evaluated
        if ran is None:
            left_out[evaluation_logs.INCOMPLETE] += 1
            continue
        yield {
            "board": found.board,
            "model": found.model,
            "organisation": found.organisation,
            "run_date": ran,
            "run_date_is": "release" if found.released else "run",
            "score": found.score,
            "cost_usd": found.cost_usd,
            "cost_name": found.cost_name,
            "source": evaluation_logs.NAME,
            "source_url": found.source_url,
            "licence_basis": NO_LICENCE,
        }
