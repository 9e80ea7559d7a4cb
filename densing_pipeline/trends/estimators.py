"""The trend estimators; each maps weighted models to lines by the same signature.

Not here: resampling (`stats.intervals`), and the choice of models and windows (`densing_law`).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Protocol

import numpy as np

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.lines import Lines, ols_lines
from densing_pipeline.stats.quantile import quantile_line, quantile_lines
from densing_pipeline.trends.monthly_maxima import monthly_maximum_lines
from densing_pipeline.trends.record_setters import record_lines

DaySpan = tuple[float, float]
"""First and last day, in days since day zero."""

ALWAYS: DaySpan = (-np.inf, np.inf)

QUANTILES = (0.9, 0.8, 0.95)
"""Quantiles whose lines are published; most of the work of a line does not depend on the quantile."""


class LinesOf(Protocol):
    """Function that fits trend lines to weighted models."""

    def __call__(
        self,
        days: FloatArray,
        values: FloatArray,
        weights: FloatArray,
        window: DaySpan,
        rows: IntArray | None = None,
    ) -> tuple[Lines, FloatArray]:
        """Lines, and the number of points each is fitted to, shape (B,).

        Args:
            days: days since day zero, shape (n,).
            values: ln density, shape (n,), or P versions of it, shape (P, n).
            weights: weightings of the models, shape (B, n).
            window: first and last day that count.
            rows: version of the values each weighting belongs to, shape (B,), if there are several.
        """


@dataclass(frozen=True, slots=True)
class Estimator:
    """A method of fitting a trend line to ln density.

    Attributes:
        name: as in the column `estimator`.
        lines: the function that fits the lines.
        uses_history: whether models older than the window are used (for the records before it).
        every_window: whether it is estimated over every window, or over `all` only.
        tau: the quantile of a quantile line; None for other estimators.
    """

    name: str
    lines: LinesOf
    uses_history: bool = False
    every_window: bool = True
    tau: float | None = None

    def beside(self, names: Collection[str]) -> "Estimator":
        """The same estimator for a caller who asks all estimators of these names for lines through the same points.

        The quantiles among them are computed together when the first of them is asked, and kept for the others.
        """
        taus = tuple(each.tau for each in _DECLARED if each.tau and each.name in names)
        if self.tau is None or len(taus) < 2:
            return self
        return replace(self, lines=partial(_quantile, tau=self.tau, taus=taus))


def _records(
    days: FloatArray,
    values: FloatArray,
    weights: FloatArray,
    window: DaySpan,
    rows: IntArray | None = None,
) -> tuple[Lines, FloatArray]:
    """The paper's line through the record setters; weights count only as zero or positive."""
    lines, count = record_lines(days, _each(values, rows), weights > 0, window)
    return lines, count.astype(np.float64)


def _quantile(
    days: FloatArray,
    values: FloatArray,
    weights: FloatArray,
    window: DaySpan,
    rows: IntArray | None = None,
    *,
    tau: float,
    taus: tuple[float, ...] = (),
) -> tuple[Lines, FloatArray]:
    """Quantile line of the models in the window, computed with those of other quantiles; R squared is NaN."""
    days, values, weights = _inside(days, values, weights, window)
    if taus:
        every = _quantiles(_Weighted(days, values, weights, rows), taus)
        slope, intercept = (each[taus.index(tau)] for each in every)
    else:
        slope, intercept = quantile_line(days, values, tau, weights, rows)
    return Lines(slope, intercept, np.full_like(slope, np.nan)), weights.sum(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Weighted:
    """Weighted points as the key of a cache."""

    days: FloatArray
    values: FloatArray
    weights: FloatArray
    rows: IntArray | None

    def __hash__(self) -> int:
        # Of a part only: equality looks at all of it, and most arrays differ in shape, days or the first values.
        return hash((self.weights.shape, self.days.tobytes(), self.values[..., :8].tobytes()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Weighted) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in self.__slots__
        )


@lru_cache(maxsize=32)
def _quantiles(points: _Weighted, taus: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Slopes and intercepts of several quantiles, shape (T, B) each.

    Cached, because their estimators are asked for one after the other on the same data.
    """
    return quantile_lines(points.days, points.values, taus, points.weights, points.rows)


def _all_models(
    days: FloatArray,
    values: FloatArray,
    weights: FloatArray,
    window: DaySpan,
    rows: IntArray | None = None,
) -> tuple[Lines, FloatArray]:
    """Least-squares line through every model in the window."""
    days, values, weights = _inside(days, values, weights, window)
    return ols_lines(days, _each(values, rows), weights), weights.sum(axis=1)


def _monthly(
    days: FloatArray,
    values: FloatArray,
    weights: FloatArray,
    window: DaySpan,
    rows: IntArray | None = None,
) -> tuple[Lines, FloatArray]:
    """Line through the densest model of each month in the window; points are months."""
    days, values, weights = _inside(days, values, weights, window)
    lines, count = monthly_maximum_lines(days, _each(values, rows), weights > 0)
    return lines, count.astype(np.float64)


def _frontier(
    days: FloatArray,
    values: FloatArray,
    weights: FloatArray,
    window: DaySpan,
    rows: IntArray | None = None,
) -> tuple[Lines, FloatArray]:
    """Stochastic frontier of the models in the window; R squared is NaN."""
    from densing_pipeline.trends.stochastic_frontier import frontier_line  # slow to import

    days, values, weights = _inside(days, values, weights, window)
    slope, intercept = frontier_line(days, values, weights, rows)
    return Lines(slope, intercept, np.full_like(slope, np.nan)), weights.sum(axis=1)


def _inside(
    days: FloatArray, values: FloatArray, weights: FloatArray, window: DaySpan
) -> tuple[FloatArray, FloatArray, FloatArray]:
    inside = (days >= window[0]) & (days <= window[1])
    if inside.all():
        return days, values, weights
    return days[inside], values[..., inside], weights[:, inside]


def _each(values: FloatArray, rows: IntArray | None) -> FloatArray:
    """The values of each weighting: its version, or the only one."""
    return values if rows is None else values[rows]


_DECLARED = (
    Estimator("paper", _records, uses_history=True),
    *(Estimator(f"quantile-{tau:g}", partial(_quantile, tau=tau), tau=tau) for tau in QUANTILES),
    Estimator("monthly-max", _monthly),
    Estimator("frontier-exponential", _frontier, every_window=False),
    Estimator("ols-all", _all_models),
)

TREND_ESTIMATORS = {each.name: each for each in _DECLARED}
"""Every published estimator by name."""
