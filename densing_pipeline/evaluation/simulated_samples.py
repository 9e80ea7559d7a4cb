"""Simulates samples of recorded item results: how many questions are enough, and how far the estimates are off.

Every model of a file is measured again by samples (`sampling`), each time with questions in another order, and
each estimate is compared with the score on all questions. Here each benchmark is sampled by itself, as if the model were
measured on no other. Also measured is how much fewer questions would do if an estimate used how hard each question was
for the other models of the file (`sampling` does not), and how many at least. Not here: sampling itself, and
the benchmarks of a model together (`simulated_suites`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from densing_pipeline.evaluation import sampling
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import Z_95
from densing_pipeline.text import error_text

COLUMNS = ("model_id", "benchmark", "item_id", "score")
"""Columns a file of item results must have; `subject` and `sampling.TOKENS` are optional, others are disregarded."""

AWAY = (0.1, 0.9)
"""Heights (`sampling.height`) between which a model counts as away from floor and ceiling."""

FOLD = 5
"""Times fewer questions that `needed` asks after."""

COPIED = 0.95
"""Correlation with another model's results from which they are taken for a copy of them."""

NO_DIFFERENCE = 1e-9
"""Difference that counts as none: all questions were asked."""


class ItemFileError(ValueError):
    """A file of item results cannot be used; the message says why."""


@dataclass(frozen=True)
class Simulated:
    """Samples of one model on one benchmark.

    Attributes:
        model_id, benchmark: which.
        score: mean score of all questions.
        n_items: number of questions.
        is_away: whether the score is away from floor and ceiling.
        n_asked: mean number of questions asked.
        bias: mean difference of estimate and score, in standard errors of the estimate.
        coverage: share of samples whose 95 % interval holds the score.
        log_error: root mean square of the error of ln N_eff, to first order.
        explained: share of the variance within subjects that the other models' results explain; None without
            other models.
        needed: share that an estimate would have to explain for `FOLD` times fewer questions to be enough; 0 where
            they are enough as it is.
        fewest: questions that would do if the sample used the best weighting of all other models' results, known
            beforehand; None without other models.
    """

    model_id: str
    benchmark: str
    score: float
    n_items: int
    is_away: bool
    n_asked: float
    bias: float
    coverage: float
    log_error: float
    explained: float | None
    needed: float
    fewest: float | None


def read(path: Path) -> pl.DataFrame:
    """Item results of a CSV or parquet file, such as `eval_items` of a release; `tokens` is the work of a question.

    Raises:
        ItemFileError: the file cannot be read or lacks a column.
    """
    try:
        frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ItemFileError(f"{path}: {error_text(error)}") from error
    if lacking := sorted(set(COLUMNS) - set(frame.columns)):
        raise ItemFileError(
            f"{path}: no column {', '.join(lacking)}; needed are {', '.join(COLUMNS)}"
        )
    subject = pl.col("subject") if "subject" in frame.columns else pl.lit(None)
    work = pl.lit(None)
    if set(sampling.TOKENS) <= set(frame.columns):
        work = sampling.WORK
    known = frame.select(
        *COLUMNS, subject=subject.cast(pl.String), tokens=work.cast(pl.Float64)
    ).drop_nulls("score")
    return known.cast({"item_id": pl.String, "score": pl.Float64})


def simulate(
    items: pl.DataFrame, target: float, repeats: int, seed: int, *, by_difficulty: bool = False
) -> Iterator[Simulated]:
    """Sample every model on every benchmark.

    Args:
        items: item results as from `read`.
        target: largest standard error of ln N_eff.
        repeats: orders of the questions.
        seed: seed of the first order.
        by_difficulty: whether estimates use how hard each question was for the other models.
    """
    for (benchmark,), rows in items.sort("benchmark", "model_id").group_by(
        "benchmark", maintain_order=True
    ):
        wide = rows.pivot("model_id", index=("item_id", "subject"), values="score")
        models = wide.drop_nulls(wide.columns[2:])
        ids, subjects = models["item_id"].to_list(), models["subject"].fill_null("").to_list()
        orders = [
            sampling.order(ids, subjects, str(benchmark), seed + number)
            for number in range(repeats)
        ]
        firsts = [sampling.first_size([subjects[place] for place in order]) for order in orders]
        results = models.drop("item_id", "subject").to_numpy()
        for number, model_id in enumerate(models.columns[2:]):
            named = (str(benchmark), model_id)
            scores, strata = results[:, number], np.array(subjects)
            others = _others(results, number)
            covariates = _difficulty(others)
            given = covariates if by_difficulty else None
            found = [
                _sample(str(benchmark), scores[order], strata[order], first, target, given, order)
                for order, first in zip(orders, firsts, strict=True)
            ]
            fewest = _fewest(str(benchmark), scores, strata, others, target)
            yield _simulated(named, scores, strata, found, covariates, target, fewest)


def _simulated(
    named: tuple[str, str],
    scores: FloatArray,
    strata: npt.NDArray[np.str_],
    found: list[tuple[sampling.Estimate, int]],
    covariates: FloatArray | None,
    target: float,
    fewest: float | None,
) -> Simulated:
    benchmark, model_id = named
    whole = float(scores.mean())
    errors = np.array([each.error for each, _ in found])
    off = np.array([each.score for each, _ in found]) - whole
    allowed = sampling.largest_error(benchmark, whole, target)
    return Simulated(
        model_id,
        benchmark,
        whole,
        len(scores),
        AWAY[0] <= sampling.height(benchmark, whole) <= AWAY[1],
        float(np.mean([asked for _, asked in found])),
        float(off.mean() / errors.mean()) if errors.any() else 0.0,
        float((np.abs(off) <= Z_95 * errors + NO_DIFFERENCE).mean()),
        float(np.sqrt((off**2).mean())) / allowed * target if allowed else float("nan"),
        None if covariates is None else _explained(scores, strata, covariates),
        _needed(scores, strata, allowed),
        fewest,
    )


def _others(results: FloatArray, number: int) -> FloatArray:
    """Results of the other models; those that are right or wrong everywhere, and copies of the model's, say nothing.

    Args:
        results: scores, shape (questions, models).
        number: column of the model that is sampled.
    """
    scores = results[:, number]
    kept = [
        other
        for other in range(results.shape[1])
        if other != number
        and results[:, other].std() > 0
        and not (scores.std() > 0 and np.corrcoef(scores, results[:, other])[0, 1] > COPIED)
    ]
    return results[:, kept]


def _difficulty(others: FloatArray) -> FloatArray | None:
    """Mean score of the other models on each question, and its square; None without other models."""
    if not others.shape[1]:
        return None
    mean = others.mean(axis=1)
    return np.column_stack([mean, mean**2])


def _fewest(
    benchmark: str,
    scores: FloatArray,
    strata: npt.NDArray[np.str_],
    others: FloatArray,
    target: float,
) -> float | None:
    """Questions that a sample takes at least whose strata or estimate use the other models' results; None without any.

    The weights of the other models are fitted to all answers of the model itself, which no sample has. From error^2 =
    spread^2 (1 - explained) (1 / n - 1 / N).
    """
    covariates = _difficulty(others)
    if covariates is None:
        return None
    every = np.column_stack([covariates, others])
    left = _spread(scores, strata) ** 2 * (1 - _explained(scores, strata, every))
    allowed = sampling.largest_error(benchmark, float(scores.mean()), target)
    return len(scores) / (1 + len(scores) * allowed**2 / left) if left > 0 else 0.0


def _adjusted(scores: FloatArray, covariates: FloatArray, means: FloatArray) -> FloatArray:
    """Scores less what the covariates explain of their distance from the mean of the whole benchmark.

    Their stratified mean is the regression estimate of the score (Cochran 1977, eq. 7.43).

    Args:
        scores: of the questions asked, shape (n,).
        covariates: of the same questions, shape (n, covariates).
        means: of the covariates on all questions of the benchmark.
    """
    known = np.column_stack([np.ones(len(scores)), covariates])
    slopes = np.linalg.lstsq(known, scores, rcond=None)[0][1:]
    return np.asarray(scores - (covariates - means) @ slopes)


def _spread(scores: FloatArray, strata: npt.NDArray[np.str_]) -> float:
    """Standard deviation of scores within strata."""
    return sampling.estimate(scores, strata.tolist(), Counter(strata.tolist())).spread


def _explained(scores: FloatArray, strata: npt.NDArray[np.str_], covariates: FloatArray) -> float:
    """Share of the variance within strata that the covariates explain."""
    spread = _spread(scores, strata)
    if not spread:
        return 0.0
    left = _spread(_adjusted(scores, covariates, covariates.mean(axis=0)), strata)
    return float(1 - (left / spread) ** 2)


def _needed(scores: FloatArray, strata: npt.NDArray[np.str_], allowed: float) -> float:
    """Share of the variance to be explained for an error of `allowed` with a `FOLD`th of the questions."""
    spread = _spread(scores, strata)
    if not spread:
        return 0.0
    return float(max(0.0, 1 - (allowed / spread) ** 2 * len(scores) / (FOLD - 1)))


def _sample(
    benchmark: str,
    scores: FloatArray,
    strata: npt.NDArray[np.str_],
    asked: int,
    target: float,
    covariates: FloatArray | None,
    order: list[int],
) -> tuple[sampling.Estimate, int]:
    """The last estimate of one sample, and the questions it took.

    Args:
        benchmark: name of the benchmark.
        scores: of all questions, in the order of the sample.
        strata: of each.
        asked: questions of the first round.
        target: largest standard error of ln N_eff.
        covariates: what estimates use of each question, in the order of the file; None for nothing.
        order: places of the questions in the file.
    """
    sizes = Counter(strata.tolist())
    means = None if covariates is None else covariates.mean(axis=0)
    while True:
        values = scores[:asked]
        if covariates is not None and means is not None and asked < len(scores):
            values = _adjusted(values, covariates[order[:asked]], means)
        found = sampling.estimate(values, strata[:asked].tolist(), sizes)
        if asked == len(scores) or sampling.is_enough(benchmark, found, target):
            return found, asked
        asked = sampling.next_size(benchmark, found, asked, len(scores), target)


def table(rows: list[Simulated]) -> str:
    """Means over the models of each benchmark, those away from floor and ceiling and all, in Markdown."""
    lines = [
        "| benchmark | models | items | items asked | times fewer | bias, standard errors | 95 % intervals that hold the score "
        f"| error of ln N_eff | variance that other models explain | needed for {FOLD} times fewer | times fewer at best |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    names = list(dict.fromkeys(row.benchmark for row in rows))
    groups = [
        (name, [row for row in rows if row.benchmark == name and row.is_away]) for name in names
    ]
    groups.append(("all", [row for row in rows if row.is_away]))
    groups.append(("all, also near floor and ceiling", rows))
    for name, group in groups:
        if group:
            asked = sum(row.n_asked for row in group)
            whole = sum(row.n_items for row in group)
            known = [row.log_error for row in group if np.isfinite(row.log_error)]
            lines.append(
                f"| {name} | {len(group)} | {whole / len(group):,.0f} | {asked / len(group):,.0f} "
                f"| {whole / asked:.1f} | {np.mean([row.bias for row in group]):+.2f} "
                f"| {np.mean([row.coverage for row in group]):.2f} | {np.mean(known):.2f} "
                f"| {_mean([row.explained for row in group])} | {_mean([row.needed for row in group])} "
                f"| {_best(group)} |"
            )
    return "\n".join(lines)


def _best(rows: list[Simulated]) -> str:
    """Times fewer questions that any weighting of the other models allows, or nothing if there are none."""
    known = [(row.n_items, row.fewest) for row in rows if row.fewest is not None]
    fewest = sum(each for _, each in known)
    return f"{sum(n for n, _ in known) / fewest:.1f}" if fewest else ""


def _mean(values: list[float | None]) -> str:
    """Mean of the values that are known, or nothing."""
    known = [each for each in values if each is not None]
    return f"{np.mean(known):.2f}" if known else ""
