"""Evaluation logs of Every Eval Ever: the evaluations of a model that state a score and what they cost.

One JSON file is the log of one model on one board (https://github.com/evaleval/every_eval_ever, `eval.schema.json`).
Not here: asking the data store (`score_sources.sources.every_eval_ever`), and the runs that a user has
(`cost.task_files`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from densing_pipeline.json_documents import load
from densing_pipeline.prices.names import organisation, split
from densing_pipeline.prices.sources.values import UnreadableError, day
from densing_pipeline.score_sources.parsed import number

NAME = "every-eval-ever"

COST_METRICS = ("cost_per_task", "cost")
"""Metrics of a log that are its cost in USD, the first that is there."""

INCOMPLETE = "evaluations without score, cost or date"

_MAKERS = {
    "claude": "anthropic", "gpt": "openai", "chatgpt": "openai", "o": "openai", "gemini": "google",
    "gemma": "google", "deepseek": "deepseek", "qwen": "qwen", "qwq": "qwen", "mistral": "mistralai",
    "codestral": "mistralai", "nemotron": "nvidia", "grok": "x-ai", "llama": "meta-llama", "kimi": "moonshotai",
    "glm": "z-ai", "minimax": "minimax",
}  # fmt: skip
"""Maker by the first letters of a name that states none."""


class Evaluation(NamedTuple):
    """One evaluation of one model.

    Attributes:
        board: the board, and which of its evaluations.
        model: name of the model, with the scaffold of an agent.
        organisation: who made it.
        score: from 0 to 1, more is better.
        cost_usd: above 0.
        cost_name: what the cost is of.
        released: day on which the model came out, if stated.
        evaluated: day of the evaluation, if stated.
        source_url: address of the board, if stated.
    """

    board: str
    model: str
    organisation: str
    score: float
    cost_usd: float
    cost_name: str
    released: date | None
    evaluated: date | None
    source_url: str | None


def maker(name: str) -> str:
    """The maker of a model by its name: the one that it states, or the one whose names begin like it."""
    stated, bare = split("", name)
    if stated is not None:
        return stated
    letters = re.match(r"[a-z]+", bare.lower())
    return organisation(_MAKERS.get(letters[0], letters[0]) if letters else "unknown")


def evaluations(content: bytes, left_out: Counter[str]) -> Iterator[Evaluation]:
    """The evaluations of one log: a score in [0, 1] and a cost of the same evaluation.

    A cost is a metric of its own (ARC Prize), or a detail of the run (`total_cost_usd`, Holistic Agent
    Leaderboard).

    Args:
        content: the file.
        left_out: counts what is no such evaluation, by reason.
    """
    try:
        log = load(content)
    except ValueError:
        left_out["files that are no JSON"] += 1
        return
    results = _each(log, "evaluation_results")
    if not results:
        left_out["files that are no evaluation log"] += 1
        return
    model, about = _of(log, "model_info"), _of(log, "source_metadata")
    details = _of(model, "additional_details")
    board = str(about.get("source_name") or NAME)
    named = str(model.get("name") or model.get("id") or "unknown")
    scaffold = details.get("agent_scaffold")
    for name in sorted({str(one.get("evaluation_name")) for one in results}):
        same = [one for one in results if str(one.get("evaluation_name")) == name]
        score, (cost, cost_name) = _score(same), _cost(same)
        if score is None or not 0 <= score <= 1 or not cost or cost <= 0 or cost_name is None:
            left_out[INCOMPLETE] += 1
            continue
        yield Evaluation(
            board if name in board else f"{board}: {name}",
            f"{named} ({scaffold})" if scaffold else named,
            organisation(str(model.get("developer") or maker(named))),
            score,
            cost,
            cost_name,
            _date(details.get("model_release_date")),
            _date(log.get("evaluation_timestamp")),
            str(about["source_organization_url"]) if about.get("source_organization_url") else None,
        )


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
