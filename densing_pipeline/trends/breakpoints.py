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
from densing_pipeline.trends.simulate import TRUE_DOUBLING_DAYS, frontiers

TRIM = 0.15
"""Smallest share of the models on either side of a break whose date is searched for."""

ACCELERATION = 1.5
"""Slope ratio for which `power` is computed: the paper's own claim, .0073 / .0048."""

SIGNIFICANCE = 0.05

SAME_F = 1e-9
"""Relative difference of two F statistics below which they count as equal, to exclude rounding."""

FIXED = 1e-10
"""Least variance of the days, and of a hinge about its line over the days, for which a resample fixes
two slopes; in squares of the span of the days."""

VALUES_AT_ONCE = 200_000
"""Weights processed in one step, so that the working arrays fit in the cache."""

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
    kinks = _Kinks(days, dates)
    return kinks.f(kinks.residual(values))


class _Hinges:
    """Sums over models of (T - t)+, the left half of a kink, at many dates T in one pass.

    Between two dates such a sum grows by the sum over the models already passed, times the days
    between; so sums at all dates take two cumulative sums, however many dates there are.
    """

    def __init__(self, days: FloatArray, dates: FloatArray) -> None:
        self._order = np.argsort(days, kind="stable")
        grid = np.union1d(days, dates)
        self._passed = np.searchsorted(days[self._order], grid, side="right") - 1
        self._step = np.diff(grid)
        self._at = np.searchsorted(grid, dates)

    def moments(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sums of w (T - t)+ and of w (T - t)+ squared, of weights (B, n), each of shape (B, k)."""
        first = self._first(weights)
        grown = (first[:, :-1] + first[:, 1:]) * self._step
        second = np.zeros_like(first)
        np.cumsum(grown, axis=1, out=second[:, 1:])
        return first[:, self._at], second[:, self._at]

    def sums(self, weights: FloatArray) -> FloatArray:
        """Sums of w (T - t)+, of weights (B, n) of any sign, shape (B, k)."""
        return self._first(weights)[:, self._at]

    def _first(self, weights: FloatArray) -> FloatArray:
        """The sums at every release day and date."""
        passed = np.cumsum(weights[:, self._order], axis=1)[:, self._passed]
        found = np.zeros_like(passed)
        np.cumsum(passed[:, :-1] * self._step, axis=1, out=found[:, 1:])
        return found


class _Kinks:
    """F statistics of breakpoints for many samples with the same days and dates."""

    def __init__(self, days: FloatArray, dates: FloatArray) -> None:
        scale = np.ptp(days) or 1.0
        t, dates = (days - days.mean()) / scale, (dates - days.mean()) / scale
        self._hinges = _Hinges(t, dates)
        self._line, _ = np.linalg.qr(np.stack([np.ones_like(t), t], axis=1))
        first, second = (each[0] for each in self._hinges.moments(np.ones((1, t.size))))
        # Squared length of a hinge less its share along the line. The sum of t (T - t)+ is T times
        # the sum of (T - t)+, less that of its square.
        along = (dates * first - second) ** 2 / (t @ t)
        self._length = np.sqrt(second - first**2 / t.size - along)
        self._line_sums = self._hinges.sums(self._line.T)

    def residual(self, values: FloatArray) -> FloatArray:
        """Residuals of the samples from their straight lines, shape of the values."""
        return np.asarray(values - values @ self._line @ self._line.T)

    def f(self, residuals: FloatArray) -> FloatArray:
        """F at each date, shape (B, k), of samples (B, n) without much of a trend."""
        along = residuals @ self._line
        # Less their lines, (t - T)+ and (T - t)+ have the same sum.
        sums = self._hinges.sums(residuals) - along @ self._line_sums
        explained = (sums / self._length) ** 2
        left = np.einsum("bn,bn->b", residuals, residuals) - np.einsum("bi,bi->b", along, along)
        left = left[:, None] - explained
        freedom = residuals.shape[1] - 3
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
    residual = kinks.residual(values[None])
    found = float(np.nan_to_num(kinks.f(residual)).max())
    # Adding a line to a sample does not change F, so the samples consist of residuals alone.
    parts = np.array_split(weights, 1 + len(weights) * values.size // VALUES_AT_ONCE)
    largest = [np.nan_to_num(kinks.f(residual * part[:, member])).max(axis=1) for part in parts]
    null = np.concatenate(largest)
    # A sample whose weights are all equal has the same F, up to rounding.
    return found, float((1 + (null >= found * (1 - SAME_F)).sum()) / (1 + len(null)))


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
    parts = np.array_split(weights, 1 + weights.size // VALUES_AT_ONCE)
    found = [_best_kinks(days, values, part, dates) for part in parts]
    before, after, at = (np.concatenate(part) for part in zip(*found, strict=True))
    return before, after, at


def _best_kinks(
    days: FloatArray, values: FloatArray, weights: FloatArray, dates: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """`kinked_slopes` of some weightings: the line first, then the hinge less its line."""
    scale = np.ptp(days) or 1.0
    t, at = (days - days.mean()) / scale, (dates - days.mean()) / scale
    y = values - values.mean()
    hinges = _Hinges(t, at)
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        t_mean, y_mean = (weights @ np.stack([t, y], axis=1) / total).T[:, :, None]
        centred = t - t_mean
        t_t = (weights * centred**2).sum(axis=1, keepdims=True)
        slope = (weights * centred * (y - y_mean)).sum(axis=1, keepdims=True) / t_t
        off = y - y_mean - slope * centred
        first, second = hinges.moments(weights)
        t_hinge = at * first - second - t_mean * first
        length = second - first**2 / total - t_hinge**2 / t_t
        change = hinges.sums(weights * off) / length
        fixed = (t_t > FIXED * total) & (length > FIXED * total)
        gain = np.where(fixed, change**2 * length, -np.inf)
        # The earliest of dates that explain the same, as on two or three days they all do.
        best = (gain >= gain.max(axis=1, keepdims=True) * (1 - SAME_F)).argmax(axis=1)
        rows = np.arange(len(weights))
        after = slope[:, 0] - (change * t_hinge / t_t)[rows, best]
        before = after - change[rows, best]
    known = fixed[rows, best]
    before, after = (np.where(known, each, np.nan) / scale for each in (before, after))
    return before, after, dates[best]


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
        straight = frontiers(x, families, rng, 1)[0]
        for i, values in enumerate((straight, straight + faster)):
            found[i] += _p(kinks, values, member, weights)[1] < SIGNIFICANCE
    return Rates(*(found / TEST_SIMULATIONS).tolist())
