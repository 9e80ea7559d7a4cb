"""The `densing_law` table: how fast density grows, by every estimator over every window.

Not here: estimators (`estimators`), windows (`windows`), resampling (`bootstrap`) and what
simulations say of the estimators (`simulate`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.params_bases import PARAMS_BASES
from densing_pipeline.tables.published import DENSING_LAW
from densing_pipeline.trends.bootstrap import MOST_LOST, cluster_weights, clustered_interval
from densing_pipeline.trends.estimators import TREND_ESTIMATORS, Estimator
from densing_pipeline.trends.lines import FloatArray
from densing_pipeline.trends.records import FEWEST_RECORDS
from densing_pipeline.trends.simulate import SIMULATIONS, Simulation, simulated
from densing_pipeline.trends.windows import DAY_ZERO, Window, days_since_zero, windows

HEADLINE = ("nmi-2025", "nmi-2025-average", "nonembedding", "all", "quantile-0.9")
"""The estimate we quote, fixed without looking at any result (docs/statistics.md says why)."""

SIMULATED_REFERENCE = "nmi-2025"
"""Reference whose estimates over all models carry simulated bias and coverage."""

FEWEST_MODELS = 8
FEWEST_DAYS = 3
FEWEST_FAMILIES = 5
"""Below five families there are too few different resamples to read an interval off."""


TRUSTED_COVERAGE = (0.92, 0.98)
"""Simulated coverage outside which a row carries a warning."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Models of one series up to the end of one window.

    Attributes:
        days: days since day zero, shape (n,), in order.
        values: ln density, shape (n,).
        families: family of each model.
        window: first and last day of the window since day zero.
        censored: models of the window whose score the reference law cannot invert.
    """

    days: FloatArray
    values: FloatArray
    families: tuple[str, ...]
    window: tuple[float, float]
    censored: int

    @property
    def inside(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which models lie in the window."""
        return np.asarray(self.days >= self.window[0])

    def windowed(self) -> "_Sample":
        """The sample without the models older than the window."""
        kept = self.inside
        families = tuple(np.array(self.families, dtype=object)[kept])
        return _Sample(self.days[kept], self.values[kept], families, self.window, self.censored)


def densing_law(densities: pl.DataFrame, *, as_of: date, draws: int, seed: int) -> pl.DataFrame:
    """Trend of ln density for every reference, score set, parameter basis, window and estimator.

    A series that does not carry an estimate gets a row with verdict `insufficient` and the reason.

    Args:
        densities: a `densities` frame.
        as_of: last day that counts as known; models released later are left out.
        draws: bootstrap resamples behind each interval.
        seed: seed of the resamples; every series draws from it anew, so a row does not depend on
            which other rows there are.

    Returns:
        A `densing_law` frame with exactly one headline.
    """
    known = densities.filter(pl.col("release_date") <= as_of).sort("release_date", "model_id")
    dates = known["release_date"].to_list() or [min(DAY_ZERO, as_of), as_of]
    rows = [
        row | {"as_of": as_of}
        for key, models in _series(known)
        for window in windows(dates[0], dates[-1], as_of)
        for row in _estimates(key, models, window, draws, seed)
    ]
    return DENSING_LAW.cast(pl.DataFrame(rows, infer_schema_length=None))


def _series(known: pl.DataFrame) -> Iterator[tuple[tuple[str, str, str], pl.DataFrame]]:
    """Every series: each reference and score set there is, on every basis, and the headline's."""
    pairs = {(row[0], row[1]) for row in known.select("reference_id", "score_set").unique().rows()}
    by_key = known.partition_by(
        "reference_id", "score_set", "params_basis", as_dict=True, maintain_order=True
    )
    for reference_id, score_set in sorted(pairs | {HEADLINE[:2]}):
        for basis in PARAMS_BASES:
            key = (reference_id, score_set, basis)
            yield key, by_key.get(key, known.clear())


def _estimates(
    key: tuple[str, str, str], models: pl.DataFrame, window: Window, draws: int, seed: int
) -> Iterator[dict[str, Any]]:
    """The rows of one series over one window, one per estimator."""
    history = _sample(models, window)
    inside = history.windowed()
    missing = _missing(inside)
    weights = (
        {}
        if missing
        else {
            uses_history: cluster_weights(sample.families, draws, seed)
            for uses_history, sample in ((True, history), (False, inside))
        }
    )
    for name, estimator in TREND_ESTIMATORS.items():
        sample = history if estimator.uses_history else inside
        lacking = missing
        if not estimator.every_window and window.name != "all":
            lacking = missing or "a likelihood needs many models: estimated over window all only"
        row = (
            _insufficient(lacking)
            if lacking
            else _estimate(estimator, sample, weights[estimator.uses_history])
        )
        simulation = Simulation(None, None)
        if row["verdict"] == "ok" and window.name == "all" and key[0] == SIMULATED_REFERENCE:
            times = SIMULATIONS if estimator.every_window else SIMULATIONS // 2
            simulation = simulated(
                name,
                tuple(inside.days.tolist()),
                inside.families,
                seed=seed,
                simulations=times,
                resamples=times,
            )
            row["reason"] += _warning(simulation.coverage)
        yield row | {
            "estimate_id": "/".join((*key, window.name, name)),
            "reference_id": key[0],
            "score_set": key[1],
            "params_basis": key[2],
            "window": window.name,
            "window_start": window.start,
            "window_end": window.end,
            "estimator": name,
            "is_headline": (*key, window.name, name) == HEADLINE,
            "n_models": inside.days.size,
            "n_clusters": len(set(inside.families)),
            "simulated_bias": simulation.bias,
            "simulated_coverage": simulation.coverage,
            "draws": draws,
            "seed": seed,
        }


def _sample(models: pl.DataFrame, window: Window) -> _Sample:
    until = models.filter(pl.col("release_date") <= window.end)
    dense = until.filter(pl.col("density").is_not_null())
    days = [days_since_zero(day) for day in dense["release_date"]]
    censored = until.filter(
        pl.col("density").is_null() & (pl.col("release_date") >= window.start)
    ).height
    return _Sample(
        np.array(days, dtype=np.float64),
        np.log(dense["density"].cast(pl.Float64).to_numpy()),
        tuple(dense["family"]),
        (days_since_zero(window.start), days_since_zero(window.end)),
        censored,
    )


def _missing(inside: _Sample) -> str:
    """What the models of a window lack to carry any trend; empty if nothing."""
    n, days, families = inside.days.size, np.unique(inside.days).size, len(set(inside.families))
    if n == 0 and inside.censored:
        return f"all {inside.censored} models are censored: the reference law inverts none of their scores"
    if n == 0:
        return "no model in the window has both a score and this parameter count"
    left_out = f" ({inside.censored} more are censored)" if inside.censored else ""
    if n < FEWEST_MODELS:
        return f"models with a density: {n}{left_out}, needed: {FEWEST_MODELS}"
    if days < FEWEST_DAYS:
        return f"release days: {days}, needed: {FEWEST_DAYS}"
    if families < FEWEST_FAMILIES:
        return f"model families: {families}, needed: {FEWEST_FAMILIES}"
    if np.ptp(inside.values) == 0:
        return "all models have the same density"
    return ""


def _estimate(estimator: Estimator, sample: _Sample, weights: FloatArray) -> dict[str, Any]:
    """Line and interval of one estimator."""
    once = np.ones((1, sample.days.size))
    lines, points = estimator.lines(sample.days, sample.values, once, sample.window)
    n_points = int(points[0])
    if estimator.uses_history and n_points < FEWEST_RECORDS:
        return _insufficient(
            f"records in the window: {n_points}, needed: {FEWEST_RECORDS}", n_points
        )
    if not np.isfinite(lines.slope[0]):
        return _insufficient("the models of the window fix no line by this estimator", n_points)
    slopes = estimator.lines(sample.days, sample.values, weights, sample.window)[0].slope
    carried = int(np.isfinite(slopes).sum())
    interval = clustered_interval(slopes, len(set(sample.families)))
    if interval is None:
        return _insufficient(
            f"resamples that carry a line: {carried} of {len(slopes)}, needed: {1 - MOST_LOST:.0%}",
            n_points,
        )
    slope, (low, high) = float(lines.slope[0]), interval
    r_squared = float(lines.r_squared[0])
    return {
        "verdict": "ok",
        "reason": f"{sample.censored} censored models left out; "
        f"{carried} of {len(slopes)} resamples carry a line",
        "n_points": n_points,
        "slope_per_day": slope,
        "slope_low": low,
        "slope_high": high,
        "intercept": float(lines.intercept[0]),
        "doubling_days": _doubling_days(slope),
        "doubling_days_low": _doubling_days(high),
        "doubling_days_high": _doubling_days(low),
        "r_squared": r_squared if np.isfinite(r_squared) else None,
    }


def _warning(coverage: float | None) -> str:
    """What a reader must know of an interval whose simulated coverage is off; empty if it is not."""
    if coverage is None or TRUSTED_COVERAGE[0] <= coverage <= TRUSTED_COVERAGE[1]:
        return ""
    direction = "narrow" if coverage < TRUSTED_COVERAGE[0] else "wide"
    return f"; warning: the interval is too {direction}, it covers {coverage:.1%} in simulation"


def _insufficient(reason: str, n_points: int = 0) -> dict[str, Any]:
    estimates = (
        "slope_per_day", "slope_low", "slope_high", "intercept", "doubling_days",
        "doubling_days_low", "doubling_days_high", "r_squared",
    )  # fmt: skip
    return dict.fromkeys(estimates) | {
        "verdict": "insufficient",
        "reason": reason,
        "n_points": n_points,
    }


def _doubling_days(slope: float) -> float | None:
    """Doubling time of a rising trend; none for a flat or falling one."""
    return float(np.log(2) / slope) if slope > 0 else None
