"""Measures benchmarks by samples of their questions, enlarged until they are large enough.

Not here: which questions come first and how many are enough (`sampling`), and asking them (`measure`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

import polars as pl

from densing_pipeline.evaluation import sampling
from densing_pipeline.evaluation.folder_writer import FolderWriter
from densing_pipeline.evaluation.measure import Tally, Work, measure
from densing_pipeline.evaluation.progress import Reporter
from densing_pipeline.evaluation.requests import Engine
from densing_pipeline.evaluation.scoring import Judges

SAMPLED = ("choice", "generate")
"""Kinds of benchmarks that are sampled: those with scores. Losses are measured on all texts."""


class Sample:
    """The questions of one benchmark that a model is asked, a beginning of the fixed order."""

    def __init__(self, work: Work, writer: FolderWriter) -> None:
        """Begin with the questions of the first round, and with all that earlier attempts asked.

        Args:
            work: the benchmark with all its questions.
            writer: writes the evaluation folder.
        """
        self.benchmark, self._items, self._writer = work.benchmark, work.items, writer
        self._strata = {item.item_id: item.subject or "" for item in work.items}
        order = sampling.order(list(self._strata), list(self._strata.values()), work.benchmark.name)
        ids = list(self._strata)
        self._ranks = {ids[place]: rank for rank, place in enumerate(order)}
        self._size = len(order)
        if work.benchmark.kind in SAMPLED:
            first = sampling.first_size([self._strata[ids[place]] for place in order])
            asked = [self._ranks[each] + 1 for each in self._asked() if each in self._ranks]
            self._size = max(first, *asked, 0)

    @property
    def work(self) -> Work:
        """The questions of the sample, in the order of the data."""
        chosen = [item for item in self._items if self._ranks[item.item_id] < self._size]
        return Work(self.benchmark, chosen)

    @property
    def progress(self) -> sampling.Progress:
        """How far the sample is, of whose questions all were asked."""
        rows = self._rows()
        found = sampling.estimate(
            rows["score"].fill_null(0).to_numpy(),
            [self._strata[each] for each in rows["item_id"]],
            Counter(self._strata.values()),
        )
        tokens = rows.select(pl.col(sampling.TOKENS).fill_null(0)).select(sampling.WORK).sum()
        return sampling.Progress(found, rows.height, len(self._items), tokens.item() / rows.height)

    def enlarge(self, size: int) -> None:
        """Have the sample hold so many questions."""
        self._size = size

    def write_weights(self) -> None:
        """Write how many questions of the benchmark each question asked stands for."""
        rows = self._rows()
        strata = [self._strata[each] for each in rows["item_id"]]
        weights = sampling.weights(strata, Counter(self._strata.values()))
        weighted = rows.with_columns(item_weight=pl.Series(weights, dtype=pl.Float64))
        self._writer.finish(self.benchmark.name, weighted.rows(named=True))

    def _rows(self) -> pl.DataFrame:
        """The items of the sample, all measured."""
        found = self._writer.finished(self.benchmark.name)
        if found is None:
            raise RuntimeError(f"{self.benchmark.name}: the sample was not measured")
        return found

    def _asked(self) -> list[str]:
        """Ids of the questions that earlier attempts asked."""
        name = self.benchmark.name
        found = self._writer.finished(name)
        return [
            *([] if found is None else found["item_id"].to_list()),
            *(row["item_id"] for row in self._writer.unfinished(name)),
        ]


def measure_samples(
    engine: Engine,
    work: Sequence[Work],
    writer: FolderWriter,
    judges: Judges,
    reporter: Reporter,
    workers: int,
    report_progress: Callable[[], None] = lambda: None,
    *,
    target: float,
    suite: Collection[str],
) -> dict[str, Tally]:
    """Measure samples of the benchmarks in rounds: the next one asks more where the estimate needs it.

    Args:
        engine: runs the requests.
        work: benchmarks with all their questions.
        writer: writes the evaluation folder.
        judges: judges of programs and of mathematics.
        reporter: told of every judged item.
        workers: answers judged at the same time.
        report_progress: called for every judged item.
        target: largest standard error of ln N_eff (`sampling.next_sizes`).
        suite: names of all benchmarks that the model is to be measured on, now or later.

    Returns:
        Counts of each benchmark, by name.

    Raises:
        EvaluationError: as from `measure`.
    """
    samples = {each.benchmark.name: Sample(each, writer) for each in work}
    while True:
        asked = [each.work for each in samples.values()]
        tallies = measure(engine, asked, writer, judges, reporter, workers, report_progress)
        scored = {
            name: each.progress for name, each in samples.items() if each.benchmark.kind in SAMPLED
        }
        sizes = sampling.next_sizes(scored, target, suite)
        if not sizes:
            break
        for name, size in sizes.items():
            samples[name].enlarge(size)
    for each in samples.values():
        each.write_weights()
    return tallies
