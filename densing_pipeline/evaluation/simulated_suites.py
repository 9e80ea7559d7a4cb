"""Simulates samples of whole models: the benchmarks of the average, enlarged together (`sampling.next_sizes`).

Every model of a file that has results on all of them is measured again by samples, each time with questions in another
order. Its estimated average is compared with that on all questions, and what was asked with all there is. Not here:
benchmarks by themselves (`simulated_samples`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.evaluation import sampling
from densing_pipeline.evaluation.simulated_samples import AWAY, NO_DIFFERENCE
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import Z_95


@dataclass(frozen=True)
class Simulated:
    """Samples of one model.

    Attributes:
        model_id: which.
        score: mean over the benchmarks of the score on all questions.
        is_away: whether it is away from floor and ceiling of the average's law.
        n_items: questions of each benchmark.
        n_asked: mean number of questions asked of each benchmark.
        tokens: work of a question of each benchmark, in written tokens; 1 where the file has no tokens.
        bias: mean difference of estimate and score, in standard errors of the estimate.
        coverage: share of samples whose 95 % interval holds the score.
        log_error: root mean square of the error of ln N_eff, to first order.
    """

    model_id: str
    score: float
    is_away: bool
    n_items: dict[str, int]
    n_asked: dict[str, float]
    tokens: dict[str, float]
    bias: float
    coverage: float
    log_error: float


@dataclass(frozen=True)
class _Recorded:
    """A model's results on one benchmark: scores and strata of all questions, and the work of one."""

    scores: FloatArray
    strata: list[str]
    sizes: Counter[str]
    tokens: float

    def sampled(self, order: list[int], asked: int) -> sampling.Progress:
        """How far a sample is that holds the first `asked` questions of an order."""
        chosen = order[:asked]
        strata = [self.strata[place] for place in chosen]
        found = sampling.estimate(self.scores[chosen], strata, self.sizes)
        return sampling.Progress(found, asked, len(order), self.tokens)


def simulate(items: pl.DataFrame, target: float, repeats: int, seed: int) -> Iterator[Simulated]:
    """Sample every model that has results on all benchmarks of the average.

    Args:
        items: item results as from `simulated_samples.read`.
        target: largest standard error of ln N_eff.
        repeats: orders of the questions.
        seed: seed of the first order.
    """
    known = items.filter(pl.col("benchmark").is_in(AVERAGED)).sort("model_id", "item_id")
    orders: dict[tuple[str, tuple[str, ...], int], list[int]] = {}
    for (model_id,), rows in known.group_by("model_id", maintain_order=True):
        parts = {str(name): part for (name,), part in rows.group_by("benchmark")}
        if set(parts) != set(AVERAGED):
            continue
        recorded = {name: _recorded(parts[name]) for name in AVERAGED}
        found = []
        for number in range(seed, seed + repeats):
            places = {}
            for name in AVERAGED:
                ids = tuple(parts[name]["item_id"])
                key = (name, ids, number)
                if key not in orders:
                    orders[key] = sampling.order(ids, recorded[name].strata, name, number)
                places[name] = orders[key]
            found.append(_sample(recorded, places, target))
        yield _simulated(str(model_id), recorded, found, target)


def _recorded(rows: pl.DataFrame) -> _Recorded:
    strata = rows["subject"].fill_null("").to_list()
    tokens = float(np.mean(rows["tokens"].fill_null(1).to_numpy()))
    return _Recorded(rows["score"].to_numpy(), strata, Counter(strata), tokens)


def _sample(
    recorded: dict[str, _Recorded], orders: dict[str, list[int]], target: float
) -> dict[str, sampling.Progress]:
    """The samples of one model after the last round."""
    firsts = {
        name: sampling.first_size([each.strata[place] for place in orders[name]])
        for name, each in recorded.items()
    }
    samples = {name: each.sampled(orders[name], firsts[name]) for name, each in recorded.items()}
    while sizes := sampling.next_sizes(samples, target, AVERAGED):
        samples |= {name: recorded[name].sampled(orders[name], n) for name, n in sizes.items()}
    return samples


def _simulated(
    model_id: str,
    recorded: dict[str, _Recorded],
    found: list[dict[str, sampling.Progress]],
    target: float,
) -> Simulated:
    score = float(np.mean([each.scores.mean() for each in recorded.values()]))
    means = [sampling.average([each.found for each in samples.values()]) for samples in found]
    errors = np.array([each.error for each in means])
    off = np.array([each.score for each in means]) - score
    allowed = sampling.largest_error(sampling.AVERAGE, score, target)
    return Simulated(
        model_id,
        score,
        AWAY[0] <= sampling.height(sampling.AVERAGE, score) <= AWAY[1],
        {name: len(each.scores) for name, each in recorded.items()},
        {name: float(np.mean([one[name].asked for one in found])) for name in recorded},
        {name: each.tokens for name, each in recorded.items()},
        float(off.mean() / errors.mean()) if errors.any() else 0.0,
        float((np.abs(off) <= Z_95 * errors + NO_DIFFERENCE).mean()),
        float(np.sqrt((off**2).mean())) / allowed * target if allowed else float("nan"),
    )


def table(rows: list[Simulated]) -> str:
    """What the models away from floor and ceiling took together, and each model, in Markdown."""
    named = " | ".join(AVERAGED)
    lines = [
        f"| model | average | {named} | items asked | times fewer | tokens, times fewer | bias, standard errors "
        "| 95 % intervals that hold the average | error of ln N_eff |",
        "|---" * (len(AVERAGED) + 8) + "|",
    ]
    away = [row for row in rows if row.is_away]
    groups = [("away from floor and ceiling", away), *((row.model_id, [row]) for row in rows)]
    return "\n".join(lines + [_line(name, group) for name, group in groups if group])


def _line(name: str, rows: list[Simulated]) -> str:
    """One row of the table: means over some models."""
    n = len(rows)
    asked = {each: sum(row.n_asked[each] for row in rows) / n for each in AVERAGED}
    items = sum(sum(row.n_items.values()) for row in rows) / n
    work = sum(row.n_items[each] * row.tokens[each] for row in rows for each in AVERAGED)
    done = sum(row.n_asked[each] * row.tokens[each] for row in rows for each in AVERAGED)
    by_benchmark = " | ".join(f"{asked[each]:,.0f}" for each in AVERAGED)
    return (
        f"| {name} | {np.mean([row.score for row in rows]):.2f} | {by_benchmark} | {sum(asked.values()):,.0f} "
        f"| {items / sum(asked.values()):.1f} | {work / done:.1f} | {np.mean([row.bias for row in rows]):+.2f} "
        f"| {np.mean([row.coverage for row in rows]):.2f} | {np.mean([row.log_error for row in rows]):.2f} |"
    )
