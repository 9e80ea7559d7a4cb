"""The `pace_skill` table: which growth curve would have forecast the models of the next months best.

At every past month end each curve of `density_paces` is fitted to what was known then, and its
extrapolation is scored on the models released in the 6 or 12 months after. All curves are scored on
the same models; a month end at which one of them has no fit is left out for all. A curve that shows
no bend yet is the straight line, and forecasts like it.

The score is proper for what the estimator estimates: the pinball loss at 0.9 of each new model for
quantile-0.9, its squared error for ols-all, and for the records the absolute error of the record at
the end of the horizon. The null is no change: the quantile or the mean of the models of the last 12
months, or the record, stays.

Not here: the curves (`trends.growth_curves`) and the data of a past day (`density_history`).
"""

from collections.abc import Iterator
from datetime import date
from functools import cache, partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.forecasts.inputs import History
from densing_pipeline.forecasts.losses import pinball_loss
from densing_pipeline.forecasts.methods import LOOKBACK_DAYS
from densing_pipeline.forecasts.skill import SHORTEST_BLOCK, resampled_skill, vintages_needed
from densing_pipeline.forecasts.vintages import month_ends, months_later
from densing_pipeline.headline import HEADLINE
from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.tables.columns import EARLIEST
from densing_pipeline.tables.dates import days_since_zero
from densing_pipeline.tables.published import PACE_SKILL
from densing_pipeline.trends.densing_law import POPULATIONS, SHORT, SHORT_BASES, of_population
from densing_pipeline.trends.density_paces import FEWEST_PACE_SERIES, SCORE_SETS
from densing_pipeline.trends.estimate import TRUSTED_RECORDS
from densing_pipeline.trends.growth_curves import (
    BROKEN,
    LINE,
    RECENT,
    SATURATING,
    Fit,
    Points,
    Records,
    fit,
    regression,
    shapes_of,
)
from densing_pipeline.trends.series import FEWEST_MODELS, Series, missing
from densing_pipeline.trends.windows import RECENT_DAYS

PACE_HORIZONS = (6, 12)
"""Months ahead."""

TAU = 0.9
RULES = {
    "paper": "absolute error of the record",
    "quantile-0.9": "pinball loss at 0.9",
    "ols-all": "squared error",
}
"""Score of each estimator's forecasts."""

NO_CHANGE = "no-change"
CURVES = (LINE.name, RECENT.name, SATURATING.name, BROKEN.name, NO_CHANGE)


class _Known(NamedTuple):
    """One series as known at V month ends, and as known now; columns are models, by release.

    Attributes:
        month_ends: V month ends.
        days: release day of each model, shape (n,).
        families: family of each model, length n.
        values: ln density as known at each month end, 0 where it was not, shape (V, n).
        is_known: whether it was, shape (V, n).
        windows: first day of the last 24 months of each month end, shape (V,).
        now: ln density as known now, NaN for models that no longer have one, shape (n,).
    """

    month_ends: list[date]
    days: FloatArray
    families: tuple[str, ...]
    values: FloatArray
    is_known: BoolArray
    windows: FloatArray
    now: FloatArray

    def only(self, kept: BoolArray) -> "_Known":
        """Some of the month ends, by a mask of shape (V,)."""
        return self._replace(
            month_ends=[day for day, keep in zip(self.month_ends, kept, strict=True) if keep],
            values=self.values[kept],
            is_known=self.is_known[kept],
            windows=self.windows[kept],
        )


def pace_skill(
    densities: pl.DataFrame, history: History, *, as_of: date, draws: int, seed: int
) -> pl.DataFrame:
    """Scores and skill of every growth curve, by series, population, estimator and horizon.

    Args:
        densities: a `densities` frame, as known now.
        history: gives the `densities` of a past day.
        as_of: last day that is known.
        draws: resamples behind the intervals of the skill.
        seed: seed of the resamples.

    Returns:
        A `pace_skill` frame; with too few month ends the verdict is `insufficient`.
    """
    work = partial(_of_series, draws=draws, seed=seed)
    series = list(_series(_used(densities, as_of), history, as_of))
    rows = list(chain.from_iterable(parallel_map(work, series, fewest=FEWEST_PACE_SERIES)))
    if not rows:
        return PACE_SKILL.empty()
    made = pl.DataFrame(rows, infer_schema_length=None)
    return PACE_SKILL.cast(made.with_columns(as_of=pl.lit(as_of)))


def _used(densities: pl.DataFrame, day: date) -> pl.DataFrame:
    """The models of the series compared that have a density and were released by a day."""
    return densities.filter(
        pl.col("reference_id") == HEADLINE.reference_id,
        pl.col("score_set").is_in(SCORE_SETS),
        pl.col("params_basis").is_in(SHORT_BASES),
        pl.col("density") > 0,
        pl.col("density").is_finite(),
        pl.col("release_date").is_between(EARLIEST, day),
    )


def _series(
    now: pl.DataFrame, history: History, as_of: date
) -> Iterator[tuple[dict[str, str], _Known]]:
    """Every series and population with a model, at the month ends whose outcome is known."""
    newest = now["release_date"].max()
    ends = [
        day
        for day in month_ends(as_of)
        if isinstance(newest, date) and months_later(day, PACE_HORIZONS[0]) <= newest
    ]
    then, windows = [], []
    for day in ends:
        table = history(day)
        then.append(_used(table, day).with_columns(made_on=pl.lit(day)))
        last = table["release_date"].max()
        windows.append(days_since_zero(last) - RECENT_DAYS if isinstance(last, date) else np.nan)
    empty = now.clear().with_columns(made_on=pl.lit(None, dtype=pl.Date))
    past = pl.concat([empty, *then], how="diagonal")
    key = ("reference_id", "score_set", "params_basis")
    of_past = past.partition_by(key, as_dict=True)
    for names, models in sorted(now.partition_by(key, as_dict=True).items()):
        before = of_past.get(names, empty)
        for population in POPULATIONS:
            kept = of_population(models, population)
            if population != "all" and kept.height == models.height:
                continue
            named = dict(zip(key, names, strict=True)) | {"population": population}
            yield named, _known(kept, of_population(before, population), ends, np.array(windows))


def _known(
    now: pl.DataFrame, before: pl.DataFrame, ends: list[date], windows: FloatArray
) -> _Known:
    """The arrays of one series."""
    columns = ("model_id", "release_date", "family")
    every = pl.concat([now.select(columns), before.select(columns)])
    models = every.unique("model_id", keep="first").sort("release_date", "model_id")
    place = {name: i for i, name in enumerate(models["model_id"])}
    at = {day: i for i, day in enumerate(ends)}
    values = np.zeros((len(ends), models.height))
    is_known = np.zeros(values.shape, np.bool_)
    rows = [at[day] for day in before["made_on"]]
    of_model = [place[name] for name in before["model_id"]]
    values[rows, of_model] = np.log(before["density"].to_numpy())
    is_known[rows, of_model] = True
    today = np.full(models.height, np.nan)
    today[[place[name] for name in now["model_id"]]] = np.log(now["density"].to_numpy())
    days = np.array([days_since_zero(day) for day in models["release_date"]])
    return _Known(ends, days, tuple(models["family"]), values, is_known, windows, today)


def _of_series(piece: tuple[dict[str, str], _Known], draws: int, seed: int) -> list[dict[str, Any]]:
    """The rows of one series and population, with its name."""
    named, known = piece
    return [named | {"draws": draws, "seed": seed} | row for row in _rows(known, draws, seed)]


def _rows(known: _Known, draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """The rows of one series and population."""
    known = known.only(_enough(known))
    for estimator in SHORT:
        scorer = _Scorer(known, estimator)
        for months in PACE_HORIZONS:
            named = {"estimator": estimator, "horizon_months": months}
            for row in _summed(scorer.scores(months), months, draws, seed):
                yield named | {"score_rule": RULES[estimator]} | row


def _enough(known: _Known) -> BoolArray:
    """Whether the models of each month end, and of its last 24 months, carry a line, shape (V,)."""
    found = np.zeros(len(known.month_ends), np.bool_)
    for row, start in enumerate(known.windows):
        values, is_known = known.values[row], known.is_known[row]
        models = Series(known.days, values, known.families, np.empty((0, values.size)))
        recent = is_known & (known.days >= start)
        found[row] = not (missing(models.kept(is_known)) or missing(models.kept(recent)))
    return found


class _Scores(NamedTuple):
    """Scores of each curve at the V month ends that count.

    Attributes:
        made_on: the month ends.
        sums: sum of the scores of each curve over the targets of a month end, shape (V, curves).
        targets: number of targets of each month end, shape (V,).
    """

    made_on: list[date]
    sums: FloatArray
    targets: FloatArray


class _Scorer:
    """The curves of one series and estimator at every month end, and the scores of their forecasts."""

    def __init__(self, known: _Known, estimator: str) -> None:
        """Fit all curves at all month ends."""
        self._known, self._estimator = known, estimator
        size = len(known.month_ends)
        self._fits: list[Fit] = []
        self._is_fitted = np.zeros(size, np.bool_)
        if not size:
            return
        points = Points(
            known.days, known.values, np.arange(size), known.is_known.astype(np.float64)
        )
        whole = regression(points, estimator)
        recent = regression(points, estimator, known.windows[:, None])
        self._fits = [
            fit(curve, own, *shapes_of(curve, points, own))
            for curve, own in (
                (LINE, whole),
                (RECENT, recent),
                (SATURATING, whole),
                (BROKEN, whole),
            )
        ]
        self._is_fitted = np.all(
            [np.isfinite(of.coefficients).all(axis=1) for of in self._fits], axis=0
        )
        for own in (whole, recent):
            if isinstance(own, Records):
                self._is_fitted &= own.weights.sum(axis=1) >= TRUSTED_RECORDS

    def scores(self, months: int) -> _Scores:
        """Scores of the forecasts so many months ahead whose outcome is known."""
        known = self._known
        made_on, sums, targets = [], [], []
        newest = known.days[np.isfinite(known.now)].max(initial=-np.inf)
        for row in np.flatnonzero(self._is_fitted).tolist():
            day = known.month_ends[row]
            start, end = days_since_zero(day), _horizon_end(day, months)
            if end > newest:
                continue
            found = (
                self._of_records(row, end)
                if self._is_of_records
                else (self._of_models(row, start, end))
            )
            if found is not None:
                made_on.append(day)
                sums.append(found.sum(axis=1))
                targets.append(found.shape[1])
        return _Scores(
            made_on, np.array(sums).reshape(-1, len(CURVES)), np.array(targets, dtype=np.float64)
        )

    @property
    def _is_of_records(self) -> bool:
        return self._estimator == "paper"

    def _of_models(self, row: int, start: float, end: float) -> FloatArray | None:
        """Score of each curve for each model released from a day to another, shape (curves, m)."""
        known = self._known
        coming = np.isfinite(known.now) & (known.days > start) & (known.days <= end)
        year = known.is_known[row] & (known.days > start - LOOKBACK_DAYS)
        if not coming.any() or year.sum() < FEWEST_MODELS:
            return None
        days, actual, last = known.days[coming], known.now[coming], known.values[row, year]
        stays = np.quantile(last, TAU) if self._estimator == "quantile-0.9" else last.mean()
        forecast = np.stack([of.at(row, days) for of in self._fits] + [np.full(days.size, stays)])
        if self._estimator == "quantile-0.9":
            return pinball_loss(actual, forecast, TAU)
        return np.asarray((actual - forecast) ** 2)

    def _of_records(self, row: int, end: float) -> FloatArray | None:
        """Absolute error of each curve for the record on a day, shape (curves, 1).

        A record cannot fall, so no forecast is below that of the month end.
        """
        known = self._known
        stands = known.values[row, known.is_known[row]].max()
        at_end = np.concatenate([of.at(row, np.array([end])) for of in self._fits] + [[stands]])
        actual = known.now[np.isfinite(known.now) & (known.days <= end)].max()
        return np.asarray(np.abs(actual - np.maximum(at_end, stands))[:, None])


@cache
def _horizon_end(day: date, months: int) -> float:
    """Last day of a horizon, in days since day zero."""
    return days_since_zero(months_later(day, months))


def _summed(scores: _Scores, months: int, draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """Mean score and skill of each curve."""
    vintages, needed = len(scores.made_on), vintages_needed(months)
    counted = {"n_vintages": vintages, "n_targets": int(scores.targets.sum())}
    if vintages < needed:
        reason = f"month ends at which every curve has a fit and an outcome: {vintages}, needed: {needed}"
        for curve in CURVES:
            yield counted | {"growth_curve": curve, "verdict": "insufficient", "reason": reason}
        return
    block = max(months, SHORTEST_BLOCK)
    for place, curve in enumerate(CURVES):
        own = scores.sums[:, place]
        row: dict[str, Any] = counted | {
            "growth_curve": curve,
            "verdict": "ok",
            "reason": "",
            "first_vintage": scores.made_on[0],
            "last_vintage": scores.made_on[-1],
            "mean_score": float(own.sum() / scores.targets.sum()),
        }
        for name, rival in (("skill_over_line", LINE.name), ("skill_over_no_change", NO_CHANGE)):
            theirs = scores.sums[:, CURVES.index(rival)]
            if curve == rival or not theirs.sum() > 0:
                continue
            skills = resampled_skill(own, theirs, block, draws, seed)
            low, high = np.nanquantile(skills, [0.025, 0.975])
            row |= {
                name: float(1 - own.sum() / theirs.sum()),
                f"{name}_low": float(low),
                f"{name}_high": float(high),
            }
        yield row
