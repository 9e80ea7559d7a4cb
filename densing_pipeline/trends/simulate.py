"""Bias and coverage of the estimators on simulated frontiers with a known slope.

A simulated frontier doubles every 105 days. Each model lies below it by an exponentially
distributed shortfall, correlated within its family, and is measured with noise. `densing simulate`
prints the coverage tables of docs/statistics.md.

Not here: the estimators.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np

from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import cluster_weights, clustered_intervals
from densing_pipeline.tables import markdown
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS, DaySpan

TRUE_DOUBLING_DAYS = 105.0
"""3.5 months, the paper's headline."""
MEAN_SHORTFALL = 1.0
"""Mean distance of a model below the frontier, in ln density (the paper's models: 1.1)."""
FAMILY_SHARE = 1 / 3
"""Correlation of shortfalls within a family (the paper's models: 0.32)."""
NOISE = 0.3
"""Standard deviation of the error of ln density."""
SIMULATIONS = 200
RESAMPLES_PER_SIMULATION = 50
"""Bootstrap resamples per frontier. Few, because coverage is estimated better by more frontiers;
the interval ends stay unbiased."""

WEIGHTS_AT_ONCE = 2_000_000
"""Weights processed in one step, to bound memory (some 100 bytes each)."""


class Simulation(NamedTuple):
    """Simulated performance of an estimator.

    Attributes:
        bias: mean slope over true slope, minus 1, over the frontiers with an estimate; None without
            any.
        coverage: share of 95 % intervals that contain the true slope; a missing one counts as a
            miss.
    """

    bias: float | None
    coverage: float


def frontiers(
    days: FloatArray,
    families: Sequence[str],
    rng: np.random.Generator,
    count: int,
    *,
    noise: float = NOISE,
) -> FloatArray:
    """Simulated ln densities of models released on these days, shape (count, n).

    Shortfalls are exponential with mean 1. Each is the sum of a family's and a model's gamma
    variable, which makes 1/3 the correlation within a family.

    Args:
        days: release day of each model, shape (n,).
        families: family of each model, length n.
        rng: source of randomness.
        count: number of frontiers.
        noise: standard deviation of the measurement error.
    """
    names, member = np.unique(np.asarray(families, dtype=np.str_), return_inverse=True)
    shared, own = np.empty((count, names.size)), np.empty((count, days.size))
    errors = np.zeros((count, days.size))
    for row in range(count):
        shared[row] = rng.gamma(FAMILY_SHARE, MEAN_SHORTFALL, names.size)
        own[row] = rng.gamma(1 - FAMILY_SHARE, MEAN_SHORTFALL, days.size)
        if noise:
            errors[row] = rng.normal(0, noise, days.size)
    growth = np.log(2) / TRUE_DOUBLING_DAYS * days
    return np.asarray(growth - shared[:, member] - own + errors)


class Design(NamedTuple):
    """Release days and families of the models, on which a simulation depends.

    Attributes:
        days: release day of each model, ascending.
        families: family of each model.
        window: first and last day of the trend.
    """

    days: tuple[float, ...]
    families: tuple[str, ...]
    window: DaySpan = ALWAYS

    @classmethod
    def of(cls, days: FloatArray, families: Sequence[str], window: DaySpan = ALWAYS) -> Self:
        """The design of these models as a hashable value."""
        ordered = sorted(zip(days.tolist(), families, strict=True))
        if ordered and window[0] <= ordered[0][0] and ordered[-1][0] <= window[1]:
            window = ALWAYS
        return cls(tuple(day for day, _ in ordered), tuple(name for _, name in ordered), window)


@lru_cache(maxsize=4096)
def simulated(
    estimator: str,
    design: Design,
    *,
    seed: int,
    noise: float = NOISE,
    simulations: int = SIMULATIONS,
    resamples: int = RESAMPLES_PER_SIMULATION,
    beside: tuple[str, ...] = (),
) -> Simulation:
    """Bias and coverage of an estimator on frontiers at these dates with these families.

    The result is cached, so that series with the same models share it.

    Args:
        estimator: a name of `TREND_ESTIMATORS`.
        design: dates and families.
        seed: seed of frontiers and resamples.
        noise: standard deviation of the measurement error.
        simulations: frontiers.
        resamples: bootstrap resamples per frontier.
        beside: names of all estimators that are simulated at this design, one after the other.
    """
    method = TREND_ESTIMATORS[estimator].beside(beside)
    x, true = np.array(design.days), np.log(2) / TRUE_DOUBLING_DAYS
    inside = (x >= design.window[0]) & (x <= design.window[1])
    clusters = len(set(np.array(design.families, dtype=object)[inside]))
    weights = cluster_weights(design.families, resamples, seed)
    y = _frontiers(design.days, design.families, seed, noise, simulations)
    slopes, covered = [], 0
    parts = min(simulations, 1 + y.size * resamples // WEIGHTS_AT_ONCE)
    for values in np.array_split(y, parts):
        of = np.arange(len(values))
        once = np.ones(values.shape)
        slopes.append(method.lines(x, values, once, design.window, of)[0].slope)
        drawn = method.lines(
            x, values, np.tile(weights, (of.size, 1)), design.window, np.repeat(of, resamples)
        )[0].slope
        low, high = clustered_intervals(drawn.reshape(of.size, resamples), clusters).T
        covered += int(((low <= true) & (true <= high)).sum())
    found = np.concatenate(slopes)
    found = found[np.isfinite(found)]
    bias = float(found.mean() / true - 1) if found.size else None
    return Simulation(bias, covered / simulations)


@lru_cache(maxsize=2)
def _frontiers(
    days: tuple[float, ...], families: tuple[str, ...], seed: int, noise: float, count: int
) -> FloatArray:
    """Simulated frontiers of a design, shape (count, n), read-only; kept for its other estimators."""
    rng, x = np.random.default_rng(seed), np.array(days)
    found = frontiers(x, families, rng, count, noise=noise)
    found.flags.writeable = False
    return found


def spread_design(n: int, seed: int, families: int | None = None) -> Design:
    """Release days and families of n synthetic models, over 771 days as in the paper.

    Args:
        n: models.
        seed: seed of days and families.
        families: equally large families; one for every five models if left out.
    """
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(0, 771, n)).astype(np.float64)
    member = rng.permutation(np.arange(n) % (families or n // 5))
    return Design.of(days, [f"family {i}" for i in member])


SIZES = (29, 51, 100, 200)
NOISES = (0.0, 0.3, 0.6)
FAMILIES = (3, 4, 5, 6, 8, 10)
STUDY = {"simulations": 1000, "resamples": 200}
"""Settings of each cell of the coverage study; the standard error of a coverage near .95 is
.007."""


def study() -> tuple[str, str]:
    """Bias and coverage by number of models and noise, and coverage by number of families.

    Returns:
        Two tables in markdown, as in docs/statistics.md.
    """

    def cell(name: str, n: int, noise: float, families: int | None = None) -> Simulation:
        found = spread_design(n, n, families)
        costly = not TREND_ESTIMATORS[name].every_window
        size = {key: value // 5 if costly else value for key, value in STUDY.items()}
        return simulated(name, found, seed=0, noise=noise, **size)

    by_size = [["estimator", "noise", *(f"n = {n}" for n in SIZES)]]
    by_families = [["estimator", *(f"{count} families" for count in FAMILIES)]]
    for name in TREND_ESTIMATORS:
        for noise in NOISES:
            cells = [cell(name, n, noise) for n in SIZES]
            by_size.append(
                [f"`{name}`", f"{noise:g}", *(f"{c.bias:+.3f}, {c.coverage:.3f}" for c in cells)]
            )
        by_families.append(
            [f"`{name}`", *(f"{cell(name, 40, NOISE, g).coverage:.3f}" for g in FAMILIES)]
        )
    return markdown.table(by_size), markdown.table(by_families)
