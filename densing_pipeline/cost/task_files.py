"""Runs of leaderboards with their cost, read from a copy that the user has.

Two forms are known: `weirdml_data.csv` of the WeirdML site (its repository states no licence, so its rows are
neither bundled nor published), and evaluation logs of Every Eval Ever, one JSON file each, as in the data
store of the same name. Not here: what is computed from the runs (`task_costs`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from densing_pipeline.json_documents import load
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.names import organisation, split
from densing_pipeline.prices.sources.values import UnreadableError, day
from densing_pipeline.score_sources.csv_rows import read_rows
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

EVERY_EVAL_EVER = "every-eval-ever"
COST_METRICS = ("cost_per_task", "cost")
"""Metrics of a log that are its cost in USD, the first that is there."""

LARGEST_LOG = 64 * 2**20
"""Bytes of a log that is read; longer ones are left out."""

_MAKERS = {
    "claude": "anthropic", "gpt": "openai", "chatgpt": "openai", "o": "openai", "gemini": "google",
    "gemma": "google", "deepseek": "deepseek", "qwen": "qwen", "qwq": "qwen", "mistral": "mistralai",
    "codestral": "mistralai", "nemotron": "nvidia", "grok": "x-ai", "llama": "meta-llama", "kimi": "moonshotai",
    "glm": "z-ai", "minimax": "minimax",
}  # fmt: skip
"""Maker by the first letters of a name that states none."""


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


def maker(name: str) -> str:
    """The maker of a model by its name: the one that it states, or the one whose names begin like it."""
    stated, bare = split("", name)
    if stated is not None:
        return stated
    letters = re.match(r"[a-z]+", bare.lower())
    return organisation(_MAKERS.get(letters[0], letters[0]) if letters else "unknown")


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
    """The runs of one evaluation log: a score in [0, 1] and a cost of the same evaluation.

    A cost is a metric of its own (ARC Prize), or a detail of the run (`total_cost_usd`, Holistic Agent
    Leaderboard). The date is the model's release, or the day of the evaluation.
    """
    if path.stat().st_size > LARGEST_LOG:
        left_out["files that are too large"] += 1
        return
    try:
        log = load(path.read_bytes())
    except ValueError:
        left_out["files that are no JSON"] += 1
        return
    results = _each(log, "evaluation_results")
    if not results:
        left_out["files that are no evaluation log"] += 1
        return
    model, about = _of(log, "model_info"), _of(log, "source_metadata")
    details = _of(model, "additional_details")
    for name in sorted({str(one.get("evaluation_name")) for one in results}):
        same = [one for one in results if str(one.get("evaluation_name")) == name]
        score, cost, cost_name = _score(same), *_cost(same)
        released, day_is = _date(details.get("model_release_date")), "release"
        if released is None:
            released, day_is = _date(log.get("evaluation_timestamp")), "run"
        if not _is_run(score, cost, released):
            left_out["evaluations without score, cost or date"] += 1
            continue
        board = str(about.get("source_name") or EVERY_EVAL_EVER)
        named = str(model.get("name") or model.get("id") or "unknown")
        scaffold = details.get("agent_scaffold")
        yield {
            "board": board if name in board else f"{board}: {name}",
            "model": f"{named} ({scaffold})" if scaffold else named,
            "organisation": organisation(str(model.get("developer") or maker(named))),
            "run_date": released,
            "run_date_is": day_is,
            "score": score,
            "cost_usd": cost,
            "cost_name": cost_name,
            "source": EVERY_EVAL_EVER,
            "source_url": about.get("source_organization_url"),
            "licence_basis": NO_LICENCE,
        }


def _score(results: list[Mapping[str, Any]]) -> float | None:
    """The first score of an evaluation whose most is 1 and of which more is better."""
    for one in results:
        metric = _of(one, "metric_config")
        found = _amount(one)
        if (
            metric.get("lower_is_better") is False
            and metric.get("max_score") == 1
            and found is not None
        ):
            return found
    return None


def _cost(results: list[Mapping[str, Any]]) -> tuple[float | None, str | None]:
    """The cost of an evaluation in USD, and what it is of."""
    metrics = {_of(one, "metric_config").get("metric_id"): one for one in results}
    for name in COST_METRICS:
        one = metrics.get(name, {})
        found = _amount(one)
        if _of(one, "metric_config").get("metric_unit") == "usd" and found is not None:
            return found, name
    for one in results:
        said = _of(_of(one, "generation_config"), "additional_details").get("total_cost_usd")
        try:
            return number("total_cost_usd", str(said or "")), "total_cost_usd"
        except UnreadableError:
            continue
    return None, None


def _date(said: object) -> date | None:
    """A day written as YYYY-MM-DD (with or without a time), or as seconds since 1970."""
    text = str(said or "").strip()
    if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
        text = datetime.fromtimestamp(float(text), UTC).date().isoformat()
    return day(text)


def _of(entry: object, name: str) -> Mapping[str, Any]:
    """The object under a name; empty if there is none."""
    found = entry.get(name) if isinstance(entry, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _each(entry: object, name: str) -> list[Mapping[str, Any]]:
    """The objects of the list under a name."""
    found = entry.get(name) if isinstance(entry, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _amount(entry: Mapping[str, Any]) -> float | None:
    """The value of a metric; None if it is no number."""
    found = _of(entry, "score_details").get("score")
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number else None  # type: ignore[arg-type]
