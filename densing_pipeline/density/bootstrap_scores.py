"""Fit the performance law to many resamples of the same models at once.

Not here: the fit of the full data (`fit_performance`), from which these descents start.
"""

import numpy as np

from densing_pipeline.density.law import PerformanceLaw
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.newton import minimise

MOST_SCORE_STEPS = 200
CONVERGED_DECREASE = 1e-12
"""Convergence threshold: predicted relative decrease of the sum of squares by the last step."""

LEAST_DECREASE = 5e-25
"""The same as an absolute decrease of half the sum, for resamples that the law fits exactly."""

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
    """Gauss-Newton descent over the free coefficients: (B, 4) and half sums of squares (B,); NaN on failure."""

    def derivatives(
        free_theta: FloatArray, weights: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        theta = np.tile(start, (len(free_theta), 1))
        theta[:, free] = free_theta
        residual, slopes = _residuals(theta, free, loss, score)
        weighted = weights[:, None, :] * slopes
        gradient = (weighted @ residual[:, :, None])[:, :, 0]
        squares = (weights * residual**2).sum(axis=1)
        return 0.5 * squares, gradient, weighted @ slopes.swapaxes(1, 2)

    reached = minimise(
        derivatives,
        np.tile(start[list(free)], (len(weights), 1)),
        weights,
        most_steps=MOST_SCORE_STEPS,
        relative=CONVERGED_DECREASE,
        absolute=LEAST_DECREASE,
    )
    # Where no step improves a descent any more, it is as low as rounding allows.
    lost = ~(reached.converged | reached.stuck)
    theta = np.tile(start, (len(weights), 1))
    theta[:, free] = reached.theta
    theta[lost] = np.nan
    return theta, np.where(lost, np.nan, reached.value)


def _residuals(
    theta: FloatArray,
    free: tuple[int, ...],
    loss: FloatArray,
    score: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Residuals (B, n) and their slopes by the free coefficients (B, p, n)."""
    c, gamma, intercept, d = (theta[:, i, None] for i in range(4))
    share = 1 / (1 + np.exp(-np.clip(gamma * loss + intercept, -500, 500)))
    bend = c * share * (1 - share)
    every = (share, bend * loss, bend, np.ones_like(share))
    return c * share + d - score, np.stack([every[i] for i in free], axis=1)
