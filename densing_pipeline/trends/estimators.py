"""The trend estimators, all of one shape: weighted models in, lines out.

Not here: resampling (`bootstrap`), and which models and windows (`densing_law`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from densing_pipeline.tables.columns import ESTIMATORS
from densing_pipeline.trends.frontier import frontier_line
from densing_pipeline.trends.lines import FloatArray, Lines, ols_lines
from densing_pipeline.trends.monthly import monthly_maximum_lines
from densing_pipeline.trends.quantile import quantile_line
from densing_pipeline.trends.records import record_lines

Window = tuple[float, float]
"""First and last day, in days since day zero."""

ALWAYS: Window = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True)
class Estimator:
    """One way to draw a trend line through ln density.

    Attributes:
        name: as in the column `estimator`.
        lines: lines from days (n,), ln densities (n,), B weightings (B, n) and a window; also the
            number of points each line rests on, shape (B,).
        uses_history: whether models older than the window matter (they set the records to beat).
        every_window: whether it is estimated over every window, or over `all` only.
    """

    name: str
    lines: Callable[[FloatArray, FloatArray, FloatArray, Window], tuple[Lines, FloatArray]]
    uses_history: bool = False
    every_window: bool = True


def _records(
    days: FloatArray, values: FloatArray, weights: FloatArray, window: Window
) -> tuple[Lines, FloatArray]:
    """The paper's line through the record setters; how often a model was drawn plays no part."""
    lines, count = record_lines(days, values, weights > 0, window)
    return lines, count.astype(np.float64)


def _quantile(
    days: FloatArray, values: FloatArray, weights: FloatArray, window: Window, tau: float
) -> tuple[Lines, FloatArray]:
    """Quantile line of the models in the window; a quantile line explains no share of variance."""
    inside = _inside(days, window)
    slope, intercept = quantile_line(days[inside], values[inside], tau, weights[:, inside])
    return Lines(slope, intercept, np.full_like(slope, np.nan)), weights[:, inside].sum(axis=1)


def _all_models(
    days: FloatArray, values: FloatArray, weights: FloatArray, window: Window
) -> tuple[Lines, FloatArray]:
    """Least-squares line through every model in the window."""
    inside = _inside(days, window)
    lines = ols_lines(days[inside], values[inside], weights[:, inside])
    return lines, weights[:, inside].sum(axis=1)


def _monthly(
    days: FloatArray, values: FloatArray, weights: FloatArray, window: Window
) -> tuple[Lines, FloatArray]:
    """Line through the densest model of each month in the window; it rests on that many months."""
    inside = _inside(days, window)
    lines, count = monthly_maximum_lines(days[inside], values[inside], weights[:, inside] > 0)
    return lines, count.astype(np.float64)


def _frontier(
    days: FloatArray, values: FloatArray, weights: FloatArray, window: Window
) -> tuple[Lines, FloatArray]:
    """Stochastic frontier over the models in the window; no share of variance either."""
    inside = _inside(days, window)
    slope, intercept = frontier_line(days[inside], values[inside], weights[:, inside])
    return Lines(slope, intercept, np.full_like(slope, np.nan)), weights[:, inside].sum(axis=1)


def _inside(days: FloatArray, window: Window) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((days >= window[0]) & (days <= window[1]))


LINES = {"monthly-max": _monthly, "ols-all": _all_models}


def _estimator(name: str) -> Estimator:
    if name == "paper":
        return Estimator(name, _records, uses_history=True)
    if name == "frontier-exponential":
        return Estimator(name, _frontier, every_window=False)
    if name in LINES:
        return Estimator(name, LINES[name])
    return Estimator(name, partial(_quantile, tau=float(name.removeprefix("quantile-"))))


TREND_ESTIMATORS = {name: _estimator(name) for name in ESTIMATORS}
"""Every estimator of the contract by name."""
