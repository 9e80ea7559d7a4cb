"""One series of densities as the arrays the estimators take, and what it lacks to carry a trend.

Not here: windows and estimates (`densing_law`).
"""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.trends.densing_law import FEWEST_DAYS, FEWEST_FAMILIES, FEWEST_MODELS
from densing_pipeline.trends.lines import FloatArray
from densing_pipeline.trends.windows import DAY_ZERO

SeriesKey = tuple[str, str, str]
"""Reference law, score set and parameter basis."""


class Series(NamedTuple):
    """Models of one series, in order of release.

    Attributes:
        days: days since day zero, shape (n,).
        values: ln density, shape (n,).
        families: family of each model, length n.
    """

    days: FloatArray
    values: FloatArray
    families: tuple[str, ...]

    def kept(self, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> "Series":
        """The models of a mask, shape (n,)."""
        families = tuple(name for name, keep in zip(self.families, mask, strict=True) if keep)
        return Series(self.days[mask], self.values[mask], families)


def series_of(densities: pl.DataFrame, key: SeriesKey, as_of: date) -> Series:
    """The models of one series that were out by a day and whose score the law inverts.

    Args:
        densities: a `densities` frame.
        key: reference law, score set and parameter basis.
        as_of: last release day that counts.
    """
    reference_id, score_set, params_basis = key
    return from_frame(
        densities.filter(
            pl.col("reference_id") == reference_id,
            pl.col("score_set") == score_set,
            pl.col("params_basis") == params_basis,
            pl.col("release_date") <= as_of,
        )
    )


def from_frame(models: pl.DataFrame) -> Series:
    """The models of a frame with release_date, density, family and model_id."""
    dense = models.filter(pl.col("density") > 0, pl.col("density").is_finite()).sort(
        "release_date", "model_id"
    )
    days = (dense["release_date"] - DAY_ZERO).dt.total_days().cast(pl.Float64).to_numpy()
    return Series(days, np.log(dense["density"].to_numpy()), tuple(dense["family"]))


def missing(series: Series) -> str:
    """What the models lack to carry a trend; empty if nothing. The limits are `densing_law`'s."""
    n, days = series.days.size, np.unique(series.days).size
    families = len(set(series.families))
    for what, found, needed in (
        ("models with a density", n, FEWEST_MODELS),
        ("release days", days, FEWEST_DAYS),
        ("model families", families, FEWEST_FAMILIES),
    ):
        if found < needed:
            return f"{what}: {found}, needed: {needed}"
    return "all models have the same density" if np.ptp(series.values) == 0 else ""


def doubling_days(slope: float) -> float | None:
    """Doubling time of a rising trend; none for a flat or falling one."""
    return float(np.log(2) / slope) if slope > 0 else None
