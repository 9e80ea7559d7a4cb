"""Artificial scores with a known pace of density, to see how often an interval holds it.

A world keeps release days, sizes, families, lines and missing scores of real models, and their errors. The model's
ln density lies below a frontier that doubles every 105 days by a shortfall with an exponential
distribution; parts of it are shared by a family, by a line of models, and by all benchmarks. Each world but the
first breaks one assumption.

Not here: the estimates, and how often their intervals hold the truth (`interval_coverage`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.trends.simulate import TRUE_DOUBLING_DAYS

PACE = float(np.log(2) / TRUE_DOUBLING_DAYS)
"""Growth of ln density at the frontier, 1 / day."""

LOGNORMAL_SPREAD = 0.8
"""Standard deviation of the logarithm of a lognormal shortfall."""

INNER_DAYS = (0.05, 0.95)
"""Quantiles of the release days between which something grows; few models are older or newer."""


@dataclass(frozen=True)
class World:
    """What differs from a stationary frontier.

    Attributes:
        name: as in the column `world`.
        is_stationary: whether the frontier is a straight line for all families and benchmarks.
        is_lognormal: whether the shortfall is lognormal instead of exponential.
        family_share: share of families in the shortfall; None for that of the data.
        family_paces: standard deviation of the paces of families, as a share of the pace.
        benchmark_paces: the same of benchmarks.
        shortfall: size of the shortfall at the beginning and at the end, as a share of its mean.
        only_near_later: whether models of the later half are reported only with less than the mean shortfall.
        per_ln_params: change of ln density with ln N.
        date_error: standard deviation of recorded release days.
        noise: further error of ln density at the beginning and at the end.
        paces: pace before and after the middle model's release, as a share of the pace.
        has_other_law: whether scores follow another law than the estimator's.
    """

    name: str
    is_stationary: bool = False
    is_lognormal: bool = False
    family_share: float | None = None
    family_paces: float = 0.0
    benchmark_paces: float = 0.0
    shortfall: tuple[float, float] = (1.0, 1.0)
    only_near_later: bool = False
    per_ln_params: float = 0.0
    date_error: float = 0.0
    noise: tuple[float, float] = (0.0, 0.0)
    paces: tuple[float, float] = (1.0, 1.0)
    has_other_law: bool = False


WORLDS = (
    World("stationary", is_stationary=True),
    World("lognormal", is_stationary=True, is_lognormal=True),
    World("family-share-0.8", is_stationary=True, family_share=0.8),
    World("other-law", is_stationary=True, has_other_law=True),
    World("family-trends", family_paces=0.6),
    World("benchmarks-drift", benchmark_paces=0.4),
    World("shortfall-grows", shortfall=(0.5, 1.8)),
    World("near-frontier-later", only_near_later=True),
    World("small-denser", per_ln_params=-0.15),
    World("dates-off", date_error=30.0),
    World("noise-grows", noise=(0.2, 1.0)),
    World("two-regimes", paces=(1.5, 0.5)),
)
"""Every world, in the order of docs/statistics.md."""


class Spread(NamedTuple):
    """How shortfalls are distributed; shares add up to the whole variance.

    Attributes:
        mean: mean shortfall, ln density.
        family_share: share common to a family.
        line_share: share common to a line of models; the rest is each model's own.
        common_share: share of each of these parts that is common to all benchmarks.
    """

    mean: float
    family_share: float
    line_share: float
    common_share: float


class Sites(NamedTuple):
    """The models of a world: what stays as it is in the data.

    Attributes:
        days: release days, shape (n,).
        ln_params: ln N, shape (n,).
        families: number of the family of each model, shape (n,).
        lines: number of the line, one of its own for a model in none, shape (n,).
        benchmarks: number of benchmarks.
        averaged: benchmarks that each of them is the average of.
        spread: of shortfalls.
    """

    days: FloatArray
    ln_params: FloatArray
    families: IntArray
    lines: IntArray
    benchmarks: int
    averaged: int
    spread: Spread


class Drawn(NamedTuple):
    """One draw of a world.

    Attributes:
        ln_density: true ln density of each model on each benchmark, with the world's own noise, shape (n, k).
        days: recorded release days, shape (n,).
        middle: day on which the pace changes.
        paces: growth of the frontier before and after it, 1 / day.
    """

    ln_density: FloatArray
    days: FloatArray
    middle: float
    paces: tuple[float, float]

    def pace(self, start: float, end: float) -> float:
        """Average growth of the frontier from one day to a later one, 1 / day."""
        before = np.clip(self.middle, start, end) - start
        return float(
            (self.paces[0] * before + self.paces[1] * (end - start - before)) / (end - start)
        )


def draw(world: World, sites: Sites, rng: np.random.Generator) -> Drawn:
    """One draw of a world at the sites of real models."""
    days, n, k = sites.days, sites.days.size, sites.benchmarks
    progress = _progress(days)
    short = _shortfalls(world, sites, rng)
    if world.only_near_later:
        # Probabilities of an exponential distribution cut off at its mean; dependence stays.
        near = -np.log1p(np.expm1(-short) * -np.expm1(-1.0))
        short = np.where((days >= np.median(days))[:, None], near, short)
    short = short * (sites.spread.mean * _between(world.shortfall, progress))[:, None]
    middle = float(np.median(days))
    first, last = (PACE * share for share in world.paces)
    frontier = first * np.minimum(days - middle, 0) + last * np.maximum(days - middle, 0)
    since_mean = (days - days.mean())[:, None]
    of_family = rng.normal(0, world.family_paces, sites.families.max(initial=0) + 1)
    of_benchmark = rng.normal(0, world.benchmark_paces / sites.averaged**0.5, k)
    drift = PACE * since_mean * (of_family[sites.families][:, None] + of_benchmark)
    size = world.per_ln_params * (sites.ln_params - sites.ln_params.mean())
    noise = rng.normal(0, 1, (n, k)) * _between(world.noise, progress)[:, None]
    return Drawn(
        ln_density=(frontier + size)[:, None] + drift - short + noise,
        days=days + np.round(rng.normal(0, world.date_error, n)),
        middle=middle,
        paces=(first, last),
    )


def _shortfalls(world: World, sites: Sites, rng: np.random.Generator) -> FloatArray:
    """Shortfalls of mean 1, shape (n, k)."""
    spread = sites.spread
    family = spread.family_share if world.family_share is None else world.family_share
    # A larger share of families leaves the others theirs in proportion.
    rest = (1 - family) / (1 - spread.family_share)
    line = spread.line_share * rest
    k = sites.benchmarks
    total = np.zeros((sites.days.size, k))
    own = np.arange(sites.days.size)
    for share, member in ((family, sites.families), (line, sites.lines), (1 - family - line, own)):
        if share <= 0:
            continue
        groups = int(member.max(initial=-1)) + 1
        for part, width in ((spread.common_share, 1), (1 - spread.common_share, k)):
            if part <= 0:
                continue
            if world.is_lognormal:
                total += (share * part) ** 0.5 * rng.normal(0, 1, (groups, width))[member]
            else:
                total += rng.gamma(share * part, 1.0, (groups, width))[member]
    if world.is_lognormal:
        return np.exp(LOGNORMAL_SPREAD * total - LOGNORMAL_SPREAD**2 / 2)
    return total


def _progress(days: FloatArray) -> FloatArray:
    """From 0 to 1 between the quantiles `INNER_DAYS` of the release days, shape (n,)."""
    first, last = np.quantile(days, INNER_DAYS)
    return np.asarray(np.clip((days - first) / (last - first), 0, 1))


def _between(ends: tuple[float, float], progress: FloatArray) -> FloatArray:
    return np.asarray(ends[0] + (ends[1] - ends[0]) * progress)
