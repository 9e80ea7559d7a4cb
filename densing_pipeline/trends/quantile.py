"""Exact quantile regression of a line, for thousands of weightings of the same points at once.

The optimum of a quantile line passes through two of the points. The best line through one given
point has the weighted quantile of the slopes to the others, and passes through one of them;
alternating between the two points descends to the optimum (the line-through-a-point descent of
Bloomfield and Steiger 1983, here for any quantile). Resamples share the points, so they share the
order of the slopes through a point, and one step of all of them is a gather and a cumulative sum.

Not here: which points, and what the weights mean (`bootstrap`).
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

CELLS_AT_ONCE = 2_000_000
"""Weights handled in one step, to bound memory (some 50 bytes of work space for each)."""

PERTURBATION = 1e-10
"""Size of the tie-breaking perturbation relative to the spread of y; results do not contain it."""

ROUNDING = 1e-12
"""Relative slack of a cumulative weight that is meant to equal its target."""

LEARNT_AHEAD = 300
"""Points up to which the order of slopes through every point is worth having from the start."""

MOST_STEPS = 1000
"""Steps after which points equal up to rounding count as the optimum."""


def quantile_line(
    x: FloatArray, y: FloatArray, tau: float, weights: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept of the tau-quantile line of y on x (Koenker and Bassett 1978).

    Minimises sum w rho_tau(y - intercept - slope x) exactly for every row of weights; of several
    optimal lines one is returned, always the same.

    Args:
        x: shape (n,).
        y: shape (n,).
        tau: quantile, between 0 and 1.
        weights: one weighting per row, not negative, shape (B, n); all ones if left out.

    Returns:
        Slopes and intercepts, shape (B,); NaN where the weight lies on fewer than two values of x.

    Raises:
        ValueError: shapes differ, tau is not inside (0, 1), or x or y is not finite.
    """
    if weights is None:
        weights = np.ones((1, x.size))
    if x.shape != y.shape or x.ndim != 1 or weights.ndim != 2 or weights.shape[1] != x.size:
        raise ValueError(
            f"x and y must be (n,) and weights (B, n), not {x.shape}, {y.shape}, {weights.shape}"
        )
    if not 0 < tau < 1:
        raise ValueError(f"tau must lie inside (0, 1), not {tau}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("x and y must be finite: leave points without a value out")
    slope = np.full(len(weights), np.nan)
    intercept = np.full(len(weights), np.nan)
    if x.size < 2 or np.ptp(x) == 0:
        return slope, intercept
    descent = _Descent(x, _without_ties(x, y), tau)
    start = descent.run(np.ones((1, x.size)), np.array([0]))[0][0]
    determined = np.flatnonzero(_on_two_values(x, weights))
    for rows in np.array_split(determined, 1 + determined.size * x.size // CELLS_AT_ONCE):
        p, q = descent.run(weights[rows], np.full(rows.size, start))
        slope[rows] = (y[p] - y[q]) / (x[p] - x[q])
        intercept[rows] = y[p] - slope[rows] * x[p]
    return slope, intercept


class _Descent:
    """The descent for one set of points; keeps the order of slopes through each point it visits."""

    def __init__(self, x: FloatArray, y: FloatArray, tau: float) -> None:
        self._x, self._y, self._tau = x, y, tau
        self._slot = np.full(x.size, -1)
        self._order = np.empty((0, x.size), np.intp)
        self._reach = np.empty((0, x.size))
        self._share = np.empty((0, x.size))
        if x.size <= LEARNT_AHEAD:
            self._learn(np.arange(x.size))

    def run(self, weights: FloatArray, pivot: IntArray) -> tuple[IntArray, IntArray]:
        """Two points on the optimal line of each row of weights, from a first guess of one."""
        pivot, other = pivot.copy(), np.full(pivot.size, -1)
        active = np.arange(pivot.size)
        for _ in range(MOST_STEPS):
            best = self._best_through(weights[active], pivot[active])
            settled = best == other[active]
            other[active] = pivot[active]
            pivot[active] = best
            active = active[~settled]
            if not active.size:
                break
        return pivot, other

    def _best_through(self, weights: FloatArray, pivot: IntArray) -> IntArray:
        """For each row the point that the best line through its pivot also passes through.

        The objective along the lines through the pivot is convex in the slope and bends at each
        point i by w_i |x_i - x_p|; its left slope starts at minus the sum of these, each times tau
        for points on the right of the pivot and 1 - tau on the left.
        """
        if (unknown := self._slot[pivot] < 0).any():
            self._learn(np.unique(pivot[unknown]))
        slot = self._slot[pivot]
        bends = np.take_along_axis(weights, self._order[slot], axis=1)
        bends *= self._reach[slot]
        target = np.einsum("bn,bn->b", bends, self._share[slot])
        risen = np.cumsum(bends, axis=1, out=bends)
        best = np.argmax(risen >= (target * (1 - ROUNDING))[:, None], axis=1)
        return np.asarray(self._order[slot, best])

    def _learn(self, pivots: IntArray) -> None:
        """Order of the slopes through each pivot, with |x - x_p| and the share of the bend."""
        run = self._x - self._x[pivots, None]
        rise = self._y - self._y[pivots, None]
        slopes = np.divide(rise, run, out=np.full_like(run, np.inf), where=run != 0)
        order = np.argsort(slopes, axis=1, kind="stable")
        run = np.take_along_axis(run, order, axis=1)
        self._slot[pivots] = np.arange(pivots.size) + len(self._order)
        self._order = np.vstack([self._order, order])
        self._reach = np.vstack([self._reach, np.abs(run)])
        self._share = np.vstack([self._share, np.where(run > 0, self._tau, 1 - self._tau)])


def _on_two_values(x: FloatArray, weights: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether each row of weights has weight on two values of x, shape (B,)."""
    used = weights > 0
    lowest = np.where(used, x, np.inf).min(axis=1)
    return np.asarray(lowest < np.where(used, x, -np.inf).max(axis=1))


def _without_ties(x: FloatArray, y: FloatArray) -> FloatArray:
    """Y moved by so little that no three points lie on a line and results do not change.

    On collinear points the descent could stop early: a line may be best through two of three points
    and not through the third. The moves are fixed, so results are reproducible.
    """
    gaps = np.diff(np.unique(x))
    centred = y - np.median(y)
    size = PERTURBATION * (np.ptp(y) or 1.0) * gaps.min() / np.ptp(x)
    golden = np.modf(np.arange(1, y.size + 1) * ((5**0.5 - 1) / 2))[0]
    return np.asarray(centred + size * (golden - 0.5))
