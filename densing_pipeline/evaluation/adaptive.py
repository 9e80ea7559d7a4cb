"""Measures benchmarks by samples of their questions, each enlarged until it is large enough.

Not here: which questions come first and how many are enough (`sampling`), and asking them (`measure`).
"""

from collections import Counter
from collections.abc import Callable, Sequence

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

    def __init__(self, work: Work, writer: FolderWriter, target: float) -> None:
        """Begin with the questions of the first round, and with all that earlier attempts asked.

        Args:
            work: the benchmark with all its questions.
            writer: writes the evaluation folder.
            target: largest standard error of ln N_eff.
        """
        self.benchmark, self._items, self._writer, self._target = (
            work.benchmark,
            work.items,
            writer,
            target,
        )
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

    def enlarge(self) -> bool:
        """Enlarge the sample if its estimate is not good enough yet; whether it was."""
        whole = len(self._items)
        if self._size == whole:
            return False
        rows = self._rows()
        found = sampling.estimate(
            rows["score"].fill_null(0).to_numpy(),
            [self._strata[each] for each in rows["item_id"]],
            Counter(self._strata.values()),
        )
        if sampling.is_enough(self.benchmark.name, found, self._target):
            return False
        self._size = sampling.next_size(self.benchmark.name, found, self._size, whole, self._target)
        return True

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
        target: largest standard error of ln N_eff on each benchmark.

    Returns:
        Counts of each benchmark, by name.

    Raises:
        EvaluationError: as from `measure`.
    """
    samples = [Sample(each, writer, target) for each in work]
    while True:
        asked = [each.work for each in samples]
        tallies = measure(engine, asked, writer, judges, reporter, workers, report_progress)
        enlarged = [each.enlarge() for each in samples]
        if not any(enlarged):
            break
    for each in samples:
        each.write_weights()
    return tallies
