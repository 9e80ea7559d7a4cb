"""The declaration of a benchmark: data, prompt, request and metric.

It holds everything that a score depends on besides the model, and `Benchmark.version` is a hash of
it. Not here: the benchmarks (one module each), reading their data (`data`), and metrics (`scoring`).
"""

import dataclasses
import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypeVar

from densing_pipeline.benchmarks import BenchmarkFacts
from densing_pipeline.evaluation import scoring
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    GenerateRequest,
    LossRequest,
    Request,
    Result,
    TextLossRequest,
)
from densing_pipeline.evaluation.scoring import Item, Judges, Metric, Scored

RULES = 8
"""Increased when the same answer of a model may get another score although no declaration changed."""

NOT_IN_VERSION = ("facts", "licence", "has_own_content")
"""Fields of a benchmark that are not hashed as they are: `declaration` takes what matters of them."""

Record = dict[str, str]
"""One example of a data set under our field names, the same from every source."""

ELLIPSIS = "…"

Questions = TypeVar("Questions")


class DataError(RuntimeError):
    """Benchmark data are missing, damaged or differ from the declaration; the message names the file."""


@dataclass(frozen=True)
class Source:
    """One place and file format of a split.

    Attributes:
        dataset: name of the data set; in a mirror, of its folder.
        path: path in the data set, where `{part}` is replaced by the part; a pattern with `*` must
            match exactly one file.
        records: turns a raw record into records: mostly one, none if it is of another split.
        home: `hub` for a data set on the Hugging Face Hub, `github` for a repository, `mirror` for
            files that only a local mirror offers.
        revision: the commit; None if it is not known yet, then the newest one is recorded.
        part_field: raw field with the part of a record, if one file holds all parts.
        names: text for a part in the path and in `part_field`, where that is not its name.
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
        name: name of the split.
        sources: places to read it from, preferred first; all hold the same content.
        content: SHA-256 of the records (`data.digest`) by part (subject, task); None where the
            content has not been seen.
        written_from: first day on which its texts were written, if a model must be older than they
            are; only models released before that day are measured on them.
    """

    name: str
    sources: tuple[Source, ...]
    content: Mapping[str, str | None]
    written_from: date | None = None


@dataclass(frozen=True)
class Data:
    """Loaded data of a benchmark.

    Attributes:
        records: by split, then by part.
        content: SHA-256 of each `<split>/<part>`.
        origins: data set and revision by split.
    """

    records: Mapping[str, Mapping[str, Sequence[Record]]]
    content: Mapping[str, str]
    origins: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """SHA-256 over all parts."""
        return _sha256(sorted(self.content.items()))


@dataclass(frozen=True)
class Fewshot:
    """The worked examples before each question.

    Attributes:
        split: split of the examples.
        shots: number of examples.
        ids: ids of the examples, from all parts, in this order; `words…` is the one that begins with
            these words. Empty for the first examples of the question's own part.
        seed: if given, each question has examples of its own, drawn from the question's part of the
            split with this seed, question after question in the order of the data: lm-eval's default.
    """

    split: str
    shots: int
    ids: tuple[str, ...] = ()
    seed: int | None = None

    def of_each(self, data: Data, part: str) -> Iterator[Sequence[Record]]:
        """The examples of each question of a part, without end.

        Raises:
            DataError: the data do not have them.
        """
        if self.seed is None:
            return itertools.repeat(self.pick(data, part))
        pool = data.records[self.split][part]
        if len(pool) < self.shots:
            raise DataError(f"{self.split}/{part}: {len(pool)} examples, {self.shots} wanted")
        drawn = random.Random(self.seed)  # noqa: S311 - a choice to be repeated, not a secret
        return (drawn.sample(pool, self.shots) for _ in itertools.count())

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
    """Templates of the prompt, over the fields of records.

    Attributes:
        question: a record up to where the answer begins.
        answer: the answer of an example, and the text whose loss is measured.
        header: text before the examples, with the fields of the first one.
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
    """A benchmark: everything that its scores depend on besides the model.

    Attributes:
        facts: name, number of questions, score of guessing.
        splits: all data it needs.
        split: name of the split with the questions; empty if every split has questions, whose parts
            are then `<split>/<part>`.
        prompt: templates of the prompt.
        kind: `choice` between continuations, `generate` a text, `loss` of the reference answer, or
            `text`: the loss of the reference alone, as a whole text.
        metric: scores an answer.
        licence: of the data.
        fewshot: the examples before the question.
        choices: continuations to choose from.
        stops: texts that end the generated text.
        max_tokens: most tokens of the generated text.
        has_solutions: whether records have a reference solution that `prompt.answer` shows, so that
            its loss is measured beside the score.
        has_own_content: whether a mirror declares other content than the suite (`content`).
    """

    facts: BenchmarkFacts
    splits: tuple[Split, ...]
    split: str
    prompt: Prompt
    kind: Literal["choice", "generate", "loss", "text"]
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

    def questions(self, records: Mapping[str, Mapping[str, Questions]]) -> dict[str, Questions]:
        """What there is of the questions, by part.

        Args:
            records: something of every part, by split and part: its records, or their number.
        """
        if self.split:
            return dict(records[self.split])
        return {
            f"{split}/{part}": found
            for split, parts in records.items()
            for part, found in parts.items()
        }

    def items(self, data: Data) -> list[Item]:
        """All questions, sorted by part so that prompts with one beginning are adjacent.

        Args:
            data: what `data.load` returned for this benchmark.

        Raises:
            DataError: examples are missing from the data.
        """
        found = []
        for part, records in self.questions(data.records).items():
            of_each = self.fewshot.of_each(data, part) if self.fewshot else itertools.repeat(())
            for number, (record, examples) in enumerate(zip(records, of_each, strict=False)):
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
        """Score of the model's answer.

        Args:
            item: one of `items`.
            result: result of `item.request`.
            judges: judges of programs and of mathematics; without them these have no score.
            loss: result of `item.loss`, if it was requested.
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
        if self.kind == "text":
            return TextLossRequest(record["reference"])
        return LossRequest(prompt, self.prompt.answer.format_map(record))


def hashes(text: str) -> dict[str, str | None]:
    """Parts and their hashes from lines of `<hash> <part>`; a hash `unknown` has not been seen."""
    pairs = (line.split(maxsplit=1) for line in text.strip().splitlines())
    return {part: None if value == "unknown" else value for value, part in pairs}


def version(benchmarks: Iterable[Benchmark]) -> str:
    """Hash of the benchmarks' declarations; their order does not matter."""
    return _sha256(sorted(benchmark.version for benchmark in benchmarks))[:12]


def spread(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` items, evenly spaced over all of them, so that every subject is represented."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[number * len(items) // limit] for number in range(limit)]


def declaration(benchmark: Benchmark) -> dict[str, Any]:
    """What a benchmark's scores depend on, as JSON values.

    Of the data these are the content and the commit of the preferred source. Dated splits
    (`Split.written_from`) are left out: scores on the texts of two months are never combined, so another
    month changes no score. If a mirror declares its own content, its hashes are all included.
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
        if split.written_from is None or benchmark.has_own_content
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
