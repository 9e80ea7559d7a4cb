"""Quantile regression on several features, for many weightings at once, by smoothing the check loss.

The check loss has a corner at zero, which a uniform kernel of bandwidth h replaces by a parabola between
-h and h (convolution smoothing: Fernandes, Guerre and Horta 2021, JBES 39, 338-357; He, Pan, Tan and
Zhou 2023, J. Econometrics 232, 367-388). The smoothed loss is convex with simple derivatives, so all
weightings descend together by Newton's method (`newton`).

Not here: quantile lines on one feature, which are exact (`quantile`).
"""

from functools import partial

import numpy as np

from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.newton import downhill, minimise

BANDWIDTH = 0.2
"""Bandwidth in units of the scale that the caller names."""

MOST_STEPS = 60
"""Most steps; a weighting not converged by then has no estimate."""

CONVERGED = 1e-7
"""Convergence threshold: predicted decrease of the loss of the last step, per unit of weight and in
standard deviations."""


def smoothed_quantile(
    features: FloatArray,
    y: FloatArray,
    tau: float,
    weights: FloatArray,
    *,
    start: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    """Coefficients of the smoothed tau-quantile of y on the features, for B problems at once.

    Args:
        features: of each problem, of similar size, shape (B, p, n); ones for an intercept.
        y: finite, shape (B, n).
        tau: quantile, between 0 and 1.
        weights: not negative, shape (B, n).
        start: coefficients to start from, shape (B, p).
        scale: standard deviation of y about a line, above 0, shape (B,).

    Returns:
        Shape (B, p); NaN where the descent does not converge.
    """
    total, unit = weights.sum(axis=1), scale[:, None]
    shares = weights / np.where(total > 0, total, 1.0)[:, None]
    steepest = np.einsum("bpn,bpn,bn->bp", features, features, shares) / (2 * BANDWIDTH)
    reached = minimise(
        partial(_loss, tau, BANDWIDTH),
        start / unit,
        features,
        y / unit,
        shares,
        steepest,
        most_steps=MOST_STEPS,
        absolute=CONVERGED,
        propose=_propose,
    )
    found = reached.converged & (total > 0)
    return np.where(found[:, None], reached.theta * unit, np.nan)


def _propose(
    theta: FloatArray,
    gradient: FloatArray,
    curvature: FloatArray,
    damping: FloatArray,
    *data: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Newton step damped in proportion to the largest curvature the loss can have.

    The curvature itself is zero where no point lies within the bandwidth, and says nothing there about
    how far to go.
    """
    diagonal = np.arange(theta.shape[1])
    damped = curvature.copy()
    damped[:, diagonal, diagonal] += damping[:, None] * data[-1]
    step = downhill(gradient, damped)
    return theta + step, -0.5 * (gradient * step).sum(axis=1)


def _loss(
    tau: float,
    h: float,
    theta: FloatArray,
    features: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    _steepest: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Smoothed check loss (B,), its gradient (B, p) and second derivatives (B, p, p)."""
    off = y - (theta[:, None] @ features)[:, 0]
    above = np.minimum(np.maximum(off + h, 0.0), 2 * h)
    # Beyond the bandwidth on either side the smoothed loss is the check loss.
    value = np.einsum("bn,bn->b", weights, above * above / (4 * h) + np.maximum(off - h, 0.0))
    value += (tau - 1) * np.einsum("bn,bn->b", weights, off)
    pull = weights * (above / (2 * h) - (1 - tau))
    gradient = -(features @ pull[:, :, None])[:, :, 0]
    bent = features * (weights * (np.abs(off) < h) / (2 * h))[:, None]
    return value, gradient, np.einsum("bpn,bqn->bpq", bent, features)
