"""What the estimators do on frontiers whose truth is known.

A synthetic frontier doubles every 105 days. Each model falls short of it by an exponential amount,
part of which it shares with its family, and is measured with noise. Run as a module, this prints the
coverage table of docs/statistics.md.

Not here: the estimators.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from densing_pipeline.trends.bootstrap import cluster_weights, clustered_interval
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.lines import FloatArray

TRUE_DOUBLING_DAYS = 105.0
"""3.5 months, the paper's headline."""
MEAN_SHORTFALL = 1.0
"""Mean distance of a model below the frontier, in ln density (the paper's models: 1.1)."""
FAMILY_SHARE = 1 / 3
"""Correlation of shortfalls within a family (the paper's models: 0.32)."""
NOISE = 0.3
"""Standard deviation of the error of ln density."""
SIMULATIONS = 200
RESAMPLES = 200


class Simulation(NamedTuple):
    """How an estimator did.

    Attributes:
        bias: mean slope over true slope, minus 1, over the frontiers that carry a line.
        coverage: share of 95 % intervals that hold the true slope; a refused interval holds nothing.

    Both are None for an estimate that is not simulated.
    """

    bias: float | None
    coverage: float | None


def frontier(
    days: FloatArray, families: Sequence[str], rng: np.random.Generator, *, noise: float = NOISE
) -> FloatArray:
    """Simulated ln density of models released on these days, shape (n,).

    Shortfalls are exponential with mean 1. Each is the sum of a family's and a model's gamma
    variable, which makes 1/3 the correlation within a family.

    Args:
        days: release day of each model, shape (n,).
        families: family of each model, length n.
        rng: source of randomness.
        noise: standard deviation of the measurement error.
    """
    names, member = np.unique(np.asarray(families, dtype=np.str_), return_inverse=True)
    shared = rng.gamma(FAMILY_SHARE, MEAN_SHORTFALL, names.size)[member]
    own = rng.gamma(1 - FAMILY_SHARE, MEAN_SHORTFALL, days.size)
    error = rng.normal(0, noise, days.size) if noise else 0.0
    return np.asarray(np.log(2) / TRUE_DOUBLING_DAYS * days - shared - own + error)


@lru_cache(maxsize=256)
def simulated(
    estimator: str,
    days: tuple[float, ...],
    families: tuple[str, ...],
    *,
    seed: int,
    noise: float = NOISE,
    simulations: int = SIMULATIONS,
    resamples: int = RESAMPLES,
) -> Simulation:
    """Bias and coverage of an estimator on frontiers at these dates with these families.

    A pure function of its arguments, remembered: series that share their models share the result.

    Args:
        estimator: a name of `TREND_ESTIMATORS`.
        days: release day of each model.
        families: family of each model.
        seed: seed of frontiers and resamples.
        noise: standard deviation of the measurement error.
        simulations: frontiers.
        resamples: bootstrap resamples per frontier.
    """
    x, true = np.array(days), np.log(2) / TRUE_DOUBLING_DAYS
    lines = TREND_ESTIMATORS[estimator].lines
    once, weights = np.ones((1, x.size)), cluster_weights(families, resamples, seed)
    rng, clusters = np.random.default_rng(seed), len(set(families))
    slopes, covered = [], 0
    for _ in range(simulations):
        y = frontier(x, families, rng, noise=noise)
        slopes.append(lines(x, y, once, ALWAYS)[0].slope[0])
        interval = clustered_interval(lines(x, y, weights, ALWAYS)[0].slope, clusters)
        covered += interval is not None and interval[0] <= true <= interval[1]
    found = np.array(slopes)[np.isfinite(slopes)]
    bias = float(found.mean() / true - 1) if found.size else None
    return Simulation(bias, covered / simulations)


def design(
    n: int, seed: int, families: int | None = None
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Release days and families of n synthetic models, over 771 days as in the paper.

    Args:
        n: models.
        seed: seed of days and families.
        families: equally large families; one for every five models if left out.
    """
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(0, 771, n)).astype(np.float64)
    member = rng.permutation(np.arange(n) % (families or n // 5))
    return tuple(days.tolist()), tuple(f"family {i}" for i in member)


def main() -> None:
    """Print bias and coverage by number of models and noise, and by number of families."""
    from rich.console import Console
    from rich.table import Table

    def cell(estimator: str, n: int, noise: float, families: int | None = None) -> str:
        times = 400 if TREND_ESTIMATORS[estimator].every_window else 200
        bias, coverage = simulated(
            estimator,
            *design(n, n, families),
            seed=0,
            noise=noise,
            simulations=times,
            resamples=times,
        )
        return f"{bias:+.3f}, {coverage:.3f}"

    sizes, counts = (29, 51, 100, 200), (3, 4, 5, 6, 8, 10)
    by_size = Table("estimator", "noise", *(f"n = {n}" for n in sizes))
    by_families = Table("estimator, n = 40", *(f"{count} families" for count in counts))
    for estimator in TREND_ESTIMATORS:
        for noise in (0.0, 0.3, 0.6):
            by_size.add_row(estimator, f"{noise}", *(cell(estimator, n, noise) for n in sizes))
        by_families.add_row(estimator, *(cell(estimator, 40, NOISE, count) for count in counts))
    console = Console(width=120)
    console.print(by_size)
    console.print(by_families)


if __name__ == "__main__":
    main()
