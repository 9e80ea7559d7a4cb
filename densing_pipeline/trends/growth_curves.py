"""Growth curves of ln density over time, straight and bent, fitted to many weightings at once.

| `growth_curve` | ln density at t years | shapes tried |
|---|---|---|
| `line`, `last-24-months` | u + v t | one |
| `saturating` | u + v (1 - exp(-k t)) / k, a Gompertz curve (Winsor 1932, PNAS 18, 1-8): the pace halves every ln 2 / k | half-lives of 6 months to 4 years, and the straight line |
| `broken-line` | u + v t + w (t - T)+ | the first days T of quarters |

Every curve is linear but for one number, its shape, so that a fit is a regression at each shape and the
choice of the best. Shapes are fixed days and durations; so the shapes of a past month end do not
depend on what came later.

Not here: resampling and verdicts (`density_paces`), forecasts (`forecasts.pace_skill`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple, Protocol

import numpy as np

from densing_pipeline.stats.arrays import BoolArray, FloatArray, IntArray
from densing_pipeline.stats.quantile import quantile_line
from densing_pipeline.stats.smoothed_quantile import smoothed_quantile
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_YEAR, days_since_zero
from densing_pipeline.trends.breakpoints import TRIM
from densing_pipeline.trends.record_setters import FEWEST_RECORDS, daily_records
from densing_pipeline.trends.series import FEWEST_MODELS

HALF_LIVES = (np.inf, 4.0, 3.0, 2.0, 1.5, 1.0, 0.75, 0.5)
"""Years in which the pace of a saturating curve halves; the first is the straight line."""

SINGULAR = 1e-9
"""Determinant of the scaled normal equations below which the points determine no curve."""


@dataclass(frozen=True)
class Curve:
    """One kind of curve.

    Attributes:
        name: as in the column `growth_curve`.
        features: from days (n,) and `shape` to the features of the regression, shape (n, p); the
            first is 1, and the second rises with time.
        slopes: the derivatives of the features at a day, by year, shape (p,).
        is_bent: whether the curve has a third feature.
    """

    name: str
    features: Callable[..., FloatArray]
    slopes: Callable[[float, float], FloatArray]
    is_bent: bool = False


class Points(NamedTuple):
    """B weightings of the same models.

    Attributes:
        days: days since day zero, shape (n,).
        values: P versions of ln density, finite where they have weight, shape (P, n).
        rows: version each weighting belongs to, shape (B,).
        weights: not negative, shape (B, n).
    """

    days: FloatArray
    values: FloatArray
    rows: IntArray
    weights: FloatArray


class Fit(NamedTuple):
    """One kind of curve fitted to B weightings; NaN where a weighting determines none.

    Attributes:
        curve: the kind.
        shapes: the best shape of each weighting, shape (B,).
        coefficients: shape (B, p).
    """

    curve: Curve
    shapes: FloatArray
    coefficients: FloatArray

    def pace(self, day: float) -> FloatArray:
        """Slope of ln density on a day, 1 / day, shape (B,)."""
        slopes = np.array([self.curve.slopes(day, shape) for shape in self.shapes])
        return np.asarray((slopes * self.coefficients).sum(axis=1) / DAYS_PER_YEAR)

    def at(self, row: int, days: FloatArray) -> FloatArray:
        """Ln density of one weighting's curve on some days, shape of the days."""
        features = self.curve.features(days, shape=float(self.shapes[row]))
        return np.asarray(features @ self.coefficients[row])


def _years(days: FloatArray) -> FloatArray:
    return np.asarray(days / DAYS_PER_YEAR)


def _straight(days: FloatArray, shape: float = np.inf) -> FloatArray:
    return np.stack([np.ones_like(days), _years(days)], axis=1)


def _saturating(days: FloatArray, shape: float) -> FloatArray:
    if np.isinf(shape):
        return _straight(days)
    rate = np.log(2) / shape
    return np.stack([np.ones_like(days), -np.expm1(-rate * _years(days)) / rate], axis=1)


def _broken(days: FloatArray, shape: float) -> FloatArray:
    bend = np.maximum(_years(days - shape), 0)
    return np.stack([np.ones_like(days), _years(days), bend], axis=1)


def _saturating_slopes(day: float, half_life: float) -> FloatArray:
    return np.array([0.0, 2.0 ** -(day / DAYS_PER_YEAR / half_life)])


LINE = Curve("line", _straight, lambda _day, _shape: np.array([0.0, 1.0]))
RECENT = Curve("last-24-months", _straight, LINE.slopes)
SATURATING = Curve("saturating", _saturating, _saturating_slopes)
BROKEN = Curve(
    "broken-line", _broken, lambda day, at: np.array([0.0, 1.0, float(day >= at)]), is_bent=True
)


def quarters(first: float, last: float) -> FloatArray:
    """First days of the quarters after a day and before another, in days since day zero."""
    start, end = (DAY_ZERO + timedelta(days=day) for day in (int(first), int(last)))
    starts = [
        days_since_zero(date(year, month, 1))
        for year in range(start.year, end.year + 1)
        for month in (1, 4, 7, 10)
    ]
    return np.array([day for day in starts if first < day < last])


def admissible(days: FloatArray, weights: FloatArray, dates: FloatArray, least: int) -> BoolArray:
    """Whether 15 % of the models, and at least a number of them, lie on either side of each date.

    Args:
        days: shape (n,).
        weights: shape (B, n).
        dates: shape (S,).
        least: fewest models on either side.

    Returns:
        Shape (B, S).
    """
    before = weights @ (days[:, None] < dates)
    total = weights.sum(axis=1, keepdims=True)
    needed = np.maximum(TRIM * total, least)
    return np.asarray((before >= needed) & (total - before >= needed))


def shapes_of(
    curve: Curve, points: Points, regression: "Regression"
) -> tuple[FloatArray, BoolArray]:
    """The shapes to try, shape (S,), and which of them each weighting admits, shape (B, S).

    A break needs 15 % of the points and at least 8 models, or 3 record setters, on either side.
    """
    if not curve.is_bent:
        shapes = np.array(HALF_LIVES if curve is SATURATING else HALF_LIVES[:1])
        return shapes, np.ones((len(points.weights), shapes.size), np.bool_)
    dates = quarters(points.days.min(), points.days.max())
    if isinstance(regression, Records):
        return dates, admissible(regression.days, regression.weights, dates, FEWEST_RECORDS)
    return dates, admissible(points.days, points.weights, dates, FEWEST_MODELS)


def fit(curve: Curve, regression: "Regression", shapes: FloatArray, admitted: BoolArray) -> Fit:
    """The curve of the best shape for every weighting: that with the least loss.

    Args:
        curve: the kind of curve.
        regression: fits one shape to all weightings.
        shapes: shapes to try, shape (S,).
        admitted: which of them each weighting admits, shape (B, S).
    """
    size, width = len(admitted), 3 if curve.is_bent else 2
    best, coefficients = np.full(size, np.nan), np.full((size, width), np.nan)
    tried = np.flatnonzero(admitted.any(axis=0))
    if not tried.size:
        return Fit(curve, best, coefficients)
    features = np.stack(
        [curve.features(regression.days, shape=shape) for shape in shapes[tried].tolist()]
    )
    found, loss = regression.fits(features, admitted[:, tried].T)
    loss = np.where(admitted[:, tried].T & np.isfinite(loss), loss, np.inf)
    first, every = loss.argmin(axis=0), np.arange(size)
    some = np.isfinite(loss[first, every])
    best[some] = shapes[tried][first[some]]
    coefficients[some] = found[first, every][some]
    return Fit(curve, best, coefficients)


class Regression(Protocol):
    """Fits features of time to B weightings of models.

    Attributes:
        days: days since day zero of the points, shape (m,).
    """

    days: FloatArray

    def fits(self, features: FloatArray, admitted: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients and losses of several shapes.

        Args:
            features: of each shape at `days`, shape (S, m, p).
            admitted: which shapes each weighting needs, shape (S, B); others may be skipped.

        Returns:
            Coefficients (S, B, p) and the loss per unit of weight (S, B); NaN where there is no fit.
        """


def regression(points: Points, estimator: str, since: FloatArray | float = -np.inf) -> Regression:
    """The regression of an estimator: `paper`, `ols-all` or `quantile-<tau>`.

    Args:
        points: the models.
        estimator: its name.
        since: first day that counts, for all weightings or of each, shape (B, 1). Records are
            relative to earlier models too.
    """
    if estimator == "paper":
        return Records(points, since)
    days, values, rows, weights = points
    weights = weights * (days >= since)
    used = weights.any(axis=0)
    kept = Points(days[used], values[:, used], rows, weights[:, used])
    if estimator == "ols-all":
        y = np.where(kept.weights > 0, kept.values[rows], 0.0)
        return LeastSquares(kept.days, y, kept.weights)
    return Quantiles(kept, float(estimator.removeprefix("quantile-")))


class LeastSquares:
    """Least squares through every point.

    Attributes:
        days: shape (m,).
        weights: shape (B, m).
    """

    def __init__(self, days: FloatArray, y: FloatArray, weights: FloatArray) -> None:
        """Take points, of which y has shape (B, m)."""
        self.days, self.weights = days, weights
        self._y = y

    def fits(self, features: FloatArray, admitted: BoolArray) -> tuple[FloatArray, FloatArray]:
        """As in `Regression`; the loss is the mean squared error."""
        fits = [_least_squares(of_shape, self._y, self.weights) for of_shape in features]
        return np.stack([found for found, _ in fits]), np.stack([loss for _, loss in fits])


class Records(LeastSquares):
    """Least squares through the record setters of each weighting, as the paper does.

    Its points are the distinct days; those with a record have weight 1.
    """

    def __init__(self, points: Points, since: FloatArray | float) -> None:
        """Find the record setters from a day on, against all models."""
        days, highest, is_record = daily_records(
            points.days, points.values[points.rows], points.weights > 0
        )
        is_record = is_record & (days >= since)
        super().__init__(days, np.where(is_record, highest, 0.0), is_record.astype(np.float64))


def _least_squares(
    features: FloatArray, y: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Weighted least squares of y (B, n) on features (n, p)."""
    width = features.shape[1]
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = weights / total[:, None]
        mean = (shares * y).sum(axis=1)
        right = (shares * (y - mean[:, None])) @ features
        products = (features[:, :, None] * features[:, None, :]).reshape(-1, width**2)
        gram = (shares @ products).reshape(-1, width, width)
        size = np.sqrt(np.einsum("bii->bi", gram))
        gram = gram / (size[:, :, None] * size[:, None, :])
    fixed = np.isfinite(gram).all(axis=(1, 2))
    fixed &= np.linalg.det(np.where(fixed[:, None, None], gram, 0.0)) > SINGULAR
    gram[~fixed], size[~fixed] = np.eye(width), np.nan
    found = np.linalg.solve(gram, (right / size)[:, :, None])[:, :, 0] / size
    found[:, 0] += mean
    loss = (shares * (y - found @ features.T) ** 2).sum(axis=1)
    return found, loss


class Quantiles:
    """Quantile regressions of the same points: exact for straight lines, smoothed for other curves.

    Attributes:
        days: shape (n,).
    """

    def __init__(self, points: Points, tau: float) -> None:
        """Fit the straight lines, from which the other fits start."""
        self.days, values, rows, weights = points
        self._tau = tau
        self._y = np.where(weights > 0, values[rows], 0.0)
        total = weights.sum(axis=1, keepdims=True)
        self._shares = weights / np.where(total > 0, total, 1.0)
        self._straight = _straight(self.days)
        slope, intercept = quantile_line(self._straight[:, 1], values, tau, weights, rows)
        self._line = np.stack([intercept, slope], axis=1)
        self._on_line = self._line @ self._straight.T
        off = self._y - self._on_line
        mean = (self._shares * off).sum(axis=1, keepdims=True)
        spread = np.sqrt((self._shares * (off - mean) ** 2).sum(axis=1))
        self._scale = np.where(spread > 0, spread, 1.0)

    def fits(self, features: FloatArray, admitted: BoolArray) -> tuple[FloatArray, FloatArray]:
        """As in `Regression`; the loss is the mean check loss."""
        found = np.full((*admitted.shape, features.shape[-1]), np.nan)
        loss = np.full(admitted.shape, np.nan)
        known = np.isfinite(self._line).all(axis=1)
        bent = np.zeros(len(features), np.bool_)
        for place, of_shape in enumerate(features):
            if np.array_equal(of_shape, self._straight):
                found[place] = self._line
            else:
                bent[place] = True
                near, _ = _least_squares(of_shape[:, :2], self._on_line, self._shares)
                found[place, :, :2], found[place, :, 2:] = near, 0.0
        shape, row = np.nonzero(admitted & known & bent[:, None])
        across = np.ascontiguousarray(features.transpose(0, 2, 1))
        found[shape, row] = smoothed_quantile(
            across[shape],
            self._y[row],
            self._tau,
            self._shares[row],
            start=found[shape, row],
            scale=self._scale[row],
        )
        for place, of_shape in enumerate(features):
            off = self._y - found[place] @ of_shape.T
            rises = np.maximum(self._tau * off, (self._tau - 1) * off)
            loss[place] = (self._shares * rises).sum(axis=1)
        return found, loss
