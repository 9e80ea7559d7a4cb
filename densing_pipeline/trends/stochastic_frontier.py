"""Stochastic frontier regression: models lie below a line by a random shortfall plus noise.

ln density = intercept + slope t + v - u, with v normal and u exponential (Meeusen and van den Broeck
1977; Aigner, Lovell and Schmidt 1977). The maximum of the likelihood is found for thousands of
weightings of the same models at once (`stats.newton`), with analytic second derivatives.

Not here: the choice of models and windows (`densing_law`), and resampling (`stats.intervals`).
"""

from functools import partial

import numpy as np

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.lines import ols_lines, on_two_values
from densing_pipeline.stats.newton import Damping, downhill, minimise
from densing_pipeline.trends.frontier_sums import Models, sums

BOUNDS = np.log([[1e-2, 3.0], [1e-2, 5.0]])
"""Bounds of ln sigma of noise and of shortfall, in units of the standard deviation of the residuals.

At the lower bound of the shortfall the line is the least-squares line (no shortfall is detected,
Waldman 1982); at that of the noise it is the upper envelope of the models."""

LINE_BOUND = 50.0
"""Bound of the standardised intercept and slope, far beyond any fitted line."""

LONGEST_STEP = 1.0
"""Largest change of a parameter in one step, in standard deviations (line) or of the logarithm
(sigmas)."""

MOST_FRONTIER_STEPS = 60
"""Most steps; a weighting not converged by then has no estimate."""

CONVERGED_GAIN = 1e-6
"""Convergence threshold: predicted gain of log-likelihood per model of the last step."""

DAMPING = Damping(first=1e-3, fall=5, rise=8, least=0.0)

FLATTEST = 1e-10
"""Least curvature relative to the largest that a step is divided by where the likelihood is not concave."""

LN_2 = np.log(2)

DIAGONAL, LOWER = np.arange(4), np.tril_indices(4)


def frontier_line(
    x: FloatArray, y: FloatArray, weights: FloatArray, rows: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept of the frontier of y over x for every row of weights.

    Args:
        x: shape (n,).
        y: shape (n,), or P versions of it, shape (P, n).
        weights: one weighting per row, not negative, shape (B, n).
        rows: version of y each weighting belongs to, shape (B,); needed if there are several.

    Returns:
        Slopes and intercepts, shape (B,); NaN where the weight lies on fewer than two values of x,
        y does not vary about a line, or the descent does not converge.
    """
    failed = np.full(len(weights), np.nan)
    if not x.size:
        return failed, failed.copy()
    y = np.atleast_2d(y)
    rows = np.zeros(len(weights), np.intp) if rows is None else rows
    once, every = np.ones((len(y), x.size)), np.arange(len(y))
    line = ols_lines(x, y, once)
    residual = y - line.intercept[:, None] - line.slope[:, None] * x
    spread = residual.std(axis=1)
    varies = np.isfinite(line.slope) & (spread > 1e-12 * np.maximum(1, np.abs(y).max(axis=1)))
    if not varies.any():
        return failed, failed.copy()
    standard_x = (x - x.mean()) / x.std()
    standard_y = residual / np.where(varies, spread, 1.0)[:, None]
    start = np.full((len(y), 4), np.nan)
    start[varies] = _start(standard_y[varies])
    start = _likeliest(Models.of(standard_x, standard_y, once, every), start)
    theta = _likeliest(Models.of(standard_x, standard_y, weights, rows), start[rows])
    slope = line.slope[rows] + spread[rows] * theta[:, 1] / x.std()
    slope = np.where(on_two_values(x, weights > 0), slope, np.nan)
    rise = spread[rows] * theta[:, 0] + line.intercept[rows] + line.slope[rows] * x.mean()
    return slope, rise - slope * x.mean()


def _start(residual: FloatArray) -> FloatArray:
    """Starting values by the method of moments, (P, 4), from the skewness of the residuals (P, n)."""
    shortfall = np.cbrt(np.maximum(-(residual**3).mean(axis=1) / 2, 0.05))
    noise = np.sqrt(np.maximum(1.0 - shortfall**2, 0.05))
    return np.stack([shortfall, 0 * shortfall, np.log(noise), np.log(shortfall)], axis=1)


def _likeliest(models: Models, start: FloatArray) -> FloatArray:
    """Maximum of the likelihood for every weighting, shape (B, 4); NaN if not reached, or without a start."""
    known = np.flatnonzero(np.isfinite(start).all(axis=1))
    reached = minimise(
        partial(_negative_log_likelihood, models),
        _inside(start[known]),
        known,
        most_steps=MOST_FRONTIER_STEPS,
        absolute=CONVERGED_GAIN * models.weights[known].sum(axis=1),
        propose=_propose,
        damping=DAMPING,
    )
    found = np.full(start.shape, np.nan)
    found[known[reached.converged]] = reached.theta[reached.converged]
    return found


def _inside(theta: FloatArray) -> FloatArray:
    low = np.array([-LINE_BOUND, -LINE_BOUND, *BOUNDS[:, 0]])
    high = np.array([LINE_BOUND, LINE_BOUND, *BOUNDS[:, 1]])
    return np.clip(theta, low, high)


def _propose(
    theta: FloatArray,
    gradient: FloatArray,
    curvature: FloatArray,
    damping: FloatArray,
    *_data: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Damped Newton step and the gain it predicts; a parameter on its bound is not moved outwards."""
    held = ((theta[:, 2:] <= BOUNDS[:, 0]) & (gradient[:, 2:] > 0)) | (
        (theta[:, 2:] >= BOUNDS[:, 1]) & (gradient[:, 2:] < 0)
    )
    damped, pull = curvature.copy(), gradient
    if held.any():
        pull, held = gradient.copy(), np.hstack([np.zeros_like(held), held])
        pull[held] = 0.0
        damped[held[:, :, None] | held[:, None, :]] = 0.0
        damped[:, DIAGONAL, DIAGONAL] += held
    scale = np.maximum(np.abs(damped[:, DIAGONAL, DIAGONAL]), 1e-8)
    damped[:, DIAGONAL, DIAGONAL] += damping[:, None] * scale
    step = downhill(pull, damped, FLATTEST)
    moved = _inside(theta + np.clip(step, -LONGEST_STEP, LONGEST_STEP))
    return moved, -np.einsum("bi,bi->b", gradient, moved - theta)


def _negative_log_likelihood(
    models: Models, theta: FloatArray, which: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Negative log-likelihood and its first and second derivatives by (a, b, ln s_v, ln s_u).

    With s the error over the noise, r the noise over the shortfall and z = -s - r, the log-likelihood of a model is
    ln erfcx(-z / sqrt 2) - s^2 / 2 - ln(2 s_u), for ln Phi(z) = ln(erfcx(-z / sqrt 2) / 2) - z^2 / 2: nothing cancels
    where r is large. Every derivative is made of `Sums` over the models.

    Args:
        models: the weighted models.
        theta: intercept, slope, ln noise and ln shortfall, shape (K, 4).
        which: weighting of each, shape (K,).

    Returns:
        Shapes (K,), (K, 4) and (K, 4, 4).
    """
    of = sums(models, theta, which)
    noise, shortfall = np.exp(theta[:, 2]), np.exp(theta[:, 3])
    ratio, short = noise / shortfall, of.error * noise / shortfall
    leaning, gone = ratio * of.mills_0, ratio**2 * of.weight
    value = of.log - of.square / 2 - of.weight * (theta[:, 3] + LN_2)
    gradient = np.stack(
        [
            of.mills_0 / noise - of.weight / shortfall,
            of.mills_1 / noise - of.moment / shortfall,
            gone + of.mills_error - leaning,
            leaning - of.weight - gone - short,
        ],
        axis=1,
    )
    by_noise_0 = of.bend_error_0 - ratio * of.bend_0
    by_noise_1 = of.bend_error_1 - ratio * of.bend_1
    by_noise_2 = of.bend_square - ratio * of.bend_error_0
    lower = (
        of.bend_0 / noise**2,
        of.bend_1 / noise**2,
        of.bend_2 / noise**2,
        (by_noise_0 - of.mills_0) / noise,
        (by_noise_1 - of.mills_1) / noise,
        2 * gone + by_noise_2 - ratio * by_noise_0 - of.mills_error - leaning,
        (of.weight + of.bend_0) / shortfall,
        (of.moment + of.bend_1) / shortfall,
        ratio * by_noise_0 + leaning - 2 * gone,
        2 * gone + short + ratio**2 * of.bend_0 - leaning,
    )
    curvature = np.empty((len(theta), 4, 4))
    for row, column, part in zip(*LOWER, lower, strict=True):
        curvature[:, row, column] = curvature[:, column, row] = part
    return np.negative(value), np.negative(gradient), np.negative(curvature)
