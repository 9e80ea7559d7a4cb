"""Samples of a benchmark's questions: which come first, how many are enough, what they say of the whole.

The questions of a benchmark have one fixed order in which every beginning is spread over its subjects in
proportion to their sizes. A model is asked a beginning of this order, enlarged until the standard error of
ln N_eff is at most a target, or all questions are asked. So two models share the questions of the shorter
sample, and their difference has no error of the choice of these questions.

The ln N_eff of a model is that of its average over five benchmarks (`density.score_sets`): their samples are enlarged
together, where a question costs least for what it tells. A benchmark that is measured without the others has a ln N_eff
of its own.

The score of the whole benchmark is estimated by the mean within each stratum, weighted with the stratum's
number of questions (Cochran, *Sampling Techniques*, 1977, eqs. 5.1 and 5.13, finite-population correction
included). Strata are the subjects. Not here: asking the questions (`measure`), and the published rows (`measured_tables`).
"""

import functools
import hashlib
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.law import ReferenceLaw
from densing_pipeline.paper import NMI
from densing_pipeline.stats.arrays import FloatArray

SEED = 20241206
"""Seed of the order of questions. It never changes: samples of two orders share no questions."""

FIRST = 200
"""Questions of the first round, and more where two of each subject need more."""

GROWTH = 4
"""Most times that a sample grows from one round to the next: an early estimate may be far off."""

MARGIN = 1.1
"""Factor on the number of questions that the estimate asks for, so that few samples need another round."""

RARE_ANSWERS = 10
"""Right or wrong answers of a sample below which their spread is too uncertain to say when a sample is large enough."""

HALVINGS = 50
"""Steps in which the scale of an allocation is found."""

SCORE_ERROR = 0.01
"""Largest standard error of the score on benchmarks without a reference law, as a fraction."""

PROMPT_TOKEN = 0.1
"""Work of a prompt's token in written tokens, an estimate: prompts are read many tokens at a time."""

TOKENS = ("prompt_tokens", "completion_tokens")
"""Columns that count the tokens of a question."""

WORK = PROMPT_TOKEN * pl.col(TOKENS[0]) + pl.col(TOKENS[1])
"""Work of a question, in written tokens, from these columns."""

AVERAGE = "AVERAGE"
"""Name of the law of the five benchmarks' average."""

LAWS = {"MMLU-CF": "MMLU", "MATH-500": "MATH"}
"""Benchmarks whose scores are read by the law of another, of the same kind and scale."""

MARK = "-sampled-"
"""Between suite version and target in the version of a sampled suite."""

Number = TypeVar("Number", float, pl.Expr)

_COEFFICIENTS = Path(__file__).parents[1] / "facts" / "reference_coefficients.csv"


@dataclass(frozen=True)
class Estimate:
    """What a sample says of the whole benchmark.

    Attributes:
        score: mean score of all questions, estimated.
        error: its standard error as an estimate of that mean; 0 if all questions were asked.
        spread: standard deviation of scores within strata.
    """

    score: float
    error: float
    spread: float


@dataclass(frozen=True)
class Progress:
    """How far the sample of one benchmark is.

    Attributes:
        found: the estimate so far.
        asked: questions asked so far.
        size: questions of the whole benchmark.
        tokens: work of a question, in written tokens.
    """

    found: Estimate
    asked: int
    size: int
    tokens: float = 1.0


def sampled_version(version: str, target: float | None) -> str:
    """Version of the suite that is measured by samples; without a target the suite's own."""
    return version if target is None else f"{version}{MARK}{target:g}"


def target_of(suite_version: str) -> tuple[str, float | None]:
    """Version of the whole suite, and the target of its samples; None if it is measured whole."""
    found = re.fullmatch(rf"(.+){MARK}(0?\.[0-9]+)", suite_version)
    return (found[1], float(found[2])) if found else (suite_version, None)


def order(
    item_ids: Sequence[str], subjects: Sequence[str], benchmark: str, seed: int = SEED
) -> list[int]:
    """Places of all questions in the order in which they are sampled, the same for every model.

    Args:
        item_ids: id of each question of the benchmark.
        subjects: its subject.
        benchmark: name of the benchmark.
        seed: another one gives another order; only simulations have others.
    """
    sizes = Counter(subjects)
    drawn = sorted(
        range(len(item_ids)), key=lambda place: _number(f"{seed}/{benchmark}/{item_ids[place]}")
    )
    ranks: Counter[str] = Counter()
    shares = []
    for number, place in enumerate(drawn):
        subject = subjects[place]
        shares.append(((ranks[subject] + 0.5) / sizes[subject], number))
        ranks[subject] += 1
    return [drawn[number] for _, number in sorted(shares)]


def first_size(subjects: Sequence[str]) -> int:
    """Questions of the first round: `FIRST`, or the fewest with two of each subject that has two.

    Args:
        subjects: subject of each question, in the order of sampling.
    """
    missing = {subject: min(n, 2) for subject, n in Counter(subjects).items()}
    for number, subject in enumerate(subjects, 1):
        if subject in missing:
            missing[subject] -= 1
            if not missing[subject]:
                del missing[subject]
        if not missing:
            return min(max(number, FIRST), len(subjects))
    return len(subjects)


def estimate(scores: npt.ArrayLike, strata: Sequence[str], sizes: Mapping[str, int]) -> Estimate:
    """The score of the whole benchmark from a sample of its questions.

    Where fewer than `RARE_ANSWERS` are right or wrong the spread is that of two more right and two more wrong ones (Agresti
    and Coull 1998): 200 wrong answers have none of their own, and would say that all the others are wrong.

    Args:
        scores: score of each question asked, shape (n,); a failed one counts as 0.
        strata: stratum of each.
        sizes: number of questions of each stratum in the whole benchmark.
    """
    values = np.asarray(scores, np.float64)
    names, of_each = np.unique(strata, return_inverse=True)
    totals = np.array([sizes[name] for name in names], np.float64)
    asked = np.bincount(of_each).astype(np.float64)
    means = np.bincount(of_each, values) / asked
    squares = np.bincount(of_each, (values - means[of_each]) ** 2)
    variances = squares / np.maximum(asked - 1, 1)
    right = float(np.clip(values, 0, 1).sum())
    if min(right, len(values) - right) < RARE_ANSWERS:
        variances = variances + missed_variance(right, len(values))
    shares = totals / totals.sum()
    error = math.sqrt(float((shares**2 * (1 - asked / totals) * variances / asked).sum()))
    return Estimate(
        float((shares * means).sum()), error, math.sqrt(float((shares * variances).sum()))
    )


def missed_variance(right: Number, n: Number) -> Number:
    """By how much two more right and two more wrong answers raise the variance of n answers, frames' columns or numbers."""
    share, raised = right / n, (right + 2) / (n + 4)
    return raised * (1 - raised) - share * (1 - share)


def weights(strata: Sequence[str], sizes: Mapping[str, int]) -> list[float]:
    """Number of questions of the whole benchmark that each question asked stands for."""
    asked = Counter(strata)
    return [sizes[stratum] / asked[stratum] for stratum in strata]


def next_sizes(
    samples: Mapping[str, Progress], target: float, suite: Collection[str]
) -> dict[str, int]:
    """Questions of the next round, by benchmark, of those whose samples have to be enlarged.

    Args:
        samples: how far the samples of a model are, by benchmark.
        target: largest standard error of ln N_eff: of the average if the suite has all its benchmarks, and else of
            each benchmark.
        suite: names of the benchmarks that the model is to be measured on; some may have no sample yet, for lack of a
            sandbox.
    """
    averaged = AVERAGED if set(AVERAGED) <= set(suite) else ()
    together = {name: each for name, each in samples.items() if name in averaged}
    sizes = {
        name: next_size(name, each.found, each.asked, each.size, target)
        for name, each in samples.items()
        if name not in together and not is_enough(name, each.found, target)
    }
    if together:
        sizes |= _sizes_together(together, target)
    return {name: size for name, size in sizes.items() if size > samples[name].asked}


def average(samples: Sequence[Estimate]) -> Estimate:
    """The mean score of several benchmarks, whose samples are drawn independently.

    Args:
        samples: the estimate of each benchmark.
    """
    error = math.hypot(*(each.error for each in samples))
    spread = math.hypot(*(each.spread for each in samples))
    n = len(samples)
    return Estimate(sum(each.score for each in samples) / n, error / n, spread / n)


def _sizes_together(samples: Mapping[str, Progress], target: float) -> dict[str, int]:
    """Questions of the next round of benchmarks of which only the mean score has to be known."""
    mean = average([each.found for each in samples.values()])
    if is_enough(AVERAGE, mean, target):
        return {}
    needed = _allocated(list(samples.values()), largest_error(AVERAGE, mean.score, target))
    return {
        name: min(math.ceil(n), each.size, GROWTH * each.asked)
        for (name, each), n in zip(samples.items(), needed, strict=True)
    }


def _allocated(samples: Sequence[Progress], allowed: float) -> FloatArray:
    """Questions of each benchmark with which their mean score has an error of `allowed`, for the fewest tokens.

    They are in proportion to spread / sqrt(tokens) (Cochran 1977, theorem 5.6), but no fewer than were asked and no more
    than there are.
    """
    asked, sizes, spreads, tokens = np.array(
        [(each.asked, each.size, each.found.spread, each.tokens) for each in samples], np.float64
    ).T
    if allowed == 0:
        return np.asarray(sizes, np.float64)
    rates = spreads / np.sqrt(np.maximum(tokens, 1))

    def drawn(factor: float) -> FloatArray:
        return np.asarray(np.clip(factor * rates, asked, sizes), np.float64)

    low, high = 0.0, float((sizes[rates > 0] / rates[rates > 0]).max(initial=0.0))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        variance = (spreads**2 * (1 / drawn(middle) - 1 / sizes)).sum() / len(sizes) ** 2
        low, high = (low, middle) if variance <= allowed**2 else (middle, high)
    return MARGIN * drawn(high)


def is_enough(benchmark: str, found: Estimate, target: float) -> bool:
    """Whether the standard error of ln N_eff is at most the target; without a law, that of the score.

    Args:
        benchmark: name of the benchmark.
        found: the estimate so far.
        target: largest standard error of ln N_eff.
    """
    return found.error <= largest_error(benchmark, found.score, target)


def next_size(benchmark: str, found: Estimate, asked: int, size: int, target: float) -> int:
    """Questions of the next round: as many as the estimate asks for, but no more than `GROWTH` times as many.

    Args:
        benchmark: name of the benchmark.
        found: the estimate so far.
        asked: questions asked so far.
        size: questions of the whole benchmark.
        target: largest standard error of ln N_eff.
    """
    allowed = largest_error(benchmark, found.score, target)
    # From error^2 = spread^2 (1 / n - 1 / N).
    needed = math.inf
    if allowed > 0 and found.spread > 0:
        needed = MARGIN / ((allowed / found.spread) ** 2 + 1 / size)
    return int(min(max(needed, asked + 1), GROWTH * asked, size))


def largest_error(benchmark: str, score: float, target: float) -> float:
    """Standard error of a score with which ln N_eff has the target's; 0 at the floor and the ceiling.

    Args:
        benchmark: name of the benchmark.
        score: the score, as a fraction.
        target: largest standard error of ln N_eff.
    """
    law = _laws().get(LAWS.get(benchmark, benchmark))
    if law is None:
        return SCORE_ERROR
    return target / float(slope(law, score)) if math.isfinite(slope(law, score)) else 0.0


def height(benchmark: str, score: float) -> float:
    """How far a score is between the floor (0) and the ceiling (1) of the benchmark's law, if it has one."""
    law = _laws().get(LAWS.get(benchmark, benchmark))
    if law is None:
        return score
    return (score - law.floor) / law.performance_law.c


def slope(law: ReferenceLaw, score: npt.ArrayLike) -> FloatArray:
    """Rise of ln N_eff with the score under a law, d ln N_eff / dS; infinite where the law cannot invert the score.

    With h = (S - d) / c the loss falls by 1 / (-gamma c h (1 - h)) for each unit of the score, and ln N_eff
    rises by 1 / (alpha (L - L(infinity))) for each unit of the loss.
    """
    performance = law.performance_law
    loss = performance.loss_at(score)
    height = (np.asarray(score, np.float64) - performance.d) / performance.c
    reducible = loss - float(law.loss_law.loss(np.inf, law.reference_tokens))
    is_inverted = (height > 0) & (height < 1) & np.isfinite(loss) & (reducible > 0)
    with np.errstate(all="ignore"):
        steepness = -performance.gamma * performance.c * height * (1 - height)
        found = 1 / (law.loss_law.alpha * reducible * steepness)
    return np.where(is_inverted, found, np.inf)


@functools.cache
def _laws() -> dict[str, ReferenceLaw]:
    """The paper's law of each benchmark."""
    rows = pl.read_csv(_COEFFICIENTS).filter(pl.col("reference_id") == NMI)
    return {row["benchmark"]: ReferenceLaw.from_row(row) for row in rows.iter_rows(named=True)}


def _number(text: str) -> str:
    """A random number of a question: a hash, so that it depends on nothing but the question."""
    return hashlib.sha256(text.encode()).hexdigest()
