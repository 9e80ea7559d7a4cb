"""The best of many intervals on each day.

Not here: what the intervals are, and in which order they are preferred (`frontier`, `decomposition`).
"""

import numpy as np
from numpy.typing import NDArray

from densing_pipeline.stats.arrays import IntArray


def cheapest(
    starts: NDArray[np.int32], ends: NDArray[np.int32]
) -> tuple[NDArray[np.int32], IntArray]:
    """Which of the intervals, given best first, is the best one on each day.

    Args:
        starts: first days, shape (n,), n > 0, in order of preference.
        ends: days after the last, shape (n,).

    Returns:
        Days on which the answer may change, ascending, and the number of the best interval from each
        of them on; n where no interval covers the day.

    An interval covers a range of the sorted days. Any range is the union of two that are a power of
    two long, so it suffices to note each interval at two places of a table of such ranges and to
    pass the minima down the table: O(n + m log m) without a loop over days or intervals.
    """
    days = np.unique(np.concatenate([starts, ends]))
    low, high = np.searchsorted(days, starts), np.searchsorted(days, ends)
    none = len(starts)
    width = np.log2(np.maximum(high - low, 1)).astype(np.intp)
    table = np.full((int(width.max()) + 1, len(days)), none, dtype=np.intp)
    rank = np.arange(none)
    np.minimum.at(table, (width, low), rank)
    np.minimum.at(table, (width, high - (1 << width)), rank)
    for k in range(len(table) - 1, 0, -1):
        half = 1 << (k - 1)
        np.minimum(table[k - 1], table[k], out=table[k - 1])
        np.minimum(table[k - 1][half:], table[k][:-half], out=table[k - 1][half:])
    return days, table[0]
