"""Test of a straight line against a line with a breakpoint: estimates, bootstrap test, error rates.

The line is continuous at the breakpoint, because a running maximum changes its slope but does not
jump: y = u + v t + w (t - T)+. So a break adds one parameter, and F has one numerator degree of
freedom. If the date is searched for, the largest F over all dates does not follow an F distribution
(Andrews 1993, Econometrica 61, 821-856); its distribution is taken from samples drawn without a
break, by the wild cluster bootstrap with the null imposed (Cameron, Gelbach and Miller 2008, Rev.
Econ. Stat. 90, 414-427) and the six-point weights made for few clusters (Webb 2014, Queen's
Economics Department WP 1315).

Not here: the series, dates and verdicts (`trend_breaks`).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.trends.simulate import TRUE_DOUBLING_DAYS, frontier

TRIM = 0.15
"""Smallest share of the models on either side of a break whose date is searched for."""

ACCELERATION = 1.5
"""Slope ratio for which `power` is computed: the paper's own claim, .0073 / .0048."""

SIGNIFICANCE = 0.05
TEST_SIMULATIONS = 200
TEST_RESAMPLES = 199

WEBB = np.array([-(1.5**0.5), -1.0, -(0.5**0.5), 0.5**0.5, 1.0, 1.5**0.5])


class Rates(NamedTuple):
    """Rejection rates of the test at p < .05 on simulated frontiers: false alarms and power."""

    size: float
    power: float


def candidates(days: FloatArray) -> FloatArray:
    """Release days with at least 15 % of the models before and 15 % on or after, shape (k,).

    The first and the last day are excluded: on one side of them there is no line.
    """
    inner = np.unique(days)[1:-1]
    before = np.searchsorted(np.sort(days), inner) / max(days.size, 1)
    return inner[(before >= TRIM) & (before <= 1 - TRIM)]


def f_statistics(days: FloatArray, values: FloatArray, dates: FloatArray) -> FloatArray:
    """F statistic of a breakpoint at each date against a straight line.

    Args:
        days: shape (n,).
        values: B samples of ln density, shape (B, n).
        dates: shape (k,), each strictly inside the days.

    Returns:
        Shape (B, k).
    """
    return _Kinks(days, dates).f(values)


class _Kinks:
    """F statistics of breakpoints for many samples with the same days and dates."""

    def __init__(self, days: FloatArray, dates: FloatArray) -> None:
        self._line, _ = np.linalg.qr(np.stack([np.ones_like(days), days - days.mean()], axis=1))
        hinge = np.maximum(days - dates[:, None], 0)
        hinge = hinge - hinge @ self._line @ self._line.T
        self._hinge = (hinge / np.linalg.norm(hinge, axis=1, keepdims=True)).T

    def residual(self, values: FloatArray) -> FloatArray:
        """Residuals of the samples from their straight lines, shape of the values."""
        return np.asarray(values - values @ self._line @ self._line.T)

    def f(self, values: FloatArray) -> FloatArray:
        """F at each date, shape (B, k), of samples (B, n)."""
        residual = self.residual(values)
        explained = (residual @ self._hinge) ** 2
        left = (residual**2).sum(axis=1, keepdims=True) - explained
        freedom = values.shape[1] - 3
        return np.asarray(explained * freedom / np.maximum(left, np.finfo(np.float64).tiny))


def bootstrap_p(
    days: FloatArray,
    values: FloatArray,
    families: Sequence[str],
    dates: FloatArray,
    weights: FloatArray,
) -> tuple[float, float]:
    """The largest F over the dates, and its p value: the share of null samples that reach it.

    Args:
        days: shape (n,).
        values: ln density, shape (n,).
        families: family of each model, length n.
        dates: dates searched, shape (k,); one date is a test of that date.
        weights: weight of each family in each bootstrap sample, shape (B, families), from `webb`.
    """
    return _p(_Kinks(days, dates), values, _member(families), weights)


def _p(
    kinks: _Kinks, values: FloatArray, member: npt.NDArray[np.intp], weights: FloatArray
) -> tuple[float, float]:
    # F is NaN for values without variance; this counts as no break.
    found = float(np.nan_to_num(kinks.f(values[None])).max())
    # Adding a line to a sample does not change F, so the samples consist of residuals alone.
    null = np.nan_to_num(kinks.f(kinks.residual(values[None]) * weights[:, member])).max(axis=1)
    return found, float((1 + (null >= found).sum()) / (1 + len(null)))


def _member(families: Sequence[str]) -> npt.NDArray[np.intp]:
    """Index of the family of each model, shape (n,)."""
    return np.unique(np.asarray(families, dtype=np.str_), return_inverse=True)[1]


def webb(families: Sequence[str], draws: int, rng: np.random.Generator) -> FloatArray:
    """Six-point weights of mean 0 and variance 1, shape (draws, families)."""
    return np.asarray(rng.choice(WEBB, (draws, len(set(families)))))


def kinked_slopes(
    days: FloatArray, values: FloatArray, weights: FloatArray, dates: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted least-squares line with a breakpoint at the best-fitting date.

    Args:
        days: shape (n,).
        values: ln density, shape (n,).
        weights: B weightings of the models, shape (B, n).
        dates: dates searched, shape (k,).

    Returns:
        Slopes before and after, and the date, shape (B,) each; NaN where the weights determine
        none.
    """
    scale = np.ptp(days) or 1.0
    t = (days - days.mean()) / scale
    hinge = np.maximum(days - dates[:, None], 0) / scale
    design = np.stack(np.broadcast_arrays(np.ones_like(t), t, hinge), axis=-1)
    gram = np.einsum("bn,kni,knj->bkij", weights, design, design, optimize=True)
    right = np.einsum("bn,kni,n->bki", weights, design, values, optimize=True)
    fixed = np.linalg.cond(gram) < 1e10
    gram[~fixed] = np.eye(3)
    solved = np.linalg.solve(gram, right[..., None])[..., 0]
    explained = np.where(fixed, (solved * right).sum(axis=-1), -np.inf)
    best = explained.argmax(axis=1)
    rows = np.arange(len(weights))
    _, before, change = np.where(fixed[rows, best, None], solved[rows, best], np.nan).T / scale
    return before, before + change, dates[best]


@lru_cache(maxsize=64)
def rates(
    days: tuple[float, ...], families: tuple[str, ...], date: float | None, seed: int
) -> Rates:
    """Rejection rates of the test on simulated frontiers with these dates and families.

    The simulated break is 1.5-fold, at the given date, or at the middle candidate if the date is
    searched for. The frontiers are those of `simulate`. The result is cached.

    Args:
        days: release day of each model.
        families: family of each model.
        date: the known date, or None if it is searched for.
        seed: seed of frontiers and bootstrap samples.
    """
    x = np.array(days)
    dates = candidates(x) if date is None else np.array([date])
    at = dates[dates.size // 2]
    faster = (ACCELERATION - 1) * np.log(2) / TRUE_DOUBLING_DAYS * np.maximum(x - at, 0)
    rng = np.random.default_rng(seed)
    weights = webb(families, TEST_RESAMPLES, rng)
    kinks, member = _Kinks(x, dates), _member(families)
    found = np.zeros(2)
    for _ in range(TEST_SIMULATIONS):
        straight = frontier(x, families, rng)
        for i, values in enumerate((straight, straight + faster)):
            found[i] += _p(kinks, values, member, weights)[1] < SIGNIFICANCE
    return Rates(*(found / TEST_SIMULATIONS).tolist())
