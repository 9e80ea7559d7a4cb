"""Sums over the models that the likelihood of a stochastic frontier and its derivatives are made of, as machine code.

Models of weight zero, over a third of a resample, are left out.

Not here: the likelihood (`stochastic_frontier`).
"""

from typing import NamedTuple, Self

import numpy as np
from scipy.special import erfcx

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.compiled import INDICES, NUMBERS, argument, compiled

FARTHEST = 37.0
"""Largest z whose erfcx(-z / sqrt 2) is a finite number."""

ROOT_HALF, ROOT_2_OVER_PI = float(np.sqrt(0.5)), float(np.sqrt(2 / np.pi))

MODELS_AT_ONCE = 20_000
"""Models for which erfcx is computed at once, so that the working arrays fit in the cache."""


class Sums(NamedTuple):
    """Weighted sums over the models, shape (K,) each.

    Of a model s is the error over the noise, r the noise over the shortfall, z = -s - r, m the Mills ratio of z and
    d = -m (z + m) its slope. Numbers in the names are powers of x.

    Attributes:
        weight: of 1.
        moment: of x.
        error: of s.
        square: of s^2.
        log: of ln erfcx(-z / sqrt 2).
        mills_0: of m.
        mills_1: of m x.
        mills_error: of m s.
        bend_0: of d.
        bend_1: of d x.
        bend_2: of d x^2.
        bend_error_0: of d s.
        bend_error_1: of d s x.
        bend_square: of d s^2.
    """

    weight: FloatArray
    moment: FloatArray
    error: FloatArray
    square: FloatArray
    log: FloatArray
    mills_0: FloatArray
    mills_1: FloatArray
    mills_error: FloatArray
    bend_0: FloatArray
    bend_1: FloatArray
    bend_2: FloatArray
    bend_error_0: FloatArray
    bend_error_1: FloatArray
    bend_square: FloatArray


class Models(NamedTuple):
    """Weighted models, as compiled functions need them.

    Attributes:
        x: shape (n,).
        y: versions of the other coordinate, shape (P, n).
        weights: not negative, shape (B, n).
        rows: version of y of each weighting, shape (B,).
    """

    x: FloatArray
    y: FloatArray
    weights: FloatArray
    rows: IntArray

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray, weights: FloatArray, rows: IntArray) -> Self:
        """The models, copied where a compiled function could not take the arrays as they are."""
        return cls(argument(x), argument(y), argument(weights), argument(rows))


def sums(models: Models, theta: FloatArray, which: IntArray) -> Sums:
    """The sums at these parameters of these weightings.

    Args:
        models: the weighted models.
        theta: intercept, slope, ln noise and ln shortfall, shape (K, 4).
        which: weighting of each, shape (K,).
    """
    found = np.empty((len(theta), len(Sums._fields)))
    scales = np.exp(theta[:, 2:])
    at_once = max(1, MODELS_AT_ONCE // models.x.size)
    erfcx_of_each = np.empty(at_once * models.x.size)
    for first in range(0, len(theta), at_once):
        some = slice(first, first + at_once)
        of = which[some], theta[some], scales[some]
        known = erfcx_of_each[: _fill_arguments(*models, *of, erfcx_of_each)]
        erfcx(known, out=known)
        _fill_sums(*models, *of, known, np.log(known), found[some])
    return Sums(*np.ascontiguousarray(found.T))


OF_MODELS = NUMBERS[1], NUMBERS[2], NUMBERS[2], INDICES[1]
OF_POINTS = INDICES[1], NUMBERS[2], NUMBERS[2]


@compiled(*OF_MODELS, *OF_POINTS, NUMBERS[1])
def _fill_arguments(
    x: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    rows: IntArray,
    which: IntArray,
    theta: FloatArray,
    scales: FloatArray,
    arguments: FloatArray,
) -> int:
    """Fill in -z / sqrt 2 of every model with a weight, one weighting after the other, and give their number."""
    filled = 0
    for k in range(which.size):
        b, noise, shortfall = which[k], scales[k, 0], scales[k, 1]
        for i in range(x.size):
            if weights[b, i] > 0.0:
                error = (y[rows[b], i] - theta[k, 0] - theta[k, 1] * x[i]) / noise
                arguments[filled] = min(-error - noise / shortfall, FARTHEST) * -ROOT_HALF
                filled += 1
    return filled


@compiled(*OF_MODELS, *OF_POINTS, NUMBERS[1], NUMBERS[1], NUMBERS[2])
def _fill_sums(
    x: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    rows: IntArray,
    which: IntArray,
    theta: FloatArray,
    scales: FloatArray,
    erfcx_of_each: FloatArray,
    logs: FloatArray,
    found: FloatArray,
) -> None:
    """Fill in `Sums` of each point, from erfcx of `_fill_arguments` and its logarithm."""
    known = 0
    for k in range(which.size):
        b, noise, shortfall = which[k], scales[k, 0], scales[k, 1]
        for column in range(found.shape[1]):
            found[k, column] = 0.0
        for i in range(x.size):
            weight = weights[b, i]
            if weight > 0.0:
                error = (y[rows[b], i] - theta[k, 0] - theta[k, 1] * x[i]) / noise
                z, log = -error - noise / shortfall, logs[known]
                if z > FARTHEST:
                    # erfcx overflows; ln erfcx(-z / sqrt 2) is ln 2 + z^2 / 2 there, and m is 0.
                    log += (z * z - FARTHEST * FARTHEST) / 2
                    z = FARTHEST
                mills = ROOT_2_OVER_PI / erfcx_of_each[known]
                bend = -weight * mills * (z + mills)
                mills *= weight
                known += 1
                found[k, 0] += weight
                found[k, 1] += weight * x[i]
                found[k, 2] += weight * error
                found[k, 3] += weight * error * error
                found[k, 4] += weight * log
                found[k, 5] += mills
                found[k, 6] += mills * x[i]
                found[k, 7] += mills * error
                found[k, 8] += bend
                found[k, 9] += bend * x[i]
                found[k, 10] += bend * x[i] * x[i]
                found[k, 11] += bend * error
                found[k, 12] += bend * error * x[i]
                found[k, 13] += bend * error * error
