"""Fit of the performance law, the score as a sigmoid of the loss.

Not here: the loss law (`fit_loss`), and the choice of points (`reference_laws`).
"""

from dataclasses import dataclass

import numpy as np

from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.law import PerformanceLaw
from densing_pipeline.stats.arrays import FloatArray

STEEPNESS_GRID = np.geomspace(0.5, 100, 30)
"""Starting values of -gamma, in units of 1 / (range of the losses)."""
MIDPOINT_GRID = np.linspace(-0.5, 1.0, 31)
"""Starting values of l above the lowest loss, in units of the range of the losses."""

ON_FLOOR = 1e-9
"""Distance from its bound below which d is set to the bound; an interior-point solver does not
reach it."""


@dataclass(frozen=True, slots=True)
class PerformanceFit:
    """The fitted law and its residuals at the points, without the anchor.

    Attributes:
        law: the performance law.
        sse: sum of squared residuals of the score, fraction^2.
    """

    law: PerformanceLaw
    sse: float


def fit_performance_law(
    loss: FloatArray, score: FloatArray, *, anchor: bool = True, lowest_floor: float = 0.0
) -> PerformanceFit:
    """Unweighted least squares of S = c / (1 + exp(-gamma (L - l))) + d over c, gamma, l and d.

    Args:
        loss: losses in nats per token, shape (n,).
        score: scores as fractions, shape (n,).
        anchor: whether a point (loss 0, score 1) is added to the fit, as in the published curves.
            No point is near the ceiling, which without the anchor would be fitted below the scores
            of frontier models.
        lowest_floor: lower bound of d.

    Raises:
        FitError: fewer than four points, or points that are no numbers or do not vary.
    """
    from scipy.optimize import least_squares

    _check(loss, score, fewest=4)
    x, y = (np.append(loss, 0.0), np.append(score, 1.0)) if anchor else (loss, score)

    def residuals(theta: FloatArray) -> FloatArray:
        return PerformanceLaw(*theta).score(x) - y

    def jacobian(theta: FloatArray) -> FloatArray:
        c, gamma, midpoint, _ = theta
        share = PerformanceLaw(1.0, gamma, midpoint, 0.0).score(x)
        bend = c * share * (1 - share)
        return np.stack([share, bend * (x - midpoint), -bend * gamma, np.ones_like(x)], axis=1)

    start = _start(x, y, lowest_floor)
    low, high = [1e-6, -np.inf, -np.inf, lowest_floor], [np.inf, -1e-6, np.inf, np.inf]
    result = least_squares(
        residuals, np.maximum(start, np.array(low) + 1e-9), jacobian, bounds=(low, high),
        x_scale="jac", ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=5000,
    )  # fmt: skip
    c, gamma, midpoint, d = (float(value) for value in result.x)
    on_floor = d - lowest_floor < ON_FLOOR
    return _fit(PerformanceLaw(c, gamma, midpoint, lowest_floor if on_floor else d), loss, score)


def fit_bounded_performance_law(
    loss: FloatArray, score: FloatArray, *, floor: float, ceiling: float = 1.0
) -> PerformanceFit:
    """Unweighted least squares over gamma and l alone, between a known floor and a known ceiling.

    For points that are near neither end of the sigmoid; the floor is the score of guessing.

    Args:
        loss: losses in nats per token, shape (n,).
        score: scores as fractions, shape (n,).
        floor: d.
        ceiling: c + d.

    Raises:
        FitError: fewer than two points, or points that are no numbers or do not vary.
    """
    from scipy.optimize import least_squares

    _check(loss, score, fewest=2)
    height = ceiling - floor

    def residuals(theta: FloatArray) -> FloatArray:
        return PerformanceLaw(height, theta[0], theta[1], floor).score(loss) - score

    def jacobian(theta: FloatArray) -> FloatArray:
        share = PerformanceLaw(1.0, theta[0], theta[1], 0.0).score(loss)
        bend = height * share * (1 - share)
        return np.stack([bend * (loss - theta[1]), -bend * theta[0]], axis=1)

    grid = _grid(loss)
    squared = [np.sum(residuals(theta) ** 2) for theta in grid]
    result = least_squares(
        residuals, grid[int(np.argmin(squared))], jacobian, x_scale="jac",
        bounds=([-np.inf, -np.inf], [-1e-6, np.inf]), ftol=1e-15, xtol=1e-15, gtol=1e-15,
    )  # fmt: skip
    gamma, midpoint = (float(value) for value in result.x)
    return _fit(PerformanceLaw(height, gamma, midpoint, floor), loss, score)


def score_sse(law: PerformanceLaw, loss: FloatArray, score: FloatArray) -> float:
    """Sum of squared residuals of the score, fraction^2."""
    return float(np.sum((law.score(loss) - score) ** 2))


def _fit(law: PerformanceLaw, loss: FloatArray, score: FloatArray) -> PerformanceFit:
    return PerformanceFit(law, score_sse(law, loss, score))


def _grid(loss: FloatArray) -> FloatArray:
    """Starting pairs (gamma, l), shape (m, 2)."""
    extent = float(np.ptp(loss))
    gamma, midpoint = np.meshgrid(-STEEPNESS_GRID / extent, loss.min() + MIDPOINT_GRID * extent)
    return np.stack([gamma.ravel(), midpoint.ravel()], axis=1)


def _start(x: FloatArray, y: FloatArray, lowest_floor: float) -> FloatArray:
    """The best (c, gamma, l, d) over the grid; c and d are linear there and solved exactly."""
    grid = _grid(x)
    share = np.stack([PerformanceLaw(1.0, g, m, 0.0).score(x) for g, m in grid])
    centred, rise = share - share.mean(axis=1, keepdims=True), y - y.mean()
    spread = np.maximum((centred**2).sum(axis=1), 1e-12)
    c = centred @ rise / spread
    d = y.mean() - c * share.mean(axis=1)
    on_floor = d < lowest_floor
    c_floor = share @ (y - lowest_floor) / np.maximum((share**2).sum(axis=1), 1e-12)
    c, d = np.where(on_floor, c_floor, c), np.maximum(d, lowest_floor)
    squared = ((c[:, None] * share + d[:, None] - y) ** 2).sum(axis=1)
    best = int(np.argmin(np.where(c > 0, squared, np.inf)))
    return np.array([c[best], *grid[best], d[best]])


def _check(loss: FloatArray, score: FloatArray, fewest: int) -> None:
    """Raise `FitError` for points that cannot determine the law."""
    if loss.shape != score.shape or loss.ndim != 1:
        raise FitError(
            f"loss and score must be vectors of one length, not {loss.shape}, {score.shape}"
        )
    if loss.size < fewest:
        raise FitError(
            f"{loss.size} points cannot determine the performance law: {fewest} are needed"
        )
    if not (np.isfinite(loss).all() and np.isfinite(score).all()):
        raise FitError("loss and score must be numbers at every point")
    if np.ptp(loss) == 0 or np.ptp(score) == 0:
        raise FitError("the performance law needs points that differ in loss and in score")
