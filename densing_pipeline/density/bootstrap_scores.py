"""Fit the performance law to many resamples of the same models at once.

Not here: the fit of the full data (`fit_performance`), from which these descents start.
"""

import numpy as np

from densing_pipeline.density.law import PerformanceLaw
from densing_pipeline.stats.arrays import FloatArray

MOST_STEPS = 200
CONVERGED = 1e-12
"""Convergence threshold: predicted relative decrease of the sum of squares by the last step."""

FREE = (0, 1, 2, 3)
"""Indices of the fitted coefficients of (c, gamma, intercept, d); the intercept is -gamma l."""

STEEPEST = 1000.0
"""Largest -gamma in 1 / nat; a steeper resample is a step between two models, not a sigmoid."""


def bootstrap_performance_law(
    start: PerformanceLaw,
    loss: FloatArray,
    score: FloatArray,
    weights: FloatArray,
    *,
    anchor: bool = True,
    bounded: bool = False,
    lowest_floor: float = 0.0,
) -> FloatArray:
    """Coefficients (c, gamma, l, d) of every resample, shape (B, 4); NaN where the fit fails.

    Args:
        start: the fit of the full data.
        loss: losses in nats per token, shape (n,).
        score: scores as fractions, shape (n,).
        weights: number of copies of each model in each resample, shape (B, n).
        anchor: whether a point (loss 0, score 1) joins every resample.
        bounded: whether floor and ceiling stay those of `start`.
        lowest_floor: lower bound of d.
    """
    if anchor:
        loss, score = np.append(loss, 0.0), np.append(score, 1.0)
        weights = np.hstack([weights, np.ones((len(weights), 1))])
    first = np.array([start.c, start.gamma, -start.gamma * start.l, start.d])
    if bounded:
        theta, _ = _descend(first, (1, 2), loss, score, weights)
    else:
        theta, squares = _descend(first, FREE, loss, score, weights)
        at_floor = first.copy()
        at_floor[3] = lowest_floor
        held, held_squares = _descend(at_floor, FREE[:3], loss, score, weights)
        outside = ~(theta[:, 3] >= lowest_floor) | ~np.isfinite(squares)
        theta[outside] = held[outside]
        squares[outside] = held_squares[outside]
    c, gamma, intercept, d = theta.T
    falling = (c > 0) & (gamma < 0) & (gamma > -STEEPEST)
    return np.where(falling[:, None], np.stack([c, gamma, -intercept / gamma, d], axis=1), np.nan)


def _descend(
    start: FloatArray,
    free: tuple[int, ...],
    loss: FloatArray,
    score: FloatArray,
    weights: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Levenberg-Marquardt over the free coefficients: (B, 4), sums of squares (B,); NaN on failure."""
    found = np.full((len(weights), len(start)), np.nan)
    found_squares = np.full(len(weights), np.nan)
    rows, theta = np.arange(len(weights)), np.tile(start, (len(weights), 1))
    damping = np.full(len(theta), 1e-3)
    squares, residual, slopes = _residuals(theta, free, loss, score, weights)
    unit = np.arange(len(free))
    for _ in range(MOST_STEPS):
        weighted = weights[:, None, :] * slopes
        gradient = (weighted @ residual[:, :, None])[:, :, 0]
        curvature = weighted @ slopes.swapaxes(1, 2)
        scale = np.maximum(curvature[:, unit, unit], 1e-12)
        curvature[:, unit, unit] += damping[:, None] * scale + 1e-14
        step = -np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        decrease = -(gradient * step).sum(axis=1)
        moved = theta.copy()
        moved[:, free] += step
        squares_new, residual_new, slopes_new = _residuals(moved, free, loss, score, weights)
        better = squares_new <= squares
        theta = np.where(better[:, None], moved, theta)
        squares = np.where(better, squares_new, squares)
        residual = np.where(better[:, None], residual_new, residual)
        slopes = np.where(better[:, None, None], slopes_new, slopes)
        damping = np.clip(np.where(better, damping / 5, damping * 5), 1e-12, 1e12)
        arrived = (decrease <= CONVERGED * squares + 1e-24) | (damping >= 1e12)
        found[rows[arrived]], found_squares[rows[arrived]] = theta[arrived], squares[arrived]
        if arrived.all():
            break
        rows, theta, damping, squares, residual, slopes, weights = (
            part[~arrived] for part in (rows, theta, damping, squares, residual, slopes, weights)
        )
    return found, found_squares


def _residuals(
    theta: FloatArray,
    free: tuple[int, ...],
    loss: FloatArray,
    score: FloatArray,
    weights: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted sums of squares (B,), residuals (B, n), derivatives by free coefficients (B, p, n)."""
    c, gamma, intercept, d = (theta[:, i, None] for i in range(4))
    share = 1 / (1 + np.exp(-np.clip(gamma * loss + intercept, -500, 500)))
    bend = c * share * (1 - share)
    every = (share, bend * loss, bend, np.ones_like(share))
    residual = c * share + d - score
    slopes = np.stack([every[i] for i in free], axis=1)
    return (weights * residual**2).sum(axis=1), residual, slopes
