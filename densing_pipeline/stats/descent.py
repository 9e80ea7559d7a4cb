"""Descent to weighted quantile lines through two of the points, as machine code.

The best line through one given point has the weighted quantile of the slopes to the others, and passes through one
of them; alternating between the two points descends to the optimum. Weightings of the same points share the order
of the slopes through a point.

Not here: which lines are asked for, and ties (`quantile`).
"""

import numpy as np

from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.compiled import COUNT, INDICES, NUMBER, NUMBERS, argument, compiled

ORDERS_AT_ONCE = 4_000_000
"""Slopes whose order is kept at a time, to bound memory (8 bytes each)."""

RELATIVE_ROUNDING = 1e-12
"""Relative slack of a cumulative weight that is meant to equal its target."""

MOST_PIVOTS = 1000
"""Most steps of the descent; reached only if it alternates between lines equal up to rounding."""


def points_on_lines(
    x: FloatArray,
    y: FloatArray,
    taus: FloatArray,
    weights: FloatArray,
    rows: IntArray,
    wanted: IntArray,
    guesses: IntArray,
) -> tuple[IntArray, IntArray]:
    """Two points on the optimal line of each quantile and wanted weighting.

    Args:
        x: at least two values, shape (n,).
        y: P versions of the other coordinate, with no three points on a line, shape (P, n).
        taus: quantiles, shape (T,).
        weights: not negative, shape (B, n).
        rows: version of y of each weighting, shape (B,).
        wanted: weightings that are positive on two values of x, those of one version together, shape (W,).
        guesses: a guess of one point of the line, by quantile and version, shape (T, P).

    Returns:
        Indices of the points, shape (T, W) each.
    """
    n = x.size
    room = min(n, max(1, ORDERS_AT_ONCE // n))
    found = np.empty((2, taus.size, wanted.size), np.intp)
    _descend(
        x - x[0],  # only differences matter, and those of large numbers cancel
        argument(y),
        argument(taus),
        argument(weights),
        argument(rows),
        argument(wanted),
        argument(guesses),
        np.tile(np.arange(n), (room, 1)),
        np.full(room, -1),
        np.full(n, -1),
        np.empty(n),
        found[0],
        found[1],
    )
    return found[0], found[1]


@compiled(NUMBERS[1], NUMBERS[1], COUNT, INDICES[1], NUMBERS[1])
def _order_slopes(
    x: FloatArray, y: FloatArray, pivot: int, order: IntArray, slopes: FloatArray
) -> None:
    """Put the points in the order of their slopes from the pivot; `slopes` is room for those, shape (n,).

    Points with the pivot's x do not change the objective along its lines, so their place in the order does not
    matter. The sort is Shell's: compiled in a fifth of the time of numba's own, and fast where the order is nearly
    right, as it is where versions of y differ little.
    """
    n = x.size
    for i in range(n):
        run = x[order[i]] - x[pivot]
        slopes[i] = (y[order[i]] - y[pivot]) / run if run != 0.0 else np.inf
    gap = n
    while gap > 1:
        gap = max(1, 4 * gap // 9)
        for i in range(gap, n):
            point, slope, place = order[i], slopes[i], i
            while place >= gap and slopes[place - gap] > slope:
                order[place], slopes[place] = order[place - gap], slopes[place - gap]
                place -= gap
            order[place], slopes[place] = point, slope


@compiled(NUMBERS[1], NUMBERS[1], INDICES[1], COUNT, NUMBER)
def _next_point(
    x: FloatArray, weights: FloatArray, order: IntArray, pivot: int, leaning: float
) -> int:
    """The other point of the best line through a pivot.

    The objective along the lines through the pivot is convex in the slope and bends at each point i by
    w_i |x_i - x_p|. Its left slope starts at minus the sum of these, each times tau for points on the right of the
    pivot and 1 - tau on the left, which is half of all and (tau - 1/2) times their sum with its signs, `leaning`.
    """
    bends = 0.0
    for k in range(order.size):
        bends += weights[order[k]] * abs(x[order[k]] - x[pivot])
    target = (bends / 2 + leaning) * (1 - RELATIVE_ROUNDING)
    risen = 0.0
    for k in range(order.size):
        risen += weights[order[k]] * abs(x[order[k]] - x[pivot])
        if risen >= target:
            return int(order[k])
    return int(order[0])


@compiled(
    *(NUMBERS[1], NUMBERS[2], NUMBERS[1], NUMBERS[2]),
    *(INDICES[1], INDICES[1], INDICES[2]),
    *(INDICES[2], INDICES[1], INDICES[1], NUMBERS[1], INDICES[2], INDICES[2]),
)
def _descend(
    x: FloatArray,
    y: FloatArray,
    taus: FloatArray,
    weights: FloatArray,
    rows: IntArray,
    wanted: IntArray,
    guesses: IntArray,
    order: IntArray,
    holds: IntArray,
    places: IntArray,
    slopes: FloatArray,
    first: IntArray,
    second: IntArray,
) -> None:
    """Fill in `first` and `second`, see `points_on_lines`.

    `order` has room for the orders of the slopes from some of the points, shape (room, n); `holds` says of each the
    version times n plus the point it was found for, shape (room,), and `places` where that of each point is, shape
    (n,); the oldest are overwritten. `slopes` is room for those of one order, shape (n,).
    """
    n, learnt = x.size, 0
    for column in range(wanted.size):
        b = wanted[column]
        version = rows[b]
        total, moment = 0.0, 0.0
        for i in range(n):
            total += weights[b, i]
            moment += weights[b, i] * x[i]
        for t in range(taus.size):
            here, other = guesses[t, version], -1
            for _ in range(MOST_PIVOTS):
                place = places[here]
                if place < 0 or holds[place] % n != here:
                    places[here] = place = learnt % holds.size
                    learnt += 1
                if holds[place] != version * n + here:
                    holds[place] = version * n + here
                    _order_slopes(x, y[version], here, order[place], slopes)
                leaning = (taus[t] - 0.5) * (moment - total * x[here])
                best = _next_point(x, weights[b], order[place], here, leaning)
                is_settled = best == other
                here, other = best, here
                if is_settled:
                    break
            first[t, column], second[t, column] = here, other
