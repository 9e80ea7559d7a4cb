"""Exact quantile regression of a line, for thousands of weightings of the same points at once.

The optimum of a quantile line passes through two of the points, which `descent` finds.

Not here: the choice of points, and the weights (`intervals`).
"""

from collections.abc import Sequence

import numpy as np

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.lines import on_two_values

PERTURBATION = 1e-10
"""Size of the tie-breaking perturbation relative to the spread of y; results do not contain it."""

WORTH_A_START = 3
"""Weightings per version of y from which on the unweighted line of every version is found first."""


def quantile_line(
    x: FloatArray,
    y: FloatArray,
    tau: float,
    weights: FloatArray | None = None,
    rows: IntArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept of the tau-quantile line of y on x (Koenker and Bassett 1978).

    Minimises sum w rho_tau(y - intercept - slope x) exactly for every row of weights; of several
    optimal lines one is returned, always the same.

    Args:
        x: shape (n,).
        y: shape (n,), or P versions of it, shape (P, n).
        tau: quantile, between 0 and 1.
        weights: one weighting per row, not negative, shape (B, n); all ones if left out.
        rows: version of y each weighting belongs to, shape (B,); needed if there are several.

    Returns:
        Slopes and intercepts, shape (B,); NaN where the weight lies on fewer than two values of x.

    Raises:
        ValueError: shapes differ, tau is not inside (0, 1), or x or y is not finite.
    """
    slope, intercept = quantile_lines(x, y, (tau,), weights, rows)
    return slope[0], intercept[0]


def quantile_lines(
    x: FloatArray,
    y: FloatArray,
    taus: Sequence[float],
    weights: FloatArray | None = None,
    rows: IntArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """`quantile_line` for several quantiles, which share the orders of the slopes, shape (T, B) each.

    Args:
        x: as in `quantile_line`.
        y: the same.
        taus: T quantiles, each between 0 and 1.
        weights: as in `quantile_line`.
        rows: the same.

    Raises:
        ValueError: as `quantile_line`.
    """
    versions = np.atleast_2d(y)
    if weights is None:
        weights = np.ones((1, x.size))
    if rows is None:
        rows = np.zeros(len(weights), np.intp)
    _refuse_bad(x, versions, taus, weights, rows)
    slope = np.full((len(taus), len(weights)), np.nan)
    intercept = np.full_like(slope, np.nan)
    if x.size < 2 or np.ptp(x) == 0:
        return slope, intercept
    from densing_pipeline.stats.descent import points_on_lines  # slow to import

    determined = np.flatnonzero(on_two_values(x, weights > 0))
    wanted = determined[np.argsort(rows[determined], kind="stable")]
    without_ties, tau = _without_ties(x, versions), np.array(taus)
    # Descents begin on the unweighted line of their version; on that of the first version if there
    # are too few weightings of each to be worth its own.
    own = np.arange(len(versions) if wanted.size >= WORTH_A_START * len(versions) else 1)
    guesses = np.zeros((tau.size, len(versions)), np.intp)
    once = np.ones((own.size, x.size))
    guesses[:] = points_on_lines(x, without_ties, tau, once, own, own, guesses)[0]
    p, q = points_on_lines(x, without_ties, tau, weights, rows, wanted, guesses)
    of = rows[wanted]
    slope[:, wanted] = (versions[of, p] - versions[of, q]) / (x[p] - x[q])
    intercept[:, wanted] = versions[of, p] - slope[:, wanted] * x[p]
    return slope, intercept


def _refuse_bad(
    x: FloatArray, y: FloatArray, taus: Sequence[float], weights: FloatArray, rows: IntArray
) -> None:
    shapes = (x.ndim, y.shape[1:], weights.shape[1:], rows.shape)
    if shapes != (1, x.shape, x.shape, (len(weights),)) or (
        rows.size and not 0 <= rows.min() <= rows.max() < len(y)
    ):
        raise ValueError(
            "x must be (n,), y (n,) or (P, n), weights (B, n) and rows (B,) below P, not "
            f"{x.shape}, {y.shape}, {weights.shape}, {rows.shape}"
        )
    for tau in taus:
        if not 0 < tau < 1:
            raise ValueError(f"tau must lie inside (0, 1), not {tau}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("x and y must be finite: leave points without a value out")


def _without_ties(x: FloatArray, y: FloatArray) -> FloatArray:
    """Y with a tiny perturbation, so that no three points are collinear; results do not change.

    On collinear points the descent can stop before the optimum: a line may be best through two of
    three points and not through the third. The perturbation is fixed, so results are reproducible.
    """
    gaps = np.diff(np.unique(x))
    centred = y - np.median(y, axis=1, keepdims=True)
    spread = np.ptp(y, axis=1, keepdims=True)
    size = PERTURBATION * np.where(spread > 0, spread, 1.0) * gaps.min() / np.ptp(x)
    golden = np.modf(np.arange(1, x.size + 1) * ((5**0.5 - 1) / 2))[0]
    return np.asarray(centred + size * (golden - 0.5))
