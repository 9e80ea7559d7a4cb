"""Simulates samples of recorded item results: how many questions are enough, and how far the estimates are off.

Every model of a file is measured again by samples (`sampling`), each time with questions in another order, and
each estimate is compared with the score on all questions. Not here: sampling itself.
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
"""Columns a file of item results must have; `subject` is optional, others are disregarded."""

AWAY = (0.1, 0.9)
"""Heights (`sampling.height`) between which a model counts as away from floor and ceiling."""

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


def read(path: Path) -> pl.DataFrame:
    """Item results of a CSV or parquet file, such as `eval_items` of a release.

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
    known = frame.select(*COLUMNS, subject=subject.cast(pl.String)).drop_nulls("score")
    return known.cast({"item_id": pl.String, "score": pl.Float64})


def simulate(items: pl.DataFrame, target: float, repeats: int, seed: int) -> Iterator[Simulated]:
    """Sample every model on every benchmark.

    Args:
        items: item results as from `read`.
        target: largest standard error of ln N_eff.
        repeats: orders of the questions.
        seed: seed of the first order.
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
            yield _simulated(named, results[:, number], np.array(subjects), orders, firsts, target)


def _simulated(
    named: tuple[str, str],
    scores: FloatArray,
    strata: npt.NDArray[np.str_],
    orders: list[list[int]],
    firsts: list[int],
    target: float,
) -> Simulated:
    benchmark, model_id = named
    whole = float(scores.mean())
    found = [
        _sample(benchmark, scores[order], strata[order], first, target)
        for order, first in zip(orders, firsts, strict=True)
    ]
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
    )


def _sample(
    benchmark: str,
    scores: FloatArray,
    strata: npt.NDArray[np.str_],
    asked: int,
    target: float,
) -> tuple[sampling.Estimate, int]:
    """The last estimate of one sample, and the questions it took, of questions in their order."""
    sizes = Counter(strata.tolist())
    while True:
        found = sampling.estimate(scores[:asked], strata[:asked].tolist(), sizes)
        if asked == len(scores) or sampling.is_enough(benchmark, found, target):
            return found, asked
        asked = sampling.next_size(benchmark, found, asked, len(scores), target)


def table(rows: list[Simulated]) -> str:
    """Means over the models of each benchmark, those away from floor and ceiling and all, in Markdown."""
    lines = [
        "| benchmark | models | items | items asked | times fewer | bias, standard errors | 95 % intervals that hold the score "
        "| error of ln N_eff |",
        "|---|---|---|---|---|---|---|---|",
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
                f"| {np.mean([row.coverage for row in group]):.2f} | {np.mean(known):.2f} |"
            )
    return "\n".join(lines)
