"""The paper's estimator: least-squares line through the record setters.

A model sets a record if it is denser than every earlier model. Of several models on one day only
the densest can set one, and a tie with the current record is no record (NMI Methods; the rule for
ties was recovered from Fig. 1).

Not here: other estimators (`stats.lines`, `stats.quantile`) and intervals (`stats.intervals`).
"""

import numpy as np
import numpy.typing as npt

from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.stats.lines import Lines, ols_lines

FEWEST_RECORDS = 3
"""Fewest records for a line; two points always lie on a line."""


def daily_records(
    days: FloatArray, values: FloatArray, present: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """The densest model of each day, and whether it set a record, for B subsets of the models.

    Args:
        days: day of each model, shape (n,).
        values: ln density, shape (n,) or (B, n).
        present: which models each subset holds, shape (B, n).

    Returns:
        The m distinct days in order, the highest value of each day (-inf without a model), shape
        (B, m),
        and whether that is a record, shape (B, m).
    """
    order = np.argsort(days, kind="stable")
    distinct, first = np.unique(days[order], return_index=True)
    held = np.where(present, values, -np.inf)[:, order]
    highest = np.maximum.reduceat(held, first, axis=1)
    before = np.full_like(highest, -np.inf)
    before[:, 1:] = np.maximum.accumulate(highest, axis=1)[:, :-1]
    return distinct, highest, highest > before


def record_lines(
    days: FloatArray,
    values: FloatArray,
    present: BoolArray,
    window: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[Lines, npt.NDArray[np.intp]]:
    """Least-squares line through the records of each subset within the window.

    Records are relative to all earlier models, including those before the window; otherwise the
    first model of a window would always be a record.

    Args:
        days: day of each model, shape (n,).
        values: ln density, shape (n,) or (B, n).
        present: which models each subset holds, shape (B, n).
        window: first and last day whose records enter the line.

    Returns:
        Lines (NaN with fewer than three records) and the number of records, shape (B,).
    """
    distinct, highest, record = daily_records(days, values, present)
    record = record & (distinct >= window[0]) & (distinct <= window[1])
    count = record.sum(axis=1)
    lines = ols_lines(distinct, highest, record.astype(np.float64))
    enough = count >= FEWEST_RECORDS
    return Lines(*(np.where(enough, part, np.nan) for part in lines)), count
