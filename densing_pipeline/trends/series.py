"""One series of densities as arrays for the estimators, and the check that it has enough data.

Not here: windows and estimates (`densing_law`).
"""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.density.drawn_law import DrawnLaw, DrawnLaws
from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.tables.columns import EARLIEST
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_YEAR

SeriesKey = tuple[str, str, str]
"""Reference law, score set and parameter basis."""

FEWEST_MODELS = 8
FEWEST_DAYS = 3
FEWEST_FAMILIES = 5
"""Fewest families for an interval; fewer give too few distinct resamples."""

SAME = 1e-9
"""Relative difference of ln densities below which they count as equal, to exclude rounding."""


class Series(NamedTuple):
    """Models of one series, in order of release.

    Attributes:
        days: days since day zero, shape (n,).
        values: ln density, shape (n,).
        families: family of each model, length n.
        drawn: ln density under each draw of the reference law, not finite where the draw does not
            invert the score, shape (K, n); no rows for a law without draws.
        jumped: whether each draw of the law lies in another minimum, shape (K,); None if not known.
    """

    days: FloatArray
    values: FloatArray
    families: tuple[str, ...]
    drawn: FloatArray
    jumped: BoolArray | None = None

    def kept(self, mask: BoolArray) -> "Series":
        """The models selected by a mask of shape (n,)."""
        families = tuple(name for name, keep in zip(self.families, mask, strict=True) if keep)
        return Series(
            self.days[mask], self.values[mask], families, self.drawn[:, mask], self.jumped
        )


def series_of(
    densities: pl.DataFrame, key: SeriesKey, as_of: date, laws: DrawnLaws | None = None
) -> Series:
    """The models of one series that were released by a day and have a density.

    Args:
        densities: a `densities` frame.
        key: reference law, score set and parameter basis.
        as_of: last release day that counts.
        laws: draws of the reference laws.
    """
    reference_id, score_set, params_basis = key
    own = densities.filter(
        pl.col("reference_id") == reference_id,
        pl.col("score_set") == score_set,
        pl.col("params_basis") == params_basis,
        pl.col("release_date") <= as_of,
    )
    return from_frame(own, (laws or {}).get((reference_id, score_set)))


def from_frame(models: pl.DataFrame, law: DrawnLaw | None = None) -> Series:
    """The models of a frame with release_date, density, family and model_id.

    Args:
        models: the frame; with a drawn law also score and params.
        law: draws of the law behind the densities.
    """
    # Dates before 2018 are errors of their source; no table accepts them.
    dense = models.filter(
        pl.col("density") > 0,
        pl.col("density").is_finite(),
        pl.col("release_date") >= EARLIEST,
    ).sort("release_date", "model_id")
    days = (dense["release_date"] - DAY_ZERO).dt.total_days().cast(pl.Float64).to_numpy()
    values = np.log(dense["density"].cast(pl.Float64).to_numpy())
    drawn, jumped = _drawn(dense, law), law.jumped if law else None
    return Series(days, values, tuple(dense["family"]), drawn, jumped)


def _drawn(dense: pl.DataFrame, law: DrawnLaw | None) -> FloatArray:
    if law is None:
        return np.empty((0, dense.height))
    sizes = law.effective_params(dense["score"].to_numpy())
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(sizes) - np.log(dense["params"].to_numpy()))


def missing(series: Series, censored: int = 0) -> str:
    """Why the models do not determine a trend; empty if they do.

    Args:
        series: the models.
        censored: number of further models whose score the reference law cannot invert.
    """
    n, days = series.days.size, np.unique(series.days).size
    families = len(set(series.families))
    if n == 0:
        return (
            f"all {censored} models are censored: the reference law inverts none of their scores"
            if censored
            else "no model in the window has both a score and this parameter count"
        )
    left_out = f" ({censored} more are censored)" if censored else ""
    for what, found, needed in (
        ("models with a density", f"{n}{left_out}", n < FEWEST_MODELS and FEWEST_MODELS),
        ("release days", days, days < FEWEST_DAYS and FEWEST_DAYS),
        ("model families", families, families < FEWEST_FAMILIES and FEWEST_FAMILIES),
    ):
        if needed:
            return f"{what}: {found}, needed: {needed}"
    spread, size = float(np.ptp(series.values)), float(np.abs(series.values).max())
    return "all models have the same density" if spread <= SAME * max(1.0, size) else ""


LONGEST_DAYS = 10 * DAYS_PER_YEAR
"""Longest doubling time that is published, ten years: no history that it could be seen in is as long."""


def doubling_days(slope: float) -> float | None:
    """Doubling time in days of a rising trend; None if it does not rise, or takes over `LONGEST_DAYS`."""
    days = float(np.log(2) / slope) if slope > 0 else np.inf
    return days if days <= LONGEST_DAYS else None


def told_doubling_days(slope: float, span: float) -> tuple[float | None, str]:
    """The doubling time that a trend over so many days tells, or None and why it tells none.

    Args:
        slope: trend of ln density, 1 / day.
        span: days from the first model to the last.
    """
    if slope <= 0:
        return None, "density does not grow, so it has no doubling time"
    days = float(np.log(2) / slope)
    if days > span:
        grown = float(np.exp(slope * span))
        return None, f"no doubling time told: density grew {grown:.2f}-fold in {span:.0f} days"
    return days, ""


def open_end(low: float, high: float) -> str:
    """What an interval of the slope without a longest doubling time says of it; empty if it has one."""
    if doubling_days(low) is not None:
        return ""
    if low > 0:
        return f"the interval holds doubling times over {LONGEST_DAYS / DAYS_PER_YEAR:.0f} years"
    return "the interval holds density that does not grow" if high > 0 else "density falls"
