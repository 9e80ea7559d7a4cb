"""Least-squares line through the densest model of every month.

Not here: the paper's records (`record_setters`), for which a model is compared with all earlier
ones.
"""

import numpy as np
import numpy.typing as npt

from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.lines import Lines, ols_lines
from densing_pipeline.tables.dates import DAY_ZERO

FEWEST_MONTHS = 3
"""Fewest months with a model; two points always lie on a line."""


def monthly_maximum_lines(
    days: FloatArray, values: FloatArray, present: npt.NDArray[np.bool_]
) -> tuple[Lines, npt.NDArray[np.intp]]:
    """Least-squares line through the densest model of every calendar month, for B subsets.

    A month without a model is left out. The x value of a month is its middle day, so that it does
    not depend on the resample.

    Args:
        days: day of each model since day zero, shape (n,).
        values: ln density, shape (n,) or (B, n).
        present: which models each subset holds, shape (B, n).

    Returns:
        Lines (NaN with fewer than three months) and the number of months with a model, shape (B,).
    """
    if not days.size:
        nothing = np.full(len(present), np.nan)
        return Lines(nothing, nothing, nothing), np.zeros(len(present), np.intp)
    day_zero = np.datetime64(DAY_ZERO)
    order = np.argsort(days, kind="stable")
    months = (day_zero + np.floor(days[order]).astype(np.int64)).astype("datetime64[M]")
    distinct, first = np.unique(months, return_index=True)
    length = (distinct + 1).astype("datetime64[D]") - distinct.astype("datetime64[D]")
    middle = (distinct.astype("datetime64[D]") - day_zero).astype(np.float64)
    middle += length.astype(np.float64) / 2
    held = np.where(present, values, -np.inf)[:, order]
    highest = np.maximum.reduceat(held, first, axis=1)
    known = np.isfinite(highest)
    lines = ols_lines(middle, highest, known.astype(np.float64))
    count = known.sum(axis=1)
    return Lines(*(np.where(count >= FEWEST_MONTHS, part, np.nan) for part in lines)), count
