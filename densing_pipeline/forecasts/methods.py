"""The forecasting methods: draws of progress at several days ahead, from one vintage.

| method | density | price |
|---|---|---|
| `trend` | quantile-0.9 line, resampled by family, plus how far the record stood off it | steps of the curve, resampled in order of time |
| `paper-recipe` | least squares through the records, resampled by family, plus residuals | line through the first and the last price |
| `last-24-months` | as `trend`, through the models of the last 24 months | |
| `pooled` | the pace pooled over benchmarks, plus how far the record stood off it in the last 24 months | |
| `saturating` | the Gompertz curve of the quantile .9, resampled by family, plus how far the record stood off it | |
| `last-12-months` | the record's rate over the last year goes on | the same |
| `paper-constant` | doubling every 3.5 months | halving every 2.6 months |
| `no-change` | the record stands | the same |

A record cannot fall, so no draw is below the current record. The last three methods have no
interval: one draw. Every method takes the days ahead, shape (h,), and returns progress, shape
(draws, h).

Not here: vintages, and the quantiles of forecasts (`forecasts`).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from densing_pipeline import paper
from densing_pipeline.cost import curves
from densing_pipeline.forecasts.vintages import Vintage, month_ends
from densing_pipeline.headline import HEADLINE
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import MOST_LOST, cluster_weights
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_MONTH, days_since_zero
from densing_pipeline.trends.estimate import TRUSTED_RECORDS
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.growth_curves import SATURATING, Points, fit, regression, shapes_of
from densing_pipeline.trends.series import missing
from densing_pipeline.trends.windows import RECENT_DAYS

PAPER_MONTHS = {"density": paper.DENSITY_DOUBLING_MONTHS, "price": paper.PRICE_HALVING_MONTHS}
"""The paper's constants: months in which density doubles (NMI), and in which the price halves."""

LOOKBACK_DAYS = 365.0
"""Days over which the method `last-12-months` measures the rate."""

FEWEST_STEPS = 3

CURVE_RESAMPLES = 50
"""Most resamples of a saturating curve, which is fitted at eight shapes in each."""


class NoForecastError(ValueError):
    """The method needs more data than the vintage has; the message says what is missing."""


def no_change(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """The record stays the same."""
    return np.full((1, ahead.size), vintage.progress[-1])


def paper_constant(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """The record rises at the paper's rate."""
    rate = np.log(2) / (PAPER_MONTHS[vintage.target] * DAYS_PER_MONTH)
    return np.asarray(vintage.progress[-1] + rate * ahead)[None]


def last_12_months(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """The record rises at its rate of the last year.

    Raises:
        NoForecastError: the series is younger than a year.
    """
    before = vintage.at(vintage.today - LOOKBACK_DAYS)
    if before is None:
        raise NoForecastError("the series is younger than 12 months")
    rate = (vintage.progress[-1] - before) / LOOKBACK_DAYS
    return np.asarray(vintage.progress[-1] + rate * ahead)[None]


def density_trend(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Forecasts by the line of the headline estimator."""
    return _line(vintage, HEADLINE.estimator, ahead, draws, rng)


def density_paper(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Forecasts by the paper's line through the records."""
    if vintage.days.size < TRUSTED_RECORDS:
        raise NoForecastError(f"records: {vintage.days.size}, needed: {TRUSTED_RECORDS}")
    return _line(vintage, "paper", ahead, draws, rng)


def density_recent(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Forecasts by the line of the headline estimator through the models of the last 24 months."""
    models = vintage.models
    if models is None:
        raise NoForecastError("a price has no models")
    since = vintage.today - RECENT_DAYS
    recent = replace(vintage, models=models.kept(np.asarray(models.days >= since)))
    return _line(recent, HEADLINE.estimator, ahead, draws, rng, since)


def density_pooled(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Growth by the pace that benchmarks agree on, from where the record stood off it in the last 24 months.

    Raises:
        NoForecastError: no pooled pace was known.
    """
    pace = vintage.pooled_pace
    if pace is None:
        raise NoForecastError("too few benchmarks give a pooled pace")
    past, stood = _past(vintage, vintage.today - RECENT_DAYS)
    off = rng.choice(stood - pace.slope * past, draws)
    slopes = pace.slope + pace.variance**0.5 * rng.standard_t(pace.freedom, draws)
    level = pace.slope * vintage.today + off
    return np.asarray(np.maximum(level[:, None] + slopes[:, None] * ahead, vintage.progress[-1]))


def density_saturating(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """The saturating curve of the headline's quantile, resampled by family, plus residuals of the record.

    Raises:
        NoForecastError: the models determine no curve.
    """
    models = vintage.models
    if models is None or (lacking := missing(models)):
        raise NoForecastError(lacking if models else "a price has no models")
    resamples = min(draws, CURVE_RESAMPLES)
    drawn = cluster_weights(models.families, resamples, int(rng.integers(2**32)))
    weights = np.vstack([np.ones((1, models.days.size)), drawn])
    points = Points(models.days, models.values[None], np.zeros(len(weights), np.intp), weights)
    regress = regression(points, HEADLINE.estimator)
    curve = fit(SATURATING, regress, *shapes_of(SATURATING, points, regress))
    carried = np.asarray(np.isfinite(curve.coefficients).all(axis=1))
    if not carried[0] or carried[1:].mean() < 1 - MOST_LOST:
        raise NoForecastError(f"resamples that carry a curve: {carried[1:].sum()} of {resamples}")
    past, stood = _past(vintage)
    reached = np.stack([curve.at(row, vintage.today + ahead) for row in range(len(weights))])
    rows = rng.choice(np.flatnonzero(carried[1:]) + 1, draws)
    off = rng.choice(stood - curve.at(0, past), draws)
    return np.asarray(np.maximum(reached[rows] + off[:, None], vintage.progress[-1]))


def price_trend(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Resampled steps of the curve so far: how long a price held, and by how much it then fell.

    The time since the newest price counts as a step without a fall, as in `cost.halving`.

    Raises:
        NoForecastError: the curve has too few steps.
    """
    if vintage.days.size - 1 < FEWEST_STEPS:
        raise NoForecastError(f"price falls: {vintage.days.size - 1}, needed: {FEWEST_STEPS}")
    waits = np.append(np.diff(vintage.days), vintage.today - vintage.days[-1])
    rises = np.append(np.diff(vintage.progress), 0.0)
    kept = waits > 0
    steps = int(3 * ahead.max() / waits[kept].mean()) + 10
    times, paths = curves.resampled(waits[kept], rises[kept], steps, draws, rng)
    reached = (times[:, :, None] <= ahead).sum(axis=1) - 1
    return np.asarray(vintage.progress[-1] + np.take_along_axis(paths, reached, axis=1))


def price_paper(
    vintage: Vintage, ahead: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """The line through the first and the last price, as for the paper's 266.7-fold fall.

    Raises:
        NoForecastError: the price has not changed yet.
    """
    if vintage.days.size < 2:
        raise NoForecastError("the price has not changed yet")
    elapsed = vintage.today - vintage.days[0]
    rate = (vintage.progress[-1] - vintage.progress[0]) / elapsed
    return np.asarray(vintage.progress[-1] + rate * ahead)[None]


Method = Callable[[Vintage, FloatArray, int, np.random.Generator], FloatArray]

METHODS: dict[str, dict[str, Method]] = {
    "density": {
        "trend": density_trend,
        "last-24-months": density_recent,
        "pooled": density_pooled,
        "saturating": density_saturating,
        "paper-recipe": density_paper,
        "last-12-months": last_12_months,
        "paper-constant": paper_constant,
        "no-change": no_change,
    },
    "price": {
        "trend": price_trend,
        "paper-recipe": price_paper,
        "last-12-months": last_12_months,
        "paper-constant": paper_constant,
        "no-change": no_change,
    },
}
"""Every method by target and name."""

EXTRAPOLATING = {
    density_trend, density_recent, density_pooled, density_saturating, density_paper, price_trend,
    price_paper, last_12_months,
}  # fmt: skip
"""Methods that estimate a rate from the record; they forecast no further ahead than the record is
long."""


def _line(
    vintage: Vintage,
    estimator: str,
    ahead: FloatArray,
    draws: int,
    rng: np.random.Generator,
    since: float = -np.inf,
) -> FloatArray:
    """A resampled line plus residuals of the record from the fitted line at past month ends.

    Raises:
        NoForecastError: the models do not determine a line.
    """
    models = vintage.models
    if models is None or (lacking := missing(models)):
        raise NoForecastError(lacking if models else "a price has no models")
    lines = TREND_ESTIMATORS[estimator].lines
    weights = cluster_weights(models.families, draws, int(rng.integers(2**32)))
    drawn = np.vstack([np.ones((1, models.days.size)), weights])
    found = lines(models.days, models.values, drawn, ALWAYS)[0]
    slope, intercept = found.slope[1:], found.intercept[1:]
    carried = np.isfinite(slope)
    if not np.isfinite(found.slope[0]) or carried.mean() < 1 - MOST_LOST:
        raise NoForecastError(f"resamples that carry a line: {carried.sum()} of {draws}")
    past, stood = _past(vintage, since)
    off = stood - (found.intercept[0] + found.slope[0] * past)
    rows = rng.choice(np.flatnonzero(carried), draws)
    line = intercept[rows, None] + slope[rows, None] * (vintage.today + ahead)
    return np.asarray(np.maximum(line + rng.choice(off, draws)[:, None], vintage.progress[-1]))


def _past(vintage: Vintage, since: float = -np.inf) -> tuple[FloatArray, FloatArray]:
    """Month ends from the first record (or from a day) to now, and the record on each, shape (k,) each."""
    first = DAY_ZERO + timedelta(days=int(max(vintage.days[0], since)))
    past = np.array([days_since_zero(day) for day in month_ends(vintage.month_end, first)])
    return past, vintage.progress[np.searchsorted(vintage.days, past, side="right") - 1]
