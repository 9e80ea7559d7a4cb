"""Stochastic frontier regression: models lie below a line by a random shortfall plus noise.

ln density = intercept + slope t + v - u, with v normal and u exponential (Meeusen and van den Broeck
1977; Aigner, Lovell and Schmidt 1977). The maximum of the likelihood is found for thousands of
weightings of the same models at once (`stats.newton`), with analytic second derivatives.

Not here: the choice of models and windows (`densing_law`), and resampling (`stats.intervals`).
"""

from functools import partial

import numpy as np
from scipy.special import erfcx

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

LN_2 = np.log(2)

FARTHEST = 37.0
"""Largest z whose erfcx(-z / sqrt 2) is a finite number."""

DIAGONAL, LOWER = np.arange(4), np.tril_indices(4, -1)

LIKELIHOODS_AT_ONCE = 20_000
"""Likelihoods of single models computed at once, so that the working arrays fit in the cache."""


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
    start = np.full((len(y), 4), np.nan)
    start[varies] = _likeliest(
        standard_x, standard_y[varies], once[varies], _start(standard_y[varies])
    )
    theta = np.full((len(weights), 4), np.nan)
    known = np.isfinite(start[rows]).all(axis=1)
    theta[known] = _likeliest(
        standard_x, standard_y[rows[known]], weights[known], start[rows[known]]
    )
    determined = np.isfinite(ols_lines(x, y[rows], weights).slope)
    slope = line.slope[rows] + spread[rows] * theta[:, 1] / x.std()
    slope = np.where(determined, slope, np.nan)
    rise = spread[rows] * theta[:, 0] + line.intercept[rows] + line.slope[rows] * x.mean()
    return slope, rise - slope * x.mean()


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
    value, gradient = np.empty(len(theta)), np.empty((len(theta), 4))
    curvature = np.empty((len(theta), 4, 4))
    powers = np.stack([np.ones_like(x), x, x**2], axis=1)
    rows = max(1, LIKELIHOODS_AT_ONCE // x.size)
    for first in range(0, len(theta), rows):
        part = slice(first, first + rows)
        value[part], gradient[part], curvature[part] = _log_likelihood(
            powers, theta[part], y[part], weights[part]
        )
    return np.negative(value), np.negative(gradient), np.negative(curvature)


def _log_likelihood(
    powers: FloatArray, theta: FloatArray, y: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log-likelihood and its derivatives; of x the powers 0, 1 and 2, shape (n, 3).

    With s the error over the noise, r the noise over the shortfall and z = -s - r, the log-likelihood of a model is
    ln erfcx(-z / sqrt 2) - s^2 / 2 - ln(2 s_u), for ln Phi(z) = ln(erfcx(-z / sqrt 2) / 2) - z^2 / 2: nothing cancels
    where r is large. Every derivative is a sum over the models of the Mills ratio m of z or its slope -m (z + m),
    times powers of x and s, so that few passes over the (B, n) arrays are needed.
    """
    line = powers[:, :2]
    noise, shortfall = np.exp(theta[:, 2]), np.exp(theta[:, 3])
    ratio, total = noise / shortfall, weights.sum(axis=1)
    scaled = y - theta[:, :2] @ line.T
    short = np.vecdot(weights, scaled) / shortfall
    scaled /= noise[:, None]
    z = -ratio[:, None] - scaled
    weighted = weights * scaled
    value = -0.5 * np.vecdot(weighted, scaled) - total * (theta[:, 3] + LN_2)
    if z.max(initial=0.0) > FARTHEST:
        # Further above the line erfcx overflows; ln erfcx(-z / sqrt 2) is ln 2 + z^2 / 2 there, and m is 0.
        beyond = np.maximum(z, FARTHEST)
        value += np.vecdot(weights, beyond**2 - FARTHEST**2) / 2
        z = np.minimum(z, FARTHEST)
    mills = z * -np.sqrt(0.5)
    erfcx(mills, out=mills)
    np.log(mills, out=weighted)
    value += np.vecdot(weights, weighted)
    np.divide(np.sqrt(2 / np.pi), mills, out=mills)
    bend = z
    bend += mills
    mills *= weights
    bend *= mills
    bend *= -1.0
    # Sums of m, and of its slope, times powers of x; then the same times the scaled error, and its square.
    of_mills, of_bend = mills @ line, bend @ powers
    by_error = np.vecdot(mills, scaled)
    bend *= scaled
    bent_error = bend @ line
    squared_error = np.vecdot(bend, scaled)
    mills_sum, bend_sum, bent_sum = of_mills[:, 0], of_bend[:, 0], bent_error[:, 0]
    gradient = np.empty(theta.shape)
    moment = weights @ line
    gradient[:, :2] = of_mills / noise[:, None] - moment / shortfall[:, None]
    gradient[:, 2] = ratio**2 * total + by_error - ratio * mills_sum
    gradient[:, 3] = ratio * mills_sum - total * (1 + ratio**2) - short
    curvature = np.empty((len(theta), 4, 4))
    square = of_bend / noise[:, None] ** 2
    curvature[:, 0, 0], curvature[:, 0, 1], curvature[:, 1, 1] = square.T
    by_noise = bent_error - ratio[:, None] * of_bend[:, :2]
    curvature[:, :2, 2] = (by_noise - of_mills) / noise[:, None]
    curvature[:, :2, 3] = moment / shortfall[:, None] + of_bend[:, :2] / shortfall[:, None]
    curvature[:, 2, 2] = (
        2 * ratio**2 * total
        + (squared_error - 2 * ratio * bent_sum + ratio**2 * bend_sum)
        - by_error
        - ratio * mills_sum
    )
    curvature[:, 2, 3] = (
        ratio * (bent_sum - ratio * bend_sum) + ratio * mills_sum - 2 * ratio**2 * total
    )
    curvature[:, 3, 3] = 2 * ratio**2 * total + short + ratio**2 * bend_sum - ratio * mills_sum
    curvature[:, LOWER[0], LOWER[1]] = curvature[:, LOWER[1], LOWER[0]]
    return value, gradient, curvature
