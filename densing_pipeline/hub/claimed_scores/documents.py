"""Read what a repository claims: `model-index` of its card, and `.eval_results/*.yaml`.

Both formats are the Hub's own (hub-docs, `modelcard.md` and `docs/hub/eval-results.md`), and its
library reads them. Anyone can write anything there, so each result is handed to the library alone: one
that is not as the format wants it costs itself. Not here: what benchmark a claim is about
(`recognition`), and its value (`scale`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from huggingface_hub import parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from densing_pipeline import yaml_documents
from densing_pipeline.hub.record_fields import card
from densing_pipeline.text import LONGEST_NAME, clean, error_text

Fields = dict[str, Any]

MOST_CLAIMS = 500
"""Most claims that are read of one repository; cards of language models have up to some 150."""

CARD = "model-index"
RESULTS = "eval-results"

SHOTS = re.compile(r"(?<![a-z0-9.])(\d{1,3}|zero)[ _-]?shots?(?![a-z])", re.IGNORECASE | re.ASCII)
"""Shots as text states them: `5-shot`, `25 shots`, `zero-shot`, `mmlu_5shot`."""

SHOT_ARGUMENTS = (
    "num_few_shot",
    "num_fewshot",
    "n_few_shot",
    "n_shot",
    "n_shots",
    "num_shots",
    "shots",
)
"""Names of the argument that states shots; the first two are those of the Hub's leaderboards."""

MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError)
"""What the library raises for a result that is not as its format wants it."""


@dataclass(frozen=True)
class Claim:
    """One score as its repository states it; every text is clean and of bounded length.

    Attributes:
        record: `model-index` or `eval-results`.
        file: file of evaluation results.
        model_name: name of the model in the card's metadata.
        dataset: data set, by its id on the Hub or by a word.
        dataset_name: name of the data set in words.
        task: name of the task; of evaluation results, its id within the data set.
        config: configuration of the data set.
        split: split of the data set.
        metric: kind of metric, such as `acc`.
        metric_name: name of the metric in words.
        notes: remarks on the protocol.
        shots: all numbers of shots that are stated; more than one is a contradiction.
        value: the value as text.
        claimed_by: `verified` if the Hub says beside the content of a file that it has verified the
            result, `community` if it is proposed in an open pull request, otherwise `owner`. What a card
            or a file says of its own verification is the owner's word.
        pull_request: number of that pull request.
        source_name: name of the source that is stated.
        source_url: address of the source that is stated.
        stated_date: date of the evaluation that is stated, as text.
        problem: why the claim cannot be read; then other attributes are missing.
    """

    record: str
    file: str | None = None
    model_name: str | None = None
    dataset: str | None = None
    dataset_name: str | None = None
    task: str | None = None
    config: str | None = None
    split: str | None = None
    metric: str | None = None
    metric_name: str | None = None
    notes: str | None = None
    shots: frozenset[int] = field(default_factory=frozenset)
    value: str | None = None
    claimed_by: str = "owner"
    pull_request: int | None = None
    source_name: str | None = None
    source_url: str | None = None
    stated_date: str | None = None
    problem: str | None = None


def claims(record: Mapping[str, Any], files: Mapping[str, bytes | str]) -> list[Claim]:
    """The claims of a repository, each once, at most `MOST_CLAIMS`.

    Args:
        record: the Hub's record of the model with `cardData` and, if the Hub has read the evaluation
            results, `evalResults`.
        files: otherwise the files of evaluation results by name; text in place of the content says
            why it was not received.

    Returns:
        Claims in the record's order. One with a `problem` stands for a document, or a part of it, that
        cannot be read.
    """
    found: dict[Claim, None] = {}
    stated = _all(record, files)
    for claim in islice(stated, MOST_CLAIMS):
        found[claim] = None
    if left := sum(1 for _ in stated):
        why = f"{MOST_CLAIMS + left} results are stated; {left} of them are not read"
        found[Claim(CARD, problem=why)] = None
    return list(found)


def is_results(content: bytes) -> bool:
    """Whether a file is one of evaluation results: a list in YAML, or empty. What its entries say does not count."""
    try:
        found = yaml_documents.load(content)
    except ValueError:
        return False
    return found in (None, "") or isinstance(found, list)


def _all(record: Mapping[str, Any], files: Mapping[str, bytes | str]) -> Iterator[Claim]:
    yield from _of_card(card(record).get("model-index") or record.get("model-index"))
    yield from _of_results(_proposed_last(record.get("evalResults")))
    for name, content in sorted(files.items()):
        yield from _of_file(name, content)


def _proposed_last(results: object) -> object:
    """The results with those of open pull requests at the end, for many of them can be opened."""
    if not isinstance(results, list):
        return results
    return sorted(
        results, key=lambda item: isinstance(item, dict) and item.get("pullRequest") is not None
    )


def _of_card(index: object) -> Iterator[Claim]:
    """The claims of `model-index`: a list of models, which have results, which have metrics."""

    def of_model(model: Fields) -> Iterator[Claim]:
        def of_result(result: Fields) -> Iterator[Claim]:
            return _each(
                CARD, result.get("metrics"), lambda metric: _of_metric(model, result, metric)
            )

        return _each(CARD, model.get("results"), of_result)

    return _each(CARD, index, of_model)


def _of_metric(model: Fields, result: Fields, metric: Fields) -> Iterator[Claim]:
    one = {"name": model.get("name"), "results": [{**result, "metrics": [metric]}]}
    try:
        _, (stated,) = model_index_to_eval_results([one])
    except MALFORMED as error:
        yield Claim(CARD, problem=f"not a result as the Hub describes them: {error_text(error)}")
        return
    # `verified` and `verifyToken` of a card are text that its owner wrote; the Hub checks neither.
    yield Claim(
        CARD,
        model_name=_text(model.get("name")),
        dataset=_text(stated.dataset_type),
        dataset_name=_text(stated.dataset_name),
        task=_text(stated.task_name),
        config=_text(stated.dataset_config),
        split=_text(stated.dataset_split),
        metric=_text(stated.metric_type),
        metric_name=_text(stated.metric_name),
        shots=_shots(
            stated.dataset_name, stated.task_name, stated.metric_name, stated.dataset_args,
            stated.metric_args,
        ),
        value=_text(stated.metric_value),
        source_name=_text(stated.source_name),
        source_url=_text(stated.source_url),
    )  # fmt: skip


def _of_results(results: object, file: str | None = None) -> Iterator[Claim]:
    """The claims of evaluation results, as the Hub lists them or as they stand in a file."""
    return _each(RESULTS, results, lambda item: _of_entry(item, file), file)


def _of_entry(item: Fields, file: str | None) -> Iterator[Claim]:
    # An entry of the Hub's answer has the file's content in `data` and what the Hub says of it beside
    # that. All of a fetched file is its owner's: nothing in it says that it was verified or proposed.
    is_told = file is None
    file = file or _text(item.get("filename"))
    if is_told and "error" in item:
        problem = f"the Hub refuses the file: {_text(item['error'])}"
        yield Claim(RESULTS, file=file, problem=problem)
        return
    try:
        content = item["data"] if is_told else item
        (stated,) = parse_eval_result_entries([{"data": content}])
        dataset = content["dataset"]
    except MALFORMED as error:
        problem = f"not a result as the Hub describes them: {error_text(error)}"
        yield Claim(RESULTS, file=file, problem=problem)
        return
    pull_request = item.get("pullRequest") if is_told else None
    is_verified = is_told and item.get("verified") is True
    proposed = "owner" if pull_request is None else "community"
    yield Claim(
        RESULTS,
        file=file,
        dataset=_text(stated.dataset_id),
        task=_text(stated.task_id),
        config=_text(dataset.get("config")),
        split=_text(dataset.get("split")),
        notes=_text(stated.notes),
        shots=_shots(stated.task_id, stated.notes),
        value=_text(stated.value),
        claimed_by="verified" if is_verified else proposed,
        pull_request=_whole(pull_request),
        source_name=_text(stated.source_name or stated.source_user or stated.source_org),
        source_url=_text(stated.source_url),
        stated_date=_text(stated.date),
    )


def _of_file(name: str, content: bytes | str) -> Iterator[Claim]:
    if isinstance(content, str):
        return iter([Claim(RESULTS, file=name, problem=content)])
    try:
        results = yaml_documents.load(content)
    except ValueError as error:
        return iter([Claim(RESULTS, file=name, problem=str(error))])
    if results in (None, ""):
        return iter([])
    return _of_results(results, name)


def _each(
    record: str,
    value: object,
    read: Callable[[Fields], Iterator[Claim]],
    file: str | None = None,
) -> Iterator[Claim]:
    """What is read of each mapping of a list; no value is an empty list."""
    if value is not None and not isinstance(value, list):
        problem = f"a list was expected, not {type(value).__name__}"
        yield Claim(record, file=file, problem=problem)
        return
    for item in value or ():
        if isinstance(item, dict):
            yield from read(item)
        else:
            problem = f"a result was expected, not {type(item).__name__}"
            yield Claim(record, file=file, problem=problem)


def _shots(*stated: object) -> frozenset[int]:
    """The numbers of shots that arguments (mappings) and texts state."""
    found = set()
    for value in stated:
        if isinstance(value, dict):
            given = (_whole(value.get(name)) for name in SHOT_ARGUMENTS)
            found |= {shots for shots in given if shots is not None}
        elif isinstance(value, str):
            told = SHOTS.findall(value[:LONGEST_NAME])
            found |= {0 if shots.lower() == "zero" else int(shots) for shots in told}
    return frozenset(found)


def _whole(value: object) -> int | None:
    """A number that counts something, also as text; else None."""
    text = str(value)
    is_number = isinstance(value, int | str) and not isinstance(value, bool)
    return int(text) if is_number and re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _text(value: object) -> str | None:
    """A value as clean text of bounded length; None if there is nothing to read."""
    if value is None:
        return None
    text = f"({type(value).__name__})" if isinstance(value, dict | list) else str(value)
    return clean(text, LONGEST_NAME).strip() or None
