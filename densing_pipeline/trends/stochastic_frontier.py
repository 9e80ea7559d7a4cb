"""Stochastic frontier regression: models lie below a line by a random shortfall plus noise.

ln density = intercept + slope t + v - u, with v normal and u exponential (Meeusen and van den Broeck
1977; Aigner, Lovell and Schmidt 1977). The maximum of the likelihood is found for thousands of
weightings of the same models at once (`stats.newton`), with analytic second derivatives.

Not here: the choice of models and windows (`densing_law`), and resampling (`stats.intervals`).
"""

from functools import partial

import numpy as np
from scipy.special import log_ndtr

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.lines import ols_lines
from densing_pipeline.stats.newton import Damping, downhill, minimise

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

DIAGONAL, LOWER = np.arange(4), np.tril_indices(4, -1)

WEIGHTS_AT_ONCE = 20_000
"""Weights processed in one step, so that the working arrays fit in the cache."""


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
    once = np.ones((len(y), x.size))
    line = ols_lines(x, y, once)
    residual = y - line.intercept[:, None] - line.slope[:, None] * x
    spread = residual.std(axis=1)
    varies = np.isfinite(line.slope) & (spread > 1e-12 * np.maximum(1, np.abs(y).max(axis=1)))
    if not varies.any():
        return failed, failed.copy()
    standard_x = (x - x.mean()) / x.std()
    standard_y = residual / np.where(varies, spread, 1.0)[:, None]
    start = _in_parts(standard_x, standard_y, once, _start(standard_y))
    start[~varies] = np.nan
    theta = _in_parts(standard_x, standard_y[rows], weights, start[rows])
    determined = np.isfinite(ols_lines(x, y[rows], weights).slope)
    slope = line.slope[rows] + spread[rows] * theta[:, 1] / x.std()
    slope = np.where(determined, slope, np.nan)
    rise = spread[rows] * theta[:, 0] + line.intercept[rows] + line.slope[rows] * x.mean()
    return slope, rise - slope * x.mean()


def _in_parts(x: FloatArray, y: FloatArray, weights: FloatArray, start: FloatArray) -> FloatArray:
    """Maxima of the likelihood, shape (B, 4), NaN without a start; in parts that fit in the cache."""
    theta = np.full(start.shape, np.nan)
    known = np.flatnonzero(np.isfinite(start).all(axis=1))
    for part in np.array_split(known, 1 + weights.size // WEIGHTS_AT_ONCE):
        theta[part] = _likeliest(x, y[part], weights[part], start[part])
    return theta


def _start(residual: FloatArray) -> FloatArray:
    """Starting values by the method of moments, (P, 4), from the skewness of the residuals (P, n)."""
    shortfall = np.cbrt(np.maximum(-(residual**3).mean(axis=1) / 2, 0.05))
    noise = np.sqrt(np.maximum(1.0 - shortfall**2, 0.05))
    return np.stack([shortfall, 0 * shortfall, np.log(noise), np.log(shortfall)], axis=1)


def _likeliest(x: FloatArray, y: FloatArray, weights: FloatArray, start: FloatArray) -> FloatArray:
    """Maximum of the likelihood for every row of weights, shape (B, 4); NaN if not reached."""
    reached = minimise(
        partial(_negative_log_likelihood, x),
        _inside(start),
        y,
        weights,
        most_steps=MOST_FRONTIER_STEPS,
        absolute=CONVERGED_GAIN * weights.sum(axis=1),
        propose=_propose,
        damping=DAMPING,
    )
    return np.where(reached.converged[:, None], reached.theta, np.nan)


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
    x: FloatArray, theta: FloatArray, y: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Negative log-likelihood (B,) and its first and second derivatives by (a, b, ln s_v, ln s_u)."""
    noise, shortfall = np.exp(theta[:, 2, None]), np.exp(theta[:, 3, None])
    ratio = noise / shortfall
    error = y - theta[:, :1] - theta[:, 1:2] * x
    scaled = error / noise
    z = -scaled - ratio
    tail = log_ndtr(z)
    value = ratio**2 / 2 + error / shortfall + tail - theta[:, 3, None]
    mills = np.exp(-(z**2) / 2 - tail) / np.sqrt(2 * np.pi)
    bend = -mills * (z + mills)
    z_noise = scaled - ratio
    w = weights
    by_error = w * (1 / shortfall - mills / noise)
    by_noise = w * (ratio**2 + mills * z_noise)
    by_shortfall = w * (mills * ratio - 1 - ratio**2 - error / shortfall)
    powers = np.stack([np.ones_like(x), x, x**2], axis=1)
    line = powers[:, :2]
    gradient = np.hstack(
        [-by_error @ line, by_noise.sum(1, keepdims=True), by_shortfall.sum(1, keepdims=True)]
    )
    curvature = np.empty((len(theta), 4, 4))
    bent = w * bend
    square = (bent / noise**2) @ powers
    curvature[:, 0, 0], curvature[:, 1, 1] = square[:, 0], square[:, 2]
    curvature[:, 0, 1] = square[:, 1]
    curvature[:, :2, 2] = -(w * (mills - bend * z_noise) / noise) @ line
    curvature[:, :2, 3] = (w * (1 / shortfall + bend * ratio / noise)) @ line
    curvature[:, 2, 2] = (w * (2 * ratio**2 + bend * z_noise**2 - mills * (scaled + ratio))).sum(1)
    curvature[:, 2, 3] = (w * (bend * z_noise * ratio + mills * ratio - 2 * ratio**2)).sum(1)
    curvature[:, 3, 3] = (
        w * (2 * ratio**2 + error / shortfall + bend * ratio**2 - mills * ratio)
    ).sum(1)
    curvature[:, LOWER[0], LOWER[1]] = curvature[:, LOWER[1], LOWER[0]]
    return -np.einsum("bn,bn->b", w, value), -gradient, -curvature
