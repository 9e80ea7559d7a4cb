"""What a benchmark is: data, prompt, request and metric, declared.

A declaration holds everything a score depends on besides the model, and `Benchmark.version` is a hash
of all of it. Not here: the benchmarks (one module each), reading their data (`data`), and what an
answer is worth (`scoring`).
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from densing_pipeline.benchmarks import BenchmarkFacts
from densing_pipeline.evaluation import scoring
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    GenerateRequest,
    LossRequest,
    Request,
    Result,
)
from densing_pipeline.evaluation.scoring import Item, Judges, Metric, Scored

RULES = 1
"""Raised when the same answer of a model could be worth something else than before."""

NOT_IN_VERSION = ("facts", "licence", "has_own_content")
"""Fields of a benchmark that are not hashed as they are: `declaration` takes what matters of them."""

Record = dict[str, str]
"""One example of a data set in our words, the same from every source."""

ELLIPSIS = "…"


class DataError(RuntimeError):
    """Benchmark data are missing, damaged or not what they should be; the message names what."""


@dataclass(frozen=True)
class Source:
    """One place and form in which a split can be had.

    Attributes:
        dataset: its name there; in a mirror the folder with this name.
        path: path within; `{part}` stands for a part, and with `*` exactly one file must match.
        records: a raw record in our words: mostly one record, none if it is of another split.
        home: `hub` for a data set on the Hugging Face Hub, `github` for a repository, `mirror` for
            files that only a local mirror offers.
        revision: the commit; None if it is not known yet, then that of the day is recorded.
        part_field: the raw field that says which part a record belongs to, if one file holds all.
        names: what stands for a part in the path, where that is not its name.
    """

    dataset: str
    path: str
    records: Callable[[Mapping[str, Any]], Iterable[Record]]
    home: Literal["hub", "github", "mirror"] = "hub"
    revision: str | None = None
    part_field: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
    """One split of a data set.

    Attributes:
        name: what it is called.
        sources: where it can be had, best first; all hold the same content.
        content: its parts (subjects, tasks) and the SHA-256 of each one's records (`data.digest`);
            None where the content has not been seen.
    """

    name: str
    sources: tuple[Source, ...]
    content: Mapping[str, str | None]


@dataclass(frozen=True)
class Data:
    """What was loaded for a benchmark.

    Attributes:
        records: by split, then by part.
        content: SHA-256 of each `<split>/<part>`.
        origins: by split, where it came from: data set and revision.
    """

    records: Mapping[str, Mapping[str, Sequence[Record]]]
    content: Mapping[str, str]
    origins: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """One hash of all of it."""
        return _sha256(sorted(self.content.items()))


@dataclass(frozen=True)
class Fewshot:
    """Which examples go before each question.

    Attributes:
        split: where they come from.
        shots: how many.
        ids: which ones, from all parts, in this order; `words…` is the one that begins with these
            words. None of them: the first ones of the question's own part.
    """

    split: str
    shots: int
    ids: tuple[str, ...] = ()

    def pick(self, data: Data, part: str) -> Sequence[Record]:
        """The examples for questions of a part.

        Raises:
            DataError: the data do not have them.
        """
        parts = data.records[self.split]
        if self.ids:
            pool = [record for records in parts.values() for record in records]
            found = [_only(pool, wanted) for wanted in self.ids]
        else:
            found = list(parts[part][: self.shots])
        if len(found) != self.shots:
            raise DataError(f"{self.split}/{part}: {len(found)} examples, {self.shots} wanted")
        return found


@dataclass(frozen=True)
class Prompt:
    """How a question is put, as templates over the fields of records.

    Attributes:
        question: a record up to where the answer begins.
        answer: what an example goes on with, and what the loss of a solution is measured on.
        header: goes before the examples; its fields are those of the first one.
        separator: between examples.
    """

    question: str
    answer: str = ""
    header: str = ""
    separator: str = "\n\n"

    def render(self, examples: Sequence[Record], record: Record) -> str:
        """The whole prompt for a record."""
        shots = [
            (self.question + self.answer + self.separator).format_map(example)
            for example in examples
        ]
        header = self.header.format_map(examples[0] if examples else record)
        return header + "".join(shots) + self.question.format_map(record)


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: everything its score depends on besides the model.

    Attributes:
        facts: name, number of questions, score of guessing.
        splits: the data it needs.
        split: the one with the questions.
        prompt: how a question is put.
        kind: how the model answers: by choosing, by writing, or not at all (loss of an answer).
        metric: what the answer is worth.
        licence: of the data.
        fewshot: the examples before the question.
        choices: continuations to choose from.
        stops: texts at which writing ends.
        max_tokens: budget of writing.
        has_solutions: whether records have a reference solution that `prompt.answer` shows, so that
            its loss is measured beside the score.
        has_own_content: whether a mirror declares other content than the suite (`content`).
    """

    facts: BenchmarkFacts
    splits: tuple[Split, ...]
    split: str
    prompt: Prompt
    kind: Literal["choice", "generate", "loss"]
    metric: Metric
    licence: str
    fewshot: Fewshot | None = None
    choices: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    max_tokens: int = 0
    has_solutions: bool = False
    has_own_content: bool = False
    version: str = field(init=False)

    def __post_init__(self) -> None:
        """Set the version: a hash of the declaration."""
        object.__setattr__(self, "version", _sha256([RULES, declaration(self)])[:12])

    @property
    def name(self) -> str:
        """Name as in the tables."""
        return self.facts.name

    @property
    def n_items(self) -> int | None:
        """Number of questions; None if the data set has not been seen."""
        return self.facts.items

    @property
    def is_averaged(self) -> bool:
        """Whether it counts in the average; without its data nothing is measured at all."""
        return self.facts.measured == "average"

    def items(self, data: Data) -> list[Item]:
        """All questions, grouped by part so that prompts share their beginnings.

        Args:
            data: what `data.load` returned for this benchmark.

        Raises:
            DataError: examples are missing from the data.
        """
        found = []
        for part, records in data.records[self.split].items():
            examples = self.fewshot.pick(data, part) if self.fewshot else ()
            for number, record in enumerate(records):
                prompt = self.prompt.render(examples, record)
                found.append(
                    Item(
                        item_id=record.get("id") or f"{part}/{number}".removeprefix("/"),
                        subject=part or None,
                        request=self._request(prompt, record),
                        reference=record["reference"],
                        loss=LossRequest(prompt, self.prompt.answer.format_map(record))
                        if self.has_solutions
                        else None,
                    )
                )
        return found

    def score(
        self, item: Item, result: Result, judges: Judges | None = None, loss: Result | None = None
    ) -> Scored:
        """What the model's answer is worth.

        Args:
            item: one of `items`.
            result: what came back for `item.request`.
            judges: what decides about programs and mathematics; without it these have no score.
            loss: what came back for `item.loss`, if it was asked.
        """
        scored = scoring.score(self.metric, item, result, judges or Judges())
        if loss is None:
            return scored
        return dataclasses.replace(scored, answer_nll_nats_per_token=scoring.nats_per_token(loss))

    def _request(self, prompt: str, record: Record) -> Request:
        if self.kind == "choice":
            return ChoiceRequest(prompt, self.choices)
        if self.kind == "generate":
            return GenerateRequest(prompt, self.stops, self.max_tokens)
        return LossRequest(prompt, self.prompt.answer.format_map(record))


def hashes(text: str) -> dict[str, str | None]:
    """Parts and their hashes from lines of `<hash> <part>`; a hash `unknown` has not been seen."""
    pairs = (line.split(maxsplit=1) for line in text.strip().splitlines())
    return {part: None if value == "unknown" else value for value, part in pairs}


def version(benchmarks: Iterable[Benchmark]) -> str:
    """Hash of some benchmarks' declarations, whatever their order."""
    return _sha256(sorted(benchmark.version for benchmark in benchmarks))[:12]


def spread(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` items, evenly spread over all, so that every subject has its share."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[number * len(items) // limit] for number in range(limit)]


def declaration(benchmark: Benchmark) -> dict[str, Any]:
    """What a benchmark's score depends on, in plain values.

    Of the data that is their content, and which commit of which data set has it at first hand.
    """
    fields = {
        each.name: _plain(getattr(benchmark, each.name))
        for each in dataclasses.fields(benchmark)
        if each.init and each.name not in NOT_IN_VERSION
    }
    data = [
        [
            split.name,
            split.sources[0].dataset,
            split.sources[0].revision,
            dict(split.content),
        ]
        for split in benchmark.splits
    ]
    facts = {
        "name": benchmark.name,
        "n_items": benchmark.n_items,
        "chance": benchmark.facts.chance,
    }
    return {**fields, **facts, "splits": data}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    return value


def _only(pool: Sequence[Record], wanted: str) -> Record:
    """The one record with this id, or that begins with these words, white space aside."""
    opening = "".join(wanted.removesuffix(ELLIPSIS).split())
    found = [
        record
        for record in pool
        if "".join(record["id"].split())[: len(opening) if wanted.endswith(ELLIPSIS) else None]
        == opening
    ]
    if len(found) != 1:
        raise DataError(f"{len(found)} examples are {wanted!r}, one wanted")
    return found[0]


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
