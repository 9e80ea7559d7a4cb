"""Damped Newton descent of many small minimisation problems at once.

The problems of a batch have the same form and differ in their data, as the resamples of one bootstrap
do. All take a step together, so that one iteration is a few array operations over the batch; a
problem that has converged leaves it.

The caller gives the objective (`derivatives`) and the step (`propose`), which includes scaling,
bounds and step limits. `marquardt` is the step of a problem without these.

Not here: starting points, and the handling of problems without a minimum.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from densing_pipeline.stats.arrays import BoolArray, FloatArray, IntArray

MOST_DAMPING = 1e12
"""Damping at which a problem is abandoned, because its steps are negligible."""

LEAST_SCALE = 1e-12
"""Lower bound of the diagonal that `marquardt` damps by, so that a zero on it is damped too."""

RIDGE = 1e-14
"""Added to that diagonal, so that second derivatives of zero can be solved for at any damping."""

Derivatives = Callable[..., tuple[FloatArray, FloatArray, FloatArray]]
"""From points (B, k), and the data of these problems, to values (B,), gradients (B, k) and second
derivatives (B, k, k). Gauss-Newton descent passes J'J in place of the second derivatives."""

Proposal = Callable[..., tuple[FloatArray, FloatArray]]
"""From points, gradients, second derivatives, damping (B,) and the data of these problems to the next
points (B, k) and the decrease of the objective predicted for each, shape (B,). It must not change
its arguments: after a refused step it gets the same ones with more damping."""


class Damping(NamedTuple):
    """Initial damping and its changes after each step.

    Attributes:
        first: damping of the first step.
        fall: divisor after a step that did not increase the objective.
        rise: factor after a step that did, which is not taken.
        least: lower bound.
    """

    first: float = 1e-3
    fall: float = 5.0
    rise: float = 5.0
    least: float = 1e-12


DAMPING = Damping()


class Minima(NamedTuple):
    """Where the descents of B problems ended.

    Attributes:
        theta: last point of each problem, shape (B, k).
        value: objective there, shape (B,).
        converged: whether the predicted decrease fell below the tolerance, shape (B,).
        stuck: whether the problem was given up at `MOST_DAMPING`, shape (B,). A problem that is
            neither has used up its steps.
    """

    theta: FloatArray
    value: FloatArray
    converged: BoolArray
    stuck: BoolArray


def downhill(gradient: FloatArray, curvature: FloatArray, flattest: float = 1e-12) -> FloatArray:
    """Newton steps of a batch, shape (B, k), all of them downhill.

    Where the second derivatives are not positive definite, the Newton step may lead uphill; there
    the magnitudes of their eigenvalues are taken. Steps of problems with a number that is not
    finite are NaN.

    Args:
        gradient: shape (B, k).
        curvature: second derivatives, damped, shape (B, k, k).
        flattest: lower bound of an eigenvalue's magnitude relative to the largest of its problem.
    """
    try:
        step = np.asarray(-np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0], np.float64)
    except np.linalg.LinAlgError:  # one singular matrix is enough
        step = np.full_like(gradient, np.nan)
    wrong = np.flatnonzero(~((gradient * step).sum(axis=1) < 0))
    if wrong.size:
        wrong = wrong[np.isfinite(curvature[wrong]).all(axis=(1, 2))]
        eigenvalues, vectors = np.linalg.eigh(curvature[wrong])
        size = np.abs(eigenvalues)
        along = np.einsum("bij,bi->bj", vectors, gradient[wrong])
        along /= np.maximum(size, flattest * size.max(axis=1, keepdims=True) + 1e-300)
        step[wrong] = -np.einsum("bij,bj->bi", vectors, along)
    return step


def marquardt(
    theta: FloatArray,
    gradient: FloatArray,
    curvature: FloatArray,
    damping: FloatArray,
    *_data: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Proposal damped in proportion to the diagonal of the second derivatives (Marquardt 1963)."""
    diagonal = np.arange(theta.shape[1])
    scale = np.maximum(np.abs(curvature[:, diagonal, diagonal]), LEAST_SCALE)
    damped = curvature.copy()
    damped[:, diagonal, diagonal] += damping[:, None] * scale + RIDGE
    step = downhill(gradient, damped)
    return theta + step, -0.5 * (gradient * step).sum(axis=1)


class _Batch(NamedTuple):
    """The problems not converged yet: their indices, points, derivatives and data."""

    rows: IntArray
    theta: FloatArray
    value: FloatArray
    gradient: FloatArray
    curvature: FloatArray
    damping: FloatArray
    absolute: FloatArray
    data: tuple[FloatArray | IntArray, ...]

    def only(self, kept: BoolArray) -> "_Batch":
        """Some of the problems."""
        return _Batch(
            self.rows[kept], self.theta[kept], self.value[kept], self.gradient[kept],
            self.curvature[kept], self.damping[kept], self.absolute[kept],
            tuple(part[kept] for part in self.data),
        )  # fmt: skip

    def after(
        self, moved: FloatArray, new: tuple[FloatArray, FloatArray, FloatArray], damping: Damping
    ) -> "_Batch":
        """The batch after a step, which is taken by the problems whose objective it does not raise."""
        better = new[0] <= self.value
        return self._replace(
            theta=np.where(better[:, None], moved, self.theta),
            value=np.where(better, new[0], self.value),
            gradient=np.where(better[:, None], new[1], self.gradient),
            curvature=np.where(better[:, None, None], new[2], self.curvature),
            damping=np.where(
                better,
                np.maximum(self.damping / damping.fall, damping.least),
                self.damping * damping.rise,
            ),
        )


def minimise(
    derivatives: Derivatives,
    start: FloatArray,
    *data: FloatArray | IntArray,
    most_steps: int,
    relative: float = 0.0,
    absolute: float | FloatArray = 0.0,
    propose: Proposal = marquardt,
    damping: Damping = DAMPING,
    takes_last_step: bool = True,
) -> Minima:
    """Local minima of a batch of problems, each reached by descent from its own start.

    Args:
        derivatives: objective and derivatives, called as `derivatives(theta, *data)`.
        start: shape (B, k).
        *data: arrays of the problems, shape (B, ...) each; both callables get the rows of the
            problems they are called for.
        most_steps: steps after which a problem counts as not converged.
        relative: a problem has converged where the decrease that its step predicts is at most
            `relative` times its objective plus `absolute`.
        absolute: the same for all, or of each problem, shape (B,).
        propose: makes the steps, called as `propose(theta, gradient, curvature, damping, *data)`.
        damping: start of the damping and its changes.
        takes_last_step: whether the step that predicts so little is still taken. It costs one more
            evaluation of each problem.
    """
    problems = len(start)
    converged, stuck = np.zeros(problems, np.bool_), np.zeros(problems, np.bool_)
    if not problems:
        return Minima(start.copy(), np.empty(0), converged, stuck)
    batch = _Batch(
        np.arange(problems), start, *derivatives(start, *data),
        np.full(problems, damping.first), np.broadcast_to(absolute, problems), data,
    )  # fmt: skip
    theta, value = start.copy(), np.empty(problems)
    for _ in range(most_steps):
        moved, decrease = propose(
            batch.theta, batch.gradient, batch.curvature, batch.damping, *batch.data
        )
        arrived = np.abs(decrease) <= relative * batch.value + batch.absolute
        if takes_last_step:
            batch = batch.after(moved, derivatives(moved, *batch.data), damping)
        left = ~arrived & (batch.damping < MOST_DAMPING)
        if not left.all():
            theta[batch.rows], value[batch.rows] = batch.theta, batch.value
            converged[batch.rows] = arrived
            stuck[batch.rows] = ~(arrived | left)
            batch, moved = batch.only(left), moved[left]
            if not batch.rows.size:
                break
        if not takes_last_step:
            batch = batch.after(moved, derivatives(moved, *batch.data), damping)
    theta[batch.rows], value[batch.rows] = batch.theta, batch.value
    return Minima(theta, value, converged, stuck)
