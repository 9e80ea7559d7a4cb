"""The `density_paces` table: whether density still grows at the pace of its whole history.

Beside the line over the whole history stand three rivals: the line over the last 24 months, a
saturating curve and a broken line. Each gives the pace on the newest release date, and its difference
from the line's under the same resamples of families and draws of the law. The rows of both lines are
those of `densing_law`.

Not here: the curves (`growth_curves`), and how well each forecast (`forecasts.pace_skill`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.density.drawn_law import DrawnLaws
from densing_pipeline.density.score_sets import ONE_BENCHMARK
from densing_pipeline.headline import HEADLINE
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import (
    MOST_LOST,
    cluster_weights,
    clustered_interval,
    percentile_interval,
)
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_YEAR, days_since_zero
from densing_pipeline.tables.published import DENSITY_PACES
from densing_pipeline.tables.width import with_width
from densing_pipeline.trends.breakpoints import TRIM
from densing_pipeline.trends.densing_law import SHORT, SHORT_BASES, of_population
from densing_pipeline.trends.estimate import law_of
from densing_pipeline.trends.growth_curves import (
    BROKEN,
    LINE,
    RECENT,
    SATURATING,
    Curve,
    Fit,
    Points,
    Regression,
    fit,
    regression,
    shapes_of,
)
from densing_pipeline.trends.record_setters import FEWEST_RECORDS
from densing_pipeline.trends.series import (
    FEWEST_MODELS,
    Series,
    doubling_days,
    from_frame,
    open_end,
    told_doubling_days,
)

SCORE_SETS = ("average", "mmlu", *ONE_BENCHMARK)
"""Score sets that gain models; the paper's own set ends in April 2025."""

MOST_DRAWS = 100
"""Most resamples behind an interval, as in `sensitivity`: bent curves are fitted at ten shapes each."""

FEWEST_PACE_SERIES = 4
"""Fewest series, of tenths of a second each, for which a second process is started."""

BULK = (0.05, 0.95)
"""Shares of the models between whose release dates a pace must have halved to say where it ends."""

FARTHEST_FOLD = 1000.0
"""Largest rise up to the level of a saturating curve that is published."""

SERIES = ("reference_id", "score_set", "params_basis", "population")

_COUNTS = ("n_models", "n_clusters", "newest_model", "newest_release")
_FROM_LAW = (
    *_COUNTS, "verdict", "reason", "slope_per_day", "slope_low", "slope_high", "doubling_days", "doubling_days_low",
    "doubling_days_high",
)  # fmt: skip


def density_paces(
    densities: pl.DataFrame,
    densing_law: pl.DataFrame,
    *,
    draws: int,
    seed: int,
    laws: DrawnLaws | None = None,
) -> pl.DataFrame:
    """Pace of density by four growth curves, for every series, population and estimator.

    Args:
        densities: a `densities` frame.
        densing_law: the `densing_law` frame of these densities.
        draws: resamples behind each interval; more than 100 count as 100.
        seed: seed of the resamples.
        laws: draws of the reference laws, as for `densing_law`.

    Returns:
        A `density_paces` frame; a curve whose parameters the data do not determine has verdict
        `insufficient` and the reason.
    """
    pieces = []
    for key, lines in _lines(densing_law):
        models = densities.filter(
            *(pl.col(name) == value for name, value in zip(SERIES[:3], key[:3], strict=True)),
            pl.col("release_date") <= lines["as_of"][0],
        )
        series = from_frame(of_population(models, key[3]), (laws or {}).get((key[0], key[1])))
        pieces.append((key, series, lines))
    work = partial(_of_series, draws=min(draws, MOST_DRAWS), seed=seed)
    rows = list(chain.from_iterable(parallel_map(work, pieces, fewest=FEWEST_PACE_SERIES)))
    if not rows:
        return DENSITY_PACES.empty()
    made = pl.DataFrame(rows, infer_schema_length=None)
    return with_width(DENSITY_PACES, made, "doubling_days_low", "doubling_days_high")


def _lines(densing_law: pl.DataFrame) -> Iterator[tuple[tuple[str, ...], pl.DataFrame]]:
    """The rows of both lines by series."""
    shown = densing_law.filter(
        pl.col("reference_id") == HEADLINE.reference_id,
        pl.col("score_set").is_in(SCORE_SETS),
        pl.col("params_basis").is_in(SHORT_BASES),
        pl.col("window").is_in(["all", "last-24-months"]),
        pl.col("estimator").is_in(SHORT),
    )
    for key, lines in sorted(shown.partition_by(SERIES, as_dict=True).items()):
        yield tuple(map(str, key)), lines


def _of_series(
    piece: tuple[tuple[str, ...], Series, pl.DataFrame], draws: int, seed: int
) -> list[dict[str, Any]]:
    """The rows of one series by every estimator."""
    key, series, lines = piece
    points = resampled_points(series, draws, seed)
    named = dict(zip(SERIES, key, strict=True)) | {
        "as_of": lines["as_of"][0],
        "seed": seed,
        "draws": draws,
    }
    rows = []
    for estimator in SHORT:
        whole, recent = (
            lines.filter(estimator=estimator, window=window).row(0, named=True)
            for window in ("all", "last-24-months")
        )
        of_estimator = _rows(series, points, estimator, whole, recent)
        rows += [named | {"estimator": estimator} | row for row in of_estimator]
    return rows


def resampled_points(series: Series, draws: int, seed: int) -> Points:
    """The models once as they are, then resampled by family, each resample under a draw of the law."""
    once = np.ones((1, series.days.size))
    if not series.days.size:
        return Points(series.days, series.values[None], np.zeros(1, np.intp), once)
    weights = np.vstack([once, cluster_weights(series.families, draws, seed)])
    if not len(series.drawn):
        return Points(series.days, series.values[None], np.zeros(len(weights), np.intp), weights)
    of = law_of(draws, len(series.drawn))
    known = np.isfinite(series.drawn)
    values = np.vstack([series.values, np.where(known, series.drawn, 0.0)[: of.max() + 1]])
    weights[1:] *= known[of]
    return Points(series.days, values, np.append(0, 1 + of), weights)


class _Paces(NamedTuple):
    """One kind of curve fitted to the models and to the resamples.

    Attributes:
        fit: the fits; the first is that of the models.
        tried: the shapes that the models admit, ascending.
        slopes: slope on the newest release date, 1 / day, shape (1 + draws,).
    """

    fit: Fit
    tried: FloatArray
    slopes: FloatArray


def _rows(
    series: Series,
    points: Points,
    estimator: str,
    whole: dict[str, Any],
    recent: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """The rows of one series and estimator."""
    yield {"growth_curve": LINE.name} | {name: whole[name] for name in _FROM_LAW}
    from_law = {"growth_curve": RECENT.name} | {name: recent[name] for name in _FROM_LAW}
    counted = {name: whole[name] for name in _COUNTS}
    if whole["verdict"] != "ok":
        yield from_law
        for curve in (SATURATING, BROKEN):
            yield counted | {"growth_curve": curve.name} | _insufficient(whole["reason"])
        return
    regress = regression(points, estimator)
    straight = _paces(LINE, points, regress, series)
    families = whole["n_clusters"]
    if recent["verdict"] == "ok":
        since = days_since_zero(recent["window_start"])
        found = _paces(RECENT, points, regression(points, estimator, since), series)
        from_law |= _difference(found, straight, recent["n_clusters"]) or {}
    yield from_law
    for curve in (SATURATING, BROKEN):
        found = _paces(curve, points, regress, series)
        yield counted | {"growth_curve": curve.name} | _rival(found, straight, points, families)


def _paces(curve: Curve, points: Points, regress: Regression, series: Series) -> _Paces:
    """A curve fitted to all weightings; resamples try only shapes that the models admit too."""
    shapes, admitted = shapes_of(curve, points, regress)
    found = fit(curve, regress, shapes, admitted & admitted[:1])
    return _Paces(found, np.sort(shapes[admitted[0]]), found.pace(float(series.days[-1])))


def _rival(found: _Paces, straight: _Paces, points: Points, families: int) -> dict[str, Any]:
    """The numbers of a bent curve, or why there are none."""
    own = _break(found) if found.fit.curve.is_bent else _saturation(found, points, families)
    if isinstance(own, str):
        return _insufficient(own)
    interval = clustered_interval(found.slopes[1:], families)
    difference = _difference(found, straight, families)
    if interval is None or difference is None:
        carried = int(np.isfinite(found.slopes[1:]).sum())
        return _insufficient(
            f"resamples that carry a curve: {carried} of {found.slopes.size - 1}, "
            f"needed: {1 - MOST_LOST:.0%}"
        )
    slope = float(found.slopes[0])
    told, untold = told_doubling_days(slope, float(np.ptp(points.days)))
    return {
        "verdict": "ok",
        "reason": "; ".join(filter(None, (untold, open_end(*interval)))),
        "slope_per_day": slope,
        "slope_low": interval[0],
        "slope_high": interval[1],
        "doubling_days": told,
        "doubling_days_low": doubling_days(interval[1]),
        "doubling_days_high": doubling_days(interval[0]),
        **difference,
        **own,
    }


def _difference(found: _Paces, straight: _Paces, families: int) -> dict[str, float] | None:
    """The slope less that of the line over the whole history, with its interval."""
    less = found.slopes - straight.slopes
    interval = clustered_interval(less[1:], families)
    if interval is None or not np.isfinite(less[0]):
        return None
    return {
        "slope_less_line": float(less[0]),
        "slope_less_line_low": interval[0],
        "slope_less_line_high": interval[1],
    }


def _break(found: _Paces) -> dict[str, Any] | str:
    """Date of the break and slope before it, or why they are not determined."""
    at = found.fit.shapes
    if np.isnan(at[0]):
        return (
            f"no quarter begins with {TRIM:.0%} and at least {FEWEST_MODELS} of the models "
            f"({FEWEST_RECORDS} of the record setters) on either side"
        )
    if at[0] in found.tried[[0, -1]]:
        return f"the best break, {_day(at[0])}, is at the edge of the quarters searched"
    ends = percentile_interval(at[1:])
    return {
        "slope_before": float(found.fit.coefficients[0, 1] / DAYS_PER_YEAR),
        "break_date": _day(at[0]),
        "break_date_low": ends and _day(ends[0]),
        "break_date_high": ends and _day(ends[1]),
    }


def _saturation(found: _Paces, points: Points, families: int) -> dict[str, Any] | str:
    """Half-life of the pace and the rise that is left, or why they are not determined."""
    half_life = float(found.fit.shapes[0])
    bulk = float(np.ptp(np.quantile(points.days, BULK))) / DAYS_PER_YEAR
    if np.isinf(half_life):
        return "no saturation shows: the straight line fits best"
    if half_life == found.tried[0]:
        return (
            f"the pace halves in {12 * half_life:.0f} months or less, the edge of what is searched"
        )
    if half_life > bulk:
        return (
            f"the pace would halve in {half_life:.1f} years, but nine tenths of the models came "
            f"within {bulk:.1f}: where it levels off is not determined"
        )
    if found.slopes[0] <= 0:
        return "density does not rise by the best curve, so it levels off nowhere above"
    with np.errstate(over="ignore", invalid="ignore"):
        left = found.slopes * DAYS_PER_YEAR * found.fit.shapes / np.log(2)
        shares = np.exp(-np.where(np.isnan(found.slopes), np.nan, left))
    if left[0] > np.log(FARTHEST_FOLD):
        return f"it would level off more than {FARTHEST_FOLD:,.0f}-fold above the newest models"
    low, high = clustered_interval(shares[1:], families) or (np.nan, np.nan)
    return {
        "half_life_days": half_life * DAYS_PER_YEAR,
        "fold_left": float(1 / shares[0]),
        "fold_left_low": 1 / high if high > 0 else None,
        "fold_left_high": 1 / low if low > 1 / FARTHEST_FOLD else None,
    }


def _day(day: float) -> date:
    return DAY_ZERO + timedelta(days=round(day))


def _insufficient(reason: str) -> dict[str, Any]:
    return {"verdict": "insufficient", "reason": reason}
