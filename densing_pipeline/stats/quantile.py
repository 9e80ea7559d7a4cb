"""Exact quantile regression of a line, for thousands of weightings of the same points at once.

The optimum of a quantile line passes through two of the points. The best line through one given
point has the weighted quantile of the slopes to the others, and passes through one of them;
alternating between the two points descends to the optimum (the line-through-a-point descent of
Bloomfield and Steiger 1983, here for any quantile). Resamples share the points, so they share the
order of the slopes through a point, and one step of all of them is a gather and a cumulative sum.

Not here: the choice of points, and the weights (`intervals`).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.lines import on_two_values

CELLS_AT_ONCE = 100_000
"""Weights processed in one step, so that the working arrays fit in the cache (about 30 bytes
each)."""

ORDERS_AT_ONCE = 1_000_000
"""Slopes whose order is kept at a time, to bound memory (16 bytes each)."""

PERTURBATION = 1e-10
"""Size of the tie-breaking perturbation relative to the spread of y; results do not contain it."""

RELATIVE_ROUNDING = 1e-12
"""Relative slack of a cumulative weight that is meant to equal its target."""

LEARNT_AHEAD = 300
"""Largest number of points for which the order of slopes is computed through all points in
advance."""

WORTH_A_START = 3
"""Weightings per version of y from which on the unweighted line of every version is found first."""

MOST_PIVOTS = 1000
"""Most steps of the descent; reached only if it alternates between lines equal up to rounding."""


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
    tau = np.array(taus)
    determined = np.flatnonzero(on_two_values(x, weights > 0))
    for some, parts in _in_parts(determined, rows, x.size, tau.size):
        weightings = determined.size * tau.size
        descent = _Descent(x, _without_ties(x, versions[some]), weightings)
        first = some[0]
        # Descents begin on the unweighted line of their version; of the first version if there are
        # too few weightings of each to be worth its own.
        own = some.size if determined.size >= WORTH_A_START * len(versions) else min(1, some.size)
        start = descent.run(np.ones((own, x.size)), np.arange(own), 0, tau)[0]
        start = np.hstack([start, np.repeat(start[:, :1], some.size - own, axis=1)])
        for part in parts:
            of = rows[part]
            p, q = descent.run(weights[part], of - first, start[:, of - first], tau)
            slope[:, part] = (versions[of, p] - versions[of, q]) / (x[p] - x[q])
            intercept[:, part] = versions[of, p] - slope[:, part] * x[p]
    return slope, intercept


def quantile_line_of_each(
    x: FloatArray, y: FloatArray, tau: float, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """`quantile_line` where every weighting has values of y of its own, so that no order is shared.

    Args:
        x: shape (n,).
        y: values of each weighting, shape (B, n).
        tau: quantile, between 0 and 1.
        weights: not negative, shape (B, n).

    Returns:
        Slopes and intercepts, shape (B,); NaN where the weight lies on fewer than two values of x.

    Raises:
        ValueError: as `quantile_line`.
    """
    _refuse_bad(x, y, (tau,), weights, np.arange(len(weights)))
    slope = np.full(len(weights), np.nan)
    intercept = np.full(len(weights), np.nan)
    if x.size < 2 or np.ptp(x) == 0:
        return slope, intercept
    determined = np.flatnonzero(on_two_values(x, weights > 0))
    start = 0
    for part in np.array_split(determined, 1 + determined.size * x.size // CELLS_AT_ONCE):
        if not part.size:
            continue
        without_ties = _without_ties(x, y[part])
        if part[0] == determined[0]:
            start = int(_descend(x, without_ties[:1], tau, weights[part[:1]], 0)[0][0])
        p, q = _descend(x, without_ties, tau, weights[part], start)
        slope[part] = (y[part, p] - y[part, q]) / (x[p] - x[q])
        intercept[part] = y[part, p] - slope[part] * x[p]
    return slope, intercept


def _descend(
    x: FloatArray, y: FloatArray, tau: float, weights: FloatArray, pivot: int
) -> tuple[IntArray, IntArray]:
    """Two points on the optimal line of each row of y and weights, from a first guess of one.

    As `_Descent.run`, with the order of slopes found anew at each step.
    """
    x = x - x[0]
    here, other = np.full(len(y), pivot), np.full(len(y), -1)
    total, moment = weights.sum(axis=1), weights @ x
    active = np.arange(len(y))
    for _ in range(MOST_PIVOTS):
        at = here[active]
        run = x - x[at, None]
        rise = y[active] - y[active, at][:, None]
        slopes = np.divide(rise, run, out=np.full_like(run, np.inf), where=run != 0)
        order = np.argsort(slopes, axis=1)
        bends = np.take_along_axis(weights[active] * np.abs(run), order, axis=1)
        risen = np.cumsum(bends, axis=1, out=bends)
        signed = moment[active] - total[active] * x[at]
        target = risen[:, -1] / 2 + (tau - 0.5) * signed
        first = np.argmax(risen >= (target * (1 - RELATIVE_ROUNDING))[:, None], axis=1)
        best = order[np.arange(active.size), first]
        settled = best == other[active]
        other[active] = at
        here[active] = best
        active = active[~settled]
        if not active.size:
            break
    return here, other


def _refuse_bad(
    x: FloatArray, y: FloatArray, taus: Sequence[float], weights: FloatArray, rows: IntArray
) -> None:
    shapes = (x.ndim, y.shape[1:], weights.shape[1:], rows.shape)
    if shapes != (1, x.shape, x.shape, (len(weights),)) or (rows.size and rows.max() >= len(y)):
        raise ValueError(
            "x must be (n,), y (n,) or (P, n), weights (B, n) and rows (B,) below P, not "
            f"{x.shape}, {y.shape}, {weights.shape}, {rows.shape}"
        )
    for tau in taus:
        if not 0 < tau < 1:
            raise ValueError(f"tau must lie inside (0, 1), not {tau}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("x and y must be finite: leave points without a value out")


def _in_parts(
    determined: IntArray, rows: IntArray, n: int, taus: int
) -> Iterator[tuple[IntArray, list[IntArray]]]:
    """Runs of versions of y, and the weightings that belong to each, in parts that bound memory."""
    ordered = determined[np.argsort(rows[determined], kind="stable")]
    versions = np.arange(rows.max(initial=0) + 1)
    groups = min(versions.size, 1 + versions.size * n * n // ORDERS_AT_ONCE)
    for some in np.array_split(versions, groups):
        ends = np.searchsorted(rows[ordered], [some[0], some[-1] + 1])
        own = ordered[slice(*ends)]
        yield some, np.array_split(own, 1 + own.size * n * taus // CELLS_AT_ONCE)


class _Descent:
    """The descent for versions of y; keeps the order of slopes through each point it visits."""

    def __init__(self, x: FloatArray, y: FloatArray, weightings: int) -> None:
        # Only differences in x matter; subtracting x[0] avoids cancellation between large numbers.
        self._x, self._y = x - x[0], y
        self._slot = np.full(y.shape, -1)
        self._known = 0
        # Room that is not written to costs nothing, and room for all points saves copying what is known.
        room = min(y.size, 1 + ORDERS_AT_ONCE // x.size)
        self._order = np.empty((room, x.size), np.intp)
        self._reach = np.empty((room, x.size))
        if x.size <= LEARNT_AHEAD and weightings >= y.size:
            self._learn(np.arange(y.size))

    def run(
        self, weights: FloatArray, rows: IntArray, pivot: IntArray | int, taus: FloatArray
    ) -> tuple[IntArray, IntArray]:
        """Two points on the optimal line of each quantile and row of weights, from a guess of one.

        Args:
            weights: shape (B, n).
            rows: version of y of each weighting, shape (B,).
            pivot: first guesses, shape (T, B), or one for all.
            taus: quantiles, shape (T,).

        Returns:
            Indices of the points, shape (T, B) each.
        """
        shape = taus.size, len(weights)
        of, lean = np.tile(np.arange(len(weights)), taus.size), np.repeat(taus - 0.5, len(weights))
        pivot = np.array(np.broadcast_to(pivot, shape)).ravel()
        other = np.full(pivot.shape, -1)
        total, moment = weights.sum(axis=1), weights @ self._x
        flat = np.ascontiguousarray(weights).ravel()
        active = np.arange(pivot.size)
        for _ in range(MOST_PIVOTS):
            row = of[active]
            slot = self._slots(rows[row], pivot[active])
            # The objective along the lines through the pivot is convex in the slope and bends at each
            # point i by w_i |x_i - x_p|. Its left slope starts at minus the sum of these, each times
            # tau for points on the right of the pivot and 1 - tau on the left, which is half of all
            # and (tau - 1/2) times their sum with its signs.
            places = self._order.take(slot, axis=0)
            places += (row * self._x.size)[:, None]
            bends = flat.take(places)
            bends *= self._reach.take(slot, axis=0)
            risen = np.cumsum(bends, axis=1, out=bends)
            signed = moment[row] - total[row] * self._x[pivot[active]]
            target = risen[:, -1] / 2 + lean[active] * signed
            best = np.argmax(risen >= (target * (1 - RELATIVE_ROUNDING))[:, None], axis=1)
            best = self._order[slot, best]
            settled = best == other[active]
            other[active] = pivot[active]
            pivot[active] = best
            active = active[~settled]
            if not active.size:
                break
        return pivot.reshape(shape), other.reshape(shape)

    def _slots(self, rows: IntArray, pivot: IntArray) -> IntArray:
        """Where the order of the slopes through each pivot is kept."""
        slot = self._slot[rows, pivot]
        if (unknown := slot < 0).any():
            self._learn(np.unique(rows[unknown] * self._x.size + pivot[unknown]))
            slot = self._slot[rows, pivot]
        return np.asarray(slot)

    def _learn(self, pivots: IntArray) -> None:
        """Order of the slopes through each pivot, with |x - x_p|.

        A pivot is given as version times n, plus the point. Points with the pivot's x do not change
        the objective along its lines, so their place in the order does not matter.
        """
        row, point = np.divmod(pivots, self._x.size)
        run = self._x - self._x[point, None]
        rise = self._y[row] - self._y[row, point][:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = rise / run
        slopes[run == 0] = np.inf
        order = np.argsort(slopes, axis=1)
        start, self._known = self._known, self._known + pivots.size
        if self._known > len(self._order):
            spare = max(pivots.size, len(self._order))
            self._order, self._reach = (
                np.concatenate([old[:start], np.empty((spare, self._x.size), old.dtype)])
                for old in (self._order, self._reach)
            )
        new = slice(start, self._known)
        self._slot[row, point] = np.arange(start, self._known)
        self._order[new] = order
        # As one flat gather, which is several times as fast as one row by row.
        places = order + np.arange(0, order.size, self._x.size)[:, None]
        self._reach[new] = np.abs(run).ravel()[places]


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
