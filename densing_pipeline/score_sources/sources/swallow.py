"""The Swallow LLM leaderboard: base models, all under one harness.

`_data/model.yml` of the leaderboard's repository; only models before post-training (`is_post: false`) are
read. Shots and metrics are those of `_data/task_pre.yml`. Source: Swallow LLM team, CC-BY 4.0.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import yaml

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.values import UnreadableError, day, shown
from densing_pipeline.score_sources.parsed import WHOLE, ParsedReports, Reports, number
from densing_pipeline.score_sources.source import Embedded, ScoreSource
from densing_pipeline.tables.published import BENCHMARK_REPORTS

NAME = "swallow-leaderboard"
LICENCE = "CC-BY-4.0"
URL = "https://github.com/swallow-llm/leaderboard/blob/main/_data/model.yml"
GROUPS = ("en_pre", "ja_pre")
AVERAGE = "avg"


class Task(NamedTuple):
    """How the leaderboard runs a benchmark, and our name for it."""

    protocol: str
    benchmark: str | None = None


# Scores under "MATH" are multiples of .002: they rest on 500 of its problems.
TASKS = {
    "BBH": Task("3-shot em CoT", "BBH"),
    "GSM8K": Task("4-shot em", "GSM8K"),
    "HellaSwag": Task("4-shot acc", "HellaSwag"),
    "HumanEval": Task("0-shot pass@1 of 10 samples", "HumanEval"),
    "MATH": Task("4-shot em CoT", "MATH-500"),
    "MMLU": Task("5-shot acc", "MMLU"),
    "OpenBookQA": Task("4-shot acc"),
    "SQuAD2": Task("4-shot em"),
    "TriviaQA": Task("4-shot em"),
    "XWINO": Task("4-shot acc"),
    "JComQA": Task("4-shot acc"),
    "JEMHopQA": Task("4-shot character F1"),
    "JHumanEval": Task("0-shot pass@1 of 10 samples"),
    "JMMLU": Task("5-shot acc"),
    "JSQuAD": Task("4-shot character F1"),
    "MGSM": Task("4-shot em"),
    "NIILC": Task("4-shot character F1"),
    "WMT20enja": Task("4-shot BLEU"),
    "WMT20jaen": Task("4-shot BLEU"),
    "XLSum": Task("1-shot ROUGE-2"),
}
"""The benchmarks by the leaderboard's names, with protocols as `reported_scores` writes them."""


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The scores of all base models.

    Args:
        content: `model.yml`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    reports = Reports(NAME, BENCHMARK_REPORTS, LICENCE)
    listed = _load(content)
    if not isinstance(listed, list):
        raise SnapshotError(f"no list of models but {shown(listed)}")
    for position, model in enumerate(listed):
        with reports.entry(WHOLE, f"model {position}"):
            if not isinstance(model, dict) or not isinstance(model.get("model_id"), str):
                raise UnreadableError("model_id", model, "an entry without a model")
            if model.get("is_post") != "false":
                reports.leave_out("models after post-training")
                continue
            _add(model, reports)
    return reports.parsed()


def _load(content: bytes) -> Any:
    """The document as text, lists and mappings, whatever tags it has.

    Raises:
        SnapshotError: it is no YAML, or has aliases, with which a small text stands for a huge one.
    """
    try:
        text = content.decode("utf-8")
        events = yaml.parse(text, Loader=yaml.CBaseLoader)
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise SnapshotError("a document with aliases, which the leaderboard does not use")
        return yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"not YAML, or cut short ({error})") from error


def _add(model: Mapping[str, Any], reports: Reports) -> None:
    """The scores of one model; one that cannot be read costs only itself."""
    results = model.get("results")
    for group in GROUPS:
        scores = results.get(group) if isinstance(results, dict) else None
        for name, value in (scores if isinstance(scores, dict) else {}).items():
            if name == AVERAGE:
                continue
            with reports.entry(WHOLE, f"{model['model_id']}, {name}"):
                score = number(name, value)
                if score is None:
                    reports.leave_out("cells without a score")
                    continue
                task = TASKS.get(name)
                reports.add(
                    benchmark_name=name,
                    benchmark=task and task.benchmark,
                    model=model["model_id"],
                    entry=group,
                    score=score,
                    protocol=task and task.protocol,
                    release_date=day(model.get("date")),
                    source_url=URL,
                )


SOURCE = ScoreSource(
    NAME,
    address_setting="swallow_leaderboard_url",
    table=BENCHMARK_REPORTS,
    parse=parse,
    licence=LICENCE,
    attribution="Swallow LLM team",
    embedded=(Embedded("swallow_leaderboard_2026-06-24.yml", date(2026, 6, 24)),),
)
