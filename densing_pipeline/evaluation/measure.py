"""Measures benchmarks with an engine: one queue of requests, each item judged when it is answered.

Not here: how requests are served (`vllm_engine`), what an item is worth (`scoring`), and writing
the files (`folder_writer`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Any

import polars as pl

from densing_pipeline.evaluation.failures import EvaluationError
from densing_pipeline.evaluation.folder_format import ITEM, MOST_FAILED
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


@dataclass(frozen=True)
class Work:
    """A benchmark with the items to measure, sorted so that prompts with one beginning are adjacent."""

    benchmark: Benchmark
    items: Sequence[Item]


@dataclass
class Tally:
    """Counts over the measured items of a benchmark.

    Attributes:
        items: number of measured items.
        failed: number of items without score or loss, by reason.
        truncated: number of texts cut off by their token budget.
        prompt_tokens: tokens of all prompts.
        completion_tokens: tokens of all answers.
        scored: sum of the scores, and number of items with a score.
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
        """Message if more than `MOST_FAILED` of the items failed, else None."""
        n = self.failed.total()
        if n <= MOST_FAILED * self.items:
            return None
        return f"{n} of {self.items} items failed, most as: {self.failed.most_common(1)[0][0]}"


class Part(Enum):
    """What a request of an item asks for: its answer, or the loss of its reference solution."""

    ANSWER = "answer"
    LOSS = "loss"


@dataclass
class PendingItem:
    """An item whose requests were sent; the results may come in any order."""

    benchmark: "OpenBenchmark"
    item: Item
    results: dict[Part, Result] = field(default_factory=dict)

    @property
    def is_answered(self) -> bool:
        """Whether all results have come."""
        return len(self.results) == 1 + (self.item.loss is not None)


class OpenBenchmark:
    """A benchmark being measured: collects rows, and writes the file when all items are there."""

    def __init__(self, work: Work, writer: FolderWriter) -> None:
        """Load the rows that earlier attempts measured."""
        self.benchmark = work.benchmark
        self._writer = writer
        self._lock = Lock()
        ids = {item.item_id for item in work.items}
        done = _finished(work, writer)
        self.is_finished = done is not None
        # A sample that was enlarged has a file with the items of the round before.
        before = writer.finished(self.benchmark.name)
        earlier = [
            *([] if before is None else before.rows(named=True)),
            *([] if self.is_finished else writer.unfinished(self.benchmark.name)),
        ]
        self.rows = {row["item_id"]: row for row in earlier if row["item_id"] in ids}
        self.left = [item for item in work.items if item.item_id not in self.rows]
        self._order = [item.item_id for item in work.items]
        self.tally = Tally()
        for row in self.rows.values():
            self.tally.add(row)

    def add(self, row: Row) -> None:
        """Record a measured item."""
        with self._lock:
            self._writer.record(row)
            self.rows[row["item_id"]] = row
            self.tally.add(row)
            self.finish()

    def finish(self) -> None:
        """Write the benchmark's file once all items are there."""
        if len(self.rows) == len(self._order) and not self.is_finished:
            self._writer.finish(self.benchmark.name, [self.rows[each] for each in self._order])
            self.is_finished = True


def is_measured(work: Work, writer: FolderWriter) -> bool:
    """Whether an earlier attempt has measured all items."""
    return _finished(work, writer) is not None


def _finished(work: Work, writer: FolderWriter) -> pl.DataFrame | None:
    """The items of a benchmark if an earlier attempt measured all of them, and no others; else None."""
    done = writer.finished(work.benchmark.name)
    is_same = done is not None and {item.item_id for item in work.items} == set(done["item_id"])
    return done if is_same else None


def measure(
    engine: Engine,
    work: Sequence[Work],
    writer: FolderWriter,
    judges: Judges,
    reporter: Reporter,
    workers: int,
    report_progress: Callable[[], None] = lambda: None,
) -> dict[str, Tally]:
    """Measure all items that earlier attempts did not.

    Requests for text go first, those with the largest token budget at the front: choices and losses
    then fill the batches while the last long texts are being written.

    Args:
        engine: runs the requests.
        work: benchmarks with their items.
        writer: writes the evaluation folder.
        judges: judges of programs and of mathematics.
        reporter: told of every judged item.
        workers: answers judged at the same time.
        report_progress: called for every judged item.

    Returns:
        Counts of each benchmark, by name.

    Raises:
        EvaluationError: the engine broke down or a file cannot be written; measured items are kept.
    """
    opened = [OpenBenchmark(each, writer) for each in work]
    for each in opened:
        each.finish()
    order = sorted(opened, key=lambda each: -each.benchmark.max_tokens)
    asked = [PendingItem(each, item) for each in order for item in each.left]
    reporter.begin(len(asked))
    answers = [(one, Part.ANSWER, one.item.request) for one in asked]
    losses = [(one, Part.LOSS, one.item.loss) for one in asked if one.item.loss]
    queue: list[tuple[PendingItem, Part, Request]] = [*answers, *losses]
    with ThreadPoolExecutor(workers) as pool:
        judging = _Judging(pool, judges, reporter, report_progress)
        if queue:
            engine.run(
                [request for _, _, request in queue],
                lambda index, result: judging.take(queue[index][0], queue[index][1], result),
            )
        judging.wait()
    return {each.benchmark.name: each.tally for each in opened}


class _Judging:
    """Judges each item when its results have come: texts in a thread pool, for judging may be slow."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        judges: Judges,
        reporter: Reporter,
        report_progress: Callable[[], None],
    ) -> None:
        self._pool, self._judges, self._reporter, self._report_progress = (
            pool,
            judges,
            reporter,
            report_progress,
        )
        self._pending: list[Future[None]] = []
        self._error: BaseException | None = None
        self._lock = Lock()

    def take(self, asked: PendingItem, part: Part, result: Result) -> None:
        """Store a result; judge the item if it was the last one missing.

        Raises:
            EvaluationError: an item judged in the pool could not be recorded.
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
        """Wait for the pool; raise the first exception of a judgement."""
        for future in self._pending:
            future.result()

    def _noting(self, asked: PendingItem) -> None:
        try:
            if not self._error:
                self._judge(asked)
        except BaseException as error:
            self._error = error
            raise

    def _judge(self, asked: PendingItem) -> None:
        answer = asked.results[Part.ANSWER]
        row = _row(asked, answer, self._judges)
        if row["failed_reason"] and isinstance(answer, GenerateResult):
            raise EvaluationError(f"{row['benchmark']}: not judged: {row['failed_reason']}")
        asked.benchmark.add(row)
        self._report_progress()
        with self._lock:
            self._reporter.advance((row["prompt_tokens"] or 0) + (row["completion_tokens"] or 0))


def _row(asked: PendingItem, answer: Result, judges: Judges) -> Row:
    benchmark, item = asked.benchmark.benchmark, asked.item
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
        # Parquet cannot hold a lone surrogate.
        scored.response and scored.response.encode("utf-8", "replace").decode(),
        scored.bits_per_byte,
        scored.text_bytes,
        1.0,
    )
    return dict(zip(ITEM, values, strict=True))
