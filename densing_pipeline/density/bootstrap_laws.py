"""Fit the loss law to thousands of resamples of the same training runs at once.

A resample is a weighting of the runs, so all resamples share N, D and their powers. One step of
damped Newton descent with analytic second derivatives is then a few elementwise operations and
matrix products over (resamples, runs), instead of one optimiser per resample (`stats.newton`).

Not here: the search for all minima of the full data (`fit_loss`), and the laws with draws
(`reference_law_draws`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from densing_pipeline.density.fit_loss import EXPONENTS, HUBER_DELTA, Objective
from densing_pipeline.density.law import LossLaw
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.newton import Damping, downhill, minimise

ROWS_AT_ONCE, ELEMENTS_AT_ONCE = 128, 200_000
"""Most resamples, and weights of resamples, processed together: few enough that their working arrays fit in the
cache. With 10,000 runs 20 at once take half the time of 128."""

STEPS = 12
"""Damped Newton steps of one round; most resamples need one round."""

MOST_ROUNDS = 40
"""Most rounds; a resample not converged by then has no minimum."""

DECREASE = 1e-8
"""Convergence threshold: predicted relative decrease of the objective by the next step."""

DAMPING = Damping(first=1e-2, fall=8, rise=6, least=1e-12)

SMALLEST_IRREDUCIBLE = 1e-9
"""E relative to the lowest loss below which E counts as 0, because ln E is unbounded below."""


class LossDraws(NamedTuple):
    """Loss laws of B resamples; every field has shape (B,), NaN where a resample has no minimum.

    Attributes:
        a: coefficient of the parameter term, nats.
        alpha: exponent of the parameter term.
        b: coefficient of the token term, nats.
        beta: exponent of the token term.
        irreducible: E, nats.
        objective: weighted sum of squares or of Huber losses, as `LossFit.objective`.
    """

    a: FloatArray
    alpha: FloatArray
    b: FloatArray
    beta: FloatArray
    irreducible: FloatArray
    objective: FloatArray


def bootstrap_loss_law(
    starts: Sequence[LossLaw],
    params: FloatArray,
    tokens: FloatArray,
    loss: FloatArray,
    weights: FloatArray,
    *,
    irreducible: bool = False,
    objective: Objective = "least_squares",
) -> LossDraws:
    """Best minimum of every resample over the descents from all `starts`.

    Args:
        starts: starting laws, normally every distinct minimum of the full data, because the global
            minimum can differ between resamples.
        params: N of each run, shape (n,).
        tokens: D of each run, shape (n,).
        loss: loss of each run, nats per token, shape (n,).
        weights: number of copies of each run in each resample, shape (B, n).
        irreducible: whether the form has the irreducible term E >= 0.
        objective: what is minimised, as in `fit_loss_law`.

    Raises:
        ValueError: no start, or shapes that do not fit.
    """
    if not starts or weights.ndim != 2 or weights.shape[1] != params.size:
        raise ValueError(f"needs a start and weights of shape (B, {params.size})")
    problem = _Problem(params, tokens, loss, irreducible=irreducible, objective=objective)
    reached = [problem.descend(problem.theta(start), weights) for start in starts]
    values = np.stack([value for _, value in reached])
    best = np.argmin(np.where(np.isfinite(values), values, np.inf), axis=0)
    rows = np.arange(len(weights))
    return problem.draws(np.stack([theta for theta, _ in reached])[best, rows], values[best, rows])


class _Problem:
    """The objective of one set of runs, its derivatives, and descent for many weightings.

    Parameters of the descent are (ln a', alpha, ln b', beta, ln E) with a' and b' the terms at the
    mean ln N and ln D, which reduces collinearity.
    """

    def __init__(
        self,
        params: FloatArray,
        tokens: FloatArray,
        loss: FloatArray,
        *,
        irreducible: bool,
        objective: Objective,
    ) -> None:
        self._centre = np.array([np.log(params).mean(), np.log(tokens).mean()])
        self._n, self._d = np.log(params) - self._centre[0], np.log(tokens) - self._centre[1]
        self._loss, self._log_loss = loss, np.log(loss)
        self._logarithmic = objective == "huber_log"
        self._size = 5 if irreducible else 4
        self._floor = float(np.log(SMALLEST_IRREDUCIBLE * loss.min()))
        one = np.ones_like(loss)
        slope = [np.stack([one, -self._n]), np.stack([one, -self._d]), one[None]]
        self._slopes = slope[: 3 if irreducible else 2]
        self._squares = {
            (i, j): np.einsum("in,jn->nij", slope[i], slope[j]).reshape(loss.size, -1)
            for i in range(3)
            for j in range(i, 3)
        }

    def theta(self, law: LossLaw) -> FloatArray:
        """Convert a law to the parameters of the descent, shape (p,)."""
        smallest = np.exp(self._floor) if law.irreducible <= 0 else law.irreducible
        every = [
            np.log(law.a) - law.alpha * self._centre[0], law.alpha,
            np.log(law.b) - law.beta * self._centre[1], law.beta, np.log(smallest),
        ]  # fmt: skip
        return np.array(every[: self._size])

    def draws(self, theta: FloatArray, objective: FloatArray) -> LossDraws:
        """Convert parameters to laws; NaN where there is no minimum inside the bounds."""
        exponents = theta[:, [1, 3]]
        inside = np.isfinite(objective) & (exponents > 2 * EXPONENTS[0]).all(axis=1)
        inside &= (exponents < EXPONENTS[1] * 0.999).all(axis=1)
        e = np.zeros(len(theta))
        if self._size == 5:
            e = np.where(theta[:, 4] <= self._floor + 1e-6, 0.0, np.exp(theta[:, 4]))
        with np.errstate(over="ignore"):
            a = np.exp(theta[:, 0] + theta[:, 1] * self._centre[0])
            b = np.exp(theta[:, 2] + theta[:, 3] * self._centre[1])
        fields = (a, theta[:, 1], b, theta[:, 3], e, objective)
        return LossDraws(*(np.where(inside, field, np.nan) for field in fields))

    def descend(self, start: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Minimum of every weighting from one start: parameters (B, p), objective (B,)."""
        theta = np.tile(start, (len(weights), 1))
        value = np.full(len(weights), np.nan)
        pending = np.arange(len(weights))
        at_once = max(1, min(ROWS_AT_ONCE, ELEMENTS_AT_ONCE // self._loss.size))
        for _ in range(MOST_ROUNDS):
            for rows in np.array_split(pending, 1 + pending.size // at_once):
                reached = minimise(
                    self._derivatives,
                    theta[rows],
                    weights[rows],
                    self._scale(theta[rows], weights[rows]),
                    most_steps=STEPS,
                    relative=DECREASE,
                    propose=self._propose,
                    damping=DAMPING,
                    takes_last_step=False,
                )
                theta[rows] = reached.theta
                value[rows] = np.where(reached.converged, reached.value, np.nan)
            # The few resamples that have not converged continue in one batch, not in their former
            # parts.
            pending = pending[np.isnan(value[pending])]
            if not pending.size:
                break
        return theta, value

    def _propose(
        self,
        theta: FloatArray,
        gradient: FloatArray,
        curvature: FloatArray,
        damping: FloatArray,
        _weights: FloatArray,
        scale: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Newton step damped in units of `scale`, kept inside the bounds.

        The predicted decrease is that without bounds: a law pushed against one has no minimum inside.
        """
        unit = 1 / np.sqrt(scale)
        scaled = curvature * unit[:, :, None] * unit[:, None, :]
        diagonal = np.arange(self._size)
        scaled[:, diagonal, diagonal] += damping[:, None]
        pull = gradient * unit
        step = downhill(pull, scaled)
        return self._inside(theta + step * unit), -0.5 * (pull * step).sum(axis=1)

    def _inside(self, theta: FloatArray) -> FloatArray:
        """Clip the parameters to the bounds of exponents and irreducible term."""
        theta[:, [1, 3]] = np.clip(theta[:, [1, 3]], *EXPONENTS)
        theta[:, [0, 2]] = np.clip(theta[:, [0, 2]], -100, 100)
        if self._size == 5:
            theta[:, 4] = np.clip(theta[:, 4], self._floor, self._log_loss.min())
        return theta

    def _terms(self, theta: FloatArray) -> list[FloatArray]:
        """Parameter, token and irreducible term of the loss at each run, each (B, n) or (B, 1).

        Where all resamples are at one law, as they are at first, B is 1.
        """
        if (theta == theta[:1]).all():
            theta = theta[:1]
        terms = [
            np.exp(theta[:, :1] - theta[:, 1:2] * self._n),
            np.exp(theta[:, 2:3] - theta[:, 3:4] * self._d),
        ]
        return [*terms, np.exp(theta[:, 4:5])] if self._size == 5 else terms

    def _scale(self, theta: FloatArray, weights: FloatArray) -> FloatArray:
        """Weighted squares of the residuals' derivatives, the scale of the damping, shape (B, p)."""
        terms = self._terms(theta)
        total = sum(terms[1:], terms[0])
        if self._logarithmic:
            size = np.maximum(np.abs(np.log(total) - self._log_loss), HUBER_DELTA)
            weights = weights * HUBER_DELTA / (size * total**2)
        squares = [
            (weights * term**2) @ self._squares[i, i][:, :: (3 if i < 2 else 1)]
            for i, term in enumerate(terms)
        ]
        scale = np.hstack(squares)
        return np.asarray(np.maximum(scale, 1e-14 * scale.max(axis=1, keepdims=True)))

    def _derivatives(
        self, theta: FloatArray, weights: FloatArray, _scale: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Objective (B,), its gradient (B, p) and its second derivatives (B, p, p)."""
        shares = self._terms(theta)
        total = sum(shares[1:], shares[0])
        if self._logarithmic:
            residual = np.log(total) - self._log_loss
            clipped = np.clip(residual, -HUBER_DELTA, HUBER_DELTA)
            pull = weights * clipped
            value = np.einsum("bi,bi->b", pull, residual - 0.5 * clipped)
            # Second derivatives of the logarithm of a sum: share (1 - share) on the diagonal, -
            # share share off it.
            bend = weights * (residual == clipped) - pull
            inverse = 1 / total
            shares = [share * inverse for share in shares]
        else:
            residual = total - self._loss
            bend = 2 * weights
            pull = bend * residual
            value = 0.5 * np.einsum("bi,bi->b", pull, residual)
        return value, *self._assembled(shares, pull, bend)

    def _assembled(
        self, shares: list[FloatArray], pull: FloatArray, bend: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Gradient and second derivatives, from those by the logarithms of the terms."""
        pulls = [pull * share for share in shares]
        gradient = np.hstack(
            [pulled @ slope.T for pulled, slope in zip(pulls, self._slopes, strict=True)]
        )
        curvature = np.empty((len(pull), self._size, self._size))
        at = (slice(0, 2), slice(2, 4), slice(4, 5))
        for i, share in enumerate(shares):
            bent = bend * share
            for j in range(i, len(shares)):
                weight = bent * shares[j]
                if i == j:
                    weight += pulls[i]
                block = (weight @ self._squares[i, j]).reshape(
                    -1, at[i].stop - at[i].start, at[j].stop - at[j].start
                )
                curvature[:, at[i], at[j]] = block
                if i != j:
                    curvature[:, at[j], at[i]] = block.transpose(0, 2, 1)
        return gradient, curvature
