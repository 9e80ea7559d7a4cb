"""Benchmarks through an engine: one queue of requests, items judged as they come, finished files.

Not here: how requests are served (`vllm_engine`), what an item is worth (`scoring`), and files
(`folder_writer`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Any

from densing_pipeline.evaluation.failures import EvaluationError
from densing_pipeline.evaluation.folder_format import ITEM
from densing_pipeline.evaluation.folder_writer import FolderWriter, Row
from densing_pipeline.evaluation.progress import Reporter
from densing_pipeline.evaluation.requests import (
    Engine,
    Failed,
    GenerateResult,
    Request,
    Result,
)
from densing_pipeline.evaluation.scoring import Item, Judges
from densing_pipeline.evaluation.suite.benchmark import Benchmark

MOST_FAILED = 0.01
"""Share of a benchmark's items that may fail for a reason of the model or the engine."""


@dataclass(frozen=True)
class Work:
    """A benchmark with the items that are to be measured, grouped by what their prompts share."""

    benchmark: Benchmark
    items: Sequence[Item]


@dataclass
class Tally:
    """What came of a benchmark.

    Attributes:
        items: how many items are done.
        failed: items without score or loss, by reason.
        truncated: texts that their budget ended.
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
        scored: sum of scores, and how many there are.
    """

    items: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    truncated: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    scored: tuple[float, int] = (0.0, 0)

    def add(self, row: Row) -> None:
        """Count an item."""
        self.items += 1
        if row["failed_reason"]:
            self.failed[row["failed_reason"]] += 1
        self.truncated += bool(row["truncated"])
        self.prompt_tokens += row["prompt_tokens"] or 0
        self.completion_tokens += row["completion_tokens"] or 0
        if row["score"] is not None:
            total, n = self.scored
            self.scored = (total + row["score"], n + 1)

    @property
    def problem(self) -> str | None:
        """What is wrong if more items failed than may."""
        n = self.failed.total()
        if n <= MOST_FAILED * self.items:
            return None
        return f"{n} of {self.items} items failed, most as: {self.failed.most_common(1)[0][0]}"


class Part(Enum):
    """What of an item a request asks for."""

    ANSWER = "answer"
    LOSS = "loss"


@dataclass
class Asked:
    """An item under way: its requests are answered in any order."""

    work: "Open"
    item: Item
    results: dict[Part, Result] = field(default_factory=dict)

    @property
    def is_answered(self) -> bool:
        """Whether all its results are there."""
        return len(self.results) == 1 + (self.item.loss is not None)


class Open:
    """A benchmark under way: rows as they come, a file when all are there."""

    def __init__(self, work: Work, writer: FolderWriter) -> None:
        """Take over what an earlier attempt got done."""
        self.benchmark = work.benchmark
        self._writer = writer
        self._lock = Lock()
        ids = {item.item_id for item in work.items}
        done = writer.finished(self.benchmark.name)
        self.is_finished = done is not None and ids == set(done["item_id"])
        earlier = (
            done.rows(named=True)
            if self.is_finished and done is not None
            else writer.unfinished(self.benchmark.name)
        )
        self.rows = {row["item_id"]: row for row in earlier if row["item_id"] in ids}
        self.left = [item for item in work.items if item.item_id not in self.rows]
        self._order = [item.item_id for item in work.items]
        self.tally = Tally()
        for row in self.rows.values():
            self.tally.add(row)

    def add(self, row: Row) -> None:
        """Keep an item."""
        with self._lock:
            self._writer.record(row)
            self.rows[row["item_id"]] = row
            self.tally.add(row)
            self.finish()

    def finish(self) -> None:
        """Write the file if all items are there and it is not written yet."""
        if len(self.rows) == len(self._order) and not self.is_finished:
            self._writer.finish(self.benchmark.name, [self.rows[each] for each in self._order])
            self.is_finished = True


def measure(
    engine: Engine,
    work: Sequence[Work],
    writer: FolderWriter,
    judges: Judges,
    reporter: Reporter,
    workers: int,
    beat: Callable[[], None] = lambda: None,
) -> dict[str, Tally]:
    """Measure everything that is not measured yet.

    Texts are asked for first, the longest budgets before all: choices and losses then fill the places
    that the last long texts leave free.

    Args:
        engine: serves the requests.
        work: benchmarks with their items.
        writer: the folder.
        judges: what decides about programs and mathematics.
        reporter: is told of every item.
        workers: how many answers are judged at a time.
        beat: called for every item that is judged.

    Returns:
        What came of each benchmark, by name.

    Raises:
        EvaluationError: it cannot go on; what is finished is kept.
    """
    opened = [Open(each, writer) for each in work]
    for each in opened:
        each.finish()
    order = sorted(opened, key=lambda each: -each.benchmark.max_tokens)
    asked = [Asked(each, item) for each in order for item in each.left]
    reporter.begin(len(asked))
    answers = [(one, Part.ANSWER, one.item.request) for one in asked]
    losses = [(one, Part.LOSS, one.item.loss) for one in asked if one.item.loss]
    queue: list[tuple[Asked, Part, Request]] = [*answers, *losses]
    with ThreadPoolExecutor(workers) as pool:
        judging = _Judging(pool, judges, reporter, beat)
        if queue:
            engine.run(
                [request for _, _, request in queue],
                lambda index, result: judging.take(queue[index][0], queue[index][1], result),
            )
        judging.wait()
    return {each.benchmark.name: each.tally for each in opened}


class _Judging:
    """Judges items when all their results are there; slow verdicts beside the engine."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        judges: Judges,
        reporter: Reporter,
        beat: Callable[[], None],
    ) -> None:
        self._pool, self._judges, self._reporter, self._beat = pool, judges, reporter, beat
        self._pending: list[Future[None]] = []
        self._error: BaseException | None = None
        self._lock = Lock()

    def take(self, asked: Asked, part: Part, result: Result) -> None:
        """Take a result of an item; judge it if that was the last.

        Raises:
            EvaluationError: an item judged meanwhile could not be kept.
        """
        if self._error:
            raise self._error
        asked.results[part] = result
        if not asked.is_answered:
            return
        if isinstance(asked.results[Part.ANSWER], GenerateResult):
            self._pending.append(self._pool.submit(self._noting, asked))
        else:
            self._judge(asked)

    def wait(self) -> None:
        """Wait for verdicts that are not there yet; raise what went wrong with one."""
        for future in self._pending:
            future.result()

    def _noting(self, asked: Asked) -> None:
        try:
            if not self._error:
                self._judge(asked)
        except BaseException as error:
            self._error = error
            raise

    def _judge(self, asked: Asked) -> None:
        answer = asked.results[Part.ANSWER]
        row = _row(asked, answer, self._judges)
        if row["failed_reason"] and isinstance(answer, GenerateResult):
            raise EvaluationError(f"{row['benchmark']}: not judged: {row['failed_reason']}")
        asked.work.add(row)
        self._beat()
        with self._lock:
            self._reporter.advance((row["prompt_tokens"] or 0) + (row["completion_tokens"] or 0))


def _row(asked: Asked, answer: Result, judges: Judges) -> Row:
    benchmark, item = asked.work.benchmark, asked.item
    scored = benchmark.score(item, answer, judges, asked.results.get(Part.LOSS))
    values: tuple[Any, ...] = (
        benchmark.name,
        item.item_id,
        item.subject,
        scored.score,
        scored.answer_nll_nats_per_token,
        None if isinstance(answer, Failed) else answer.prompt_tokens,
        answer.completion_tokens if isinstance(answer, GenerateResult) else 0,
        scored.truncated,
        scored.failed_reason,
        # A lone surrogate is no text that a file could hold.
        scored.response and scored.response.encode("utf-8", "replace").decode(),
    )
    return dict(zip(ITEM, values, strict=True))
