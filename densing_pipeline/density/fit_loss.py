"""Fit of the loss law, with every distinct minimum of the objective.

N and D of a reference family are nearly collinear (D = 10..60 N in the paper), so the objective has
more than one minimum, and the minimum found depends on the starting point. The search therefore
scans (alpha, beta), solves for the other coefficients exactly (they are linear), and refines from
every local minimum of that profile.

Not here: the performance step (`fit_performance`), and the choice of points (`reference_laws`).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from densing_pipeline.density.law import LossLaw
from densing_pipeline.stats.arrays import FloatArray

Objective = Literal["least_squares", "huber_log"]
"""Squared residuals of the loss (the paper's fit), or Huber(1e-3) on log loss (Hoffmann et al. 2022)."""

HUBER_DELTA = 1e-3
EXPONENTS = (1e-3, 3.0)
"""Bounds of alpha and beta; a solution on a bound does not count as a minimum."""
LOG_COEFFICIENTS = (-50.0, 80.0)
"""Bounds of ln a and ln b, wide enough for the exponents' bounds and narrow enough for exp."""
EXPONENT_GRID = np.geomspace(0.01, 1.5, 40)
SAME_MINIMUM = 1e-3
"""Relative difference of coefficients below which two minima count as the same."""
FEWEST_POINTS = 5

MOST_SCANNED = 500
"""Most runs of the scan for starting points; of more, every k-th by size. The descent takes all of them."""


class FitError(ValueError):
    """The points do not determine the law; the message says why."""


@dataclass(frozen=True, slots=True)
class LossFit:
    """One minimum of the fit.

    Attributes:
        law: the loss law there.
        objective: value of the objective: the SSE, or the sum of Huber losses of log residuals.
        sse: sum of squared residuals of the loss, nats^2, whatever the objective.
    """

    law: LossLaw
    objective: float
    sse: float


def fit_loss_law(
    params: FloatArray,
    tokens: FloatArray,
    loss: FloatArray,
    *,
    irreducible: bool = False,
    objective: Objective = "least_squares",
) -> tuple[LossFit, ...]:
    """All distinct minima of the fit of L = a N^-alpha + b D^-beta (+ E), the global one first.

    Args:
        params: N of each run, shape (n,).
        tokens: D of each run, shape (n,).
        loss: loss of each run in nats per token, shape (n,).
        irreducible: whether to fit the irreducible term E >= 0.
        objective: what is minimised.

    Raises:
        FitError: fewer points than the form needs, values that are not positive, or no minimum
            inside the bounds.
    """
    _check(params, tokens, loss, irreducible=irreducible)
    points = np.array([params, tokens, loss], dtype=np.float64).tobytes()
    return _minima(points, irreducible, objective)


@lru_cache(maxsize=64)
def _minima(points: bytes, irreducible: bool, objective: Objective) -> tuple[LossFit, ...]:
    """`fit_loss_law`; kept, for several laws and each of their draws' minima rest on the same points."""
    params, tokens, loss = np.frombuffer(points).reshape(3, -1)
    found: list[LossFit] = []
    for start in _starts(params, tokens, loss, irreducible=irreducible, objective=objective):
        try:
            fit = refine_loss_law(
                start, params, tokens, loss, irreducible=irreducible, objective=objective
            )
        except FitError:
            continue
        if not any(_same(fit.law, other.law) for other in found):
            found.append(fit)
    if not found:
        raise FitError(
            "no minimum of the loss law lies inside the bounds of its exponents: "
            "the runs must vary in both parameters and tokens"
        )
    return tuple(sorted(found, key=lambda fit: fit.objective))


def refine_loss_law(
    start: LossLaw,
    params: FloatArray,
    tokens: FloatArray,
    loss: FloatArray,
    *,
    irreducible: bool = False,
    objective: Objective = "least_squares",
) -> LossFit:
    """The minimum that descent from `start` reaches; arguments as `fit_loss_law`.

    Raises:
        FitError: the descent ends on a bound of the exponents.
    """
    from scipy.optimize import least_squares

    _check(params, tokens, loss, irreducible=irreducible)
    log_n, log_d, log_loss = np.log(params), np.log(tokens), np.log(loss)
    logarithmic = objective == "huber_log"
    size = 5 if irreducible else 4

    def residuals(theta: FloatArray) -> FloatArray:
        predicted = _terms(theta, log_n, log_d).sum(axis=0)
        return np.asarray(np.log(predicted) - log_loss if logarithmic else predicted - loss)

    def jacobian(theta: FloatArray) -> FloatArray:
        terms = _terms(theta, log_n, log_d)
        slopes = np.stack([terms[0], -log_n * terms[0], terms[1], -log_d * terms[1], terms[2]])
        slopes[4] = 1.0
        if logarithmic:
            slopes /= terms.sum(axis=0)
        return np.ascontiguousarray(slopes[:size].T)

    low = np.array([LOG_COEFFICIENTS[0], EXPONENTS[0]] * 2 + [0.0])[:size]
    high = np.array([LOG_COEFFICIENTS[1], EXPONENTS[1]] * 2 + [loss.min()])[:size]
    theta = np.array(
        [np.log(start.a), start.alpha, np.log(start.b), start.beta, start.irreducible]
    )[:size]
    inside = np.clip(theta, low + 1e-12, high - 1e-12)
    result = least_squares(
        residuals, inside, jacobian, bounds=(low, high), x_scale="jac",
        loss="huber" if logarithmic else "linear", f_scale=HUBER_DELTA if logarithmic else 1.0,
        ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=2000,
    )  # fmt: skip
    x = result.x
    if min(x[1], x[3]) < 2 * EXPONENTS[0] or max(x[1], x[3]) > EXPONENTS[1] * 0.999:
        raise FitError(f"the descent from {start} ends on a bound of the exponents")
    law = LossLaw(
        float(np.exp(x[0])), float(x[1]), float(np.exp(x[2])), float(x[3]),
        float(x[4]) if irreducible else 0.0,
    )  # fmt: skip
    objective_value = float(result.cost) * (1 if logarithmic else 2)
    return LossFit(law, objective_value, loss_sse(law, params, tokens, loss))


def loss_sse(law: LossLaw, params: FloatArray, tokens: FloatArray, loss: FloatArray) -> float:
    """Sum of squared residuals of the loss, nats^2."""
    return float(np.sum((law.loss(params, tokens) - loss) ** 2))


def _terms(theta: FloatArray, log_n: FloatArray, log_d: FloatArray) -> FloatArray:
    """The parameter, token and irreducible term at each run, shape (3, n)."""
    constant = np.full_like(log_n, theta[4] if theta.size == 5 else 0.0)
    return np.stack(
        [np.exp(theta[0] - theta[1] * log_n), np.exp(theta[2] - theta[3] * log_d), constant]
    )


def _starts(
    params: FloatArray,
    tokens: FloatArray,
    loss: FloatArray,
    *,
    irreducible: bool,
    objective: Objective,
) -> list[LossLaw]:
    """Local minima of the objective's profile over a grid of (alpha, beta).

    Log residuals are approximated by relative ones, for which the other coefficients stay linear.
    """
    if params.size > MOST_SCANNED:
        by_size = np.lexsort((tokens, params))
        scanned = by_size[np.linspace(0, params.size - 1, MOST_SCANNED).astype(np.intp)]
        params, tokens, loss = params[scanned], tokens[scanned], loss[scanned]
    weight = 1 / loss if objective == "huber_log" else np.ones_like(loss)
    centre_n, centre_d = np.exp(np.log(params).mean()), np.exp(np.log(tokens).mean())
    alpha, beta = (
        axis.ravel() for axis in np.meshgrid(EXPONENT_GRID, EXPONENT_GRID, indexing="ij")
    )
    columns = [
        (params / centre_n) ** -alpha[:, None] * weight,
        (tokens / centre_d) ** -beta[:, None] * weight,
    ]
    sse, a, b, e = _solve(columns, loss * weight)
    if irreducible:
        constant = np.broadcast_to(weight, columns[0].shape)
        with_e = _solve([*columns, constant], loss * weight)
        better = with_e[0] < sse
        sse, a, b, e = (
            np.where(better, new, old) for new, old in zip(with_e, (sse, a, b, e), strict=True)
        )
    lowest = _local_minima(sse.reshape(EXPONENT_GRID.size, EXPONENT_GRID.size)).ravel()
    return [
        LossLaw(
            float(a[i] * centre_n ** alpha[i]), float(alpha[i]),
            float(b[i] * centre_d ** beta[i]), float(beta[i]), float(e[i]),
        )
        for i in np.flatnonzero(lowest)
    ]  # fmt: skip


def _solve(
    columns: list[FloatArray], target: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Linear least squares at every grid point: SSE (inf if a coefficient is not positive), a, b, E."""
    design = np.stack(columns, axis=-1)
    coefficients = np.linalg.pinv(design) @ target
    residuals = (design @ coefficients[..., None])[..., 0] - target
    sse = np.where((coefficients > 0).all(axis=-1), (residuals**2).sum(axis=-1), np.inf)
    e = coefficients[:, 2] if len(columns) == 3 else np.zeros_like(sse)
    return sse, coefficients[:, 0], coefficients[:, 1], e


def _local_minima(surface: FloatArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Mask of the cells that are not above any of their eight neighbours, shape of `surface`."""
    rows, columns = surface.shape
    padded = np.pad(surface, 1, constant_values=np.inf)
    neighbours = [
        padded[i : i + rows, j : j + columns]
        for i in range(3)
        for j in range(3)
        if (i, j) != (1, 1)
    ]
    lowest: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = np.isfinite(surface) & (
        surface <= np.min(neighbours, axis=0)
    )
    return lowest


def _same(one: LossLaw, other: LossLaw) -> bool:
    """Whether two laws are the same minimum, up to `SAME_MINIMUM`."""
    return (
        abs(one.alpha / other.alpha - 1) < SAME_MINIMUM
        and abs(one.beta / other.beta - 1) < SAME_MINIMUM
        and abs(np.log(one.a / other.a)) < SAME_MINIMUM * 10
        and abs(np.log(one.b / other.b)) < SAME_MINIMUM * 10
    )


def _check(params: FloatArray, tokens: FloatArray, loss: FloatArray, *, irreducible: bool) -> None:
    """Raise `FitError` for points that cannot determine the law."""
    if not params.shape == tokens.shape == loss.shape or params.ndim != 1:
        raise FitError(
            f"params, tokens and loss must be vectors of one length, not {params.shape}, "
            f"{tokens.shape}, {loss.shape}"
        )
    needed = FEWEST_POINTS + irreducible
    if params.size < needed:
        raise FitError(f"{params.size} points cannot determine the loss law: {needed} are needed")
    for name, values in (("params", params), ("tokens", tokens), ("loss", loss)):
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise FitError(f"{name} must be positive numbers at every point")
