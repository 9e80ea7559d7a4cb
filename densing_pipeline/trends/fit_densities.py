"""Fit trends to a file of model densities (`densing fit densities MODELS.csv`, or from Python).

Not here: how files are read (`own_files`), and the estimators (`estimators`).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from densing_pipeline.density.fit import PARAMS
from densing_pipeline.own_files.delimited import FileError
from densing_pipeline.own_files.effort import usual_draws
from densing_pipeline.own_files.reading import NOTHING_TOLD, Told, read_roles
from densing_pipeline.own_files.roles import LOGARITHMS, MULTIPLES, Role
from densing_pipeline.stats.intervals import cluster_weights
from densing_pipeline.tables.width import told_high
from densing_pipeline.trends.estimate import NoEstimateError, estimate
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.series import (
    Series,
    doubling_days,
    from_frame,
    missing,
    told_doubling_days,
)

DATE = Role(
    "date",
    "the release date",
    ("date", "releasedate", "released", "release", "day", "published", "publicationdate"),
    kind="date",
)  # fmt: skip
DENSITY = Role(
    "density",
    "the capacity density",
    ("density", "capacitydensity", "rho", "modeldensity"),
    units=LOGARITHMS,
    least=1e-6,
    most=1e6,
)
EFFECTIVE = Role(
    "effective",
    "the effective parameter size",
    ("effective", "effectiveparams", "effectiveparameters", "effectiveparametersize", "effectivesize",
     "neff", "paramseffective"),
    units=(*MULTIPLES, *LOGARITHMS),
    fillers=PARAMS.fillers,
    least=1e2,
    most=1e16,
)  # fmt: skip
FAMILY = Role(
    "family",
    "the model family",
    ("family", "modelfamily", "series", "organisation", "organization", "org", "lab", "developer",
     "publisher", "maker", "vendor", "company"),
    kind="label",
)  # fmt: skip

ROLES = (DATE, DENSITY, EFFECTIVE, PARAMS, FAMILY)
NEEDED = (("date", "density"), ("date", "effective", "params"))

ESTIMATORS = ("quantile-0.9", "paper", "ols-all")
"""The headline's, the paper's own, and the mean."""


class Trend(NamedTuple):
    """One estimate of the doubling time.

    Attributes:
        estimator: its name.
        slope: growth of ln density, 1 / day; None without an estimate.
        slope_low: lower end of the 95 % interval of the slope.
        slope_high: upper end.
        days: doubling time; None without an estimate, or if density grew less than twofold.
        low: lower end of its interval, days; None if density does not grow in any of it.
        high: upper end; None if the interval reaches densities that do not grow, or an end that says nothing.
        n: points of the line.
        reason: why there is no doubling time; empty with one.
    """

    estimator: str
    slope: float | None
    slope_low: float | None
    slope_high: float | None
    days: float | None
    low: float | None
    high: float | None
    n: int
    reason: str


class DensityFit(NamedTuple):
    """Trends of a file of densities.

    Attributes:
        trends: one per estimator of `ESTIMATORS`.
        n_models: models fitted.
        n_families: families that were resampled.
        draws: resamples.
        notes: how the file was read, and what was left out.
    """

    trends: tuple[Trend, ...]
    n_models: int
    n_families: int
    draws: int
    notes: tuple[str, ...]


def fit_densities(
    path: Path | str, *, draws: int | None = None, seed: int = 0, told: Told = NOTHING_TOLD
) -> DensityFit:
    """Fit the doubling time of density to a file of models, as `densing_law` does.

    Args:
        path: a delimited file with columns for date and density (or effective and actual parameters), and
            perhaps family, under any of the names of `ROLES`. Without families every model is its own, and
            the interval is too narrow where models share data or recipe.
        draws: bootstrap resamples of families; `effort.usual_draws` if None.
        seed: seed of the resamples.
        told: columns and units, where the file does not say them.

    Raises:
        FileError: the file cannot be read, a column is missing or in an unknown unit, or the models do not
            determine a trend.
    """
    found = read_roles(Path(path), ROLES, NEEDED, told)
    models, notes = found.columns, list(found.notes)
    if "density" not in models.columns:
        models = models.with_columns(density=models["effective"] / models["params"])
    if "family" not in models.columns:
        models = models.with_columns(family=models.with_row_index()["index"].cast(str))
        notes.append("no column family: every model counts as a family of its own")
    named = models.rename({"date": "release_date"}).with_columns(model_id=models["family"])
    series = from_frame(named)
    early = named.height - series.days.size
    if early == named.height:
        raise FileError(f"{path}: no trend: all {early} dates are before 2018")
    if early:
        notes.append(f"{early} models left out: their dates are before 2018")
    if lacking := missing(series):
        raise FileError(f"{path}: no trend: {lacking}")
    n_families = len(set(series.families))
    draws = draws or usual_draws(series.days.size)
    trends = tuple(_trend(name, series, draws, seed) for name in ESTIMATORS)
    return DensityFit(trends, series.days.size, n_families, draws, tuple(notes))


def _trend(name: str, series: Series, draws: int, seed: int) -> Trend:
    weights = cluster_weights(series.families, draws, seed)
    try:
        found = estimate(TREND_ESTIMATORS[name], series, ALWAYS, weights)
    except NoEstimateError as error:
        return Trend(name, None, None, None, None, None, None, error.n_points, str(error))
    low, high = map(float, np.array(found.interval))
    days, reason = told_doubling_days(found.slope, float(np.ptp(series.days)))
    shortest, longest = doubling_days(high), doubling_days(low)
    return Trend(
        name, found.slope, low, high, days, shortest, told_high(shortest, longest), found.n_points,
        reason,
    )  # fmt: skip
