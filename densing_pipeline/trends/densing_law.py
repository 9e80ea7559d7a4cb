"""The `densing_law` table: how fast density grows, by every estimator over every window.

Not here: estimators (`estimators`), windows (`windows`), resampling (`bootstrap`) and what
simulations say of the estimators (`simulate`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.drawn import DrawnLaws
from densing_pipeline.density.params_bases import PARAMS_BASES
from densing_pipeline.tables.published import DENSING_LAW
from densing_pipeline.trends.bootstrap import cluster_weights
from densing_pipeline.trends.estimate import (
    NoEstimateError,
    estimate,
    families_inside,
    monte_carlo_error,
)
from densing_pipeline.trends.estimators import TREND_ESTIMATORS
from densing_pipeline.trends.series import Series, SeriesKey, doubling_days, from_frame, missing
from densing_pipeline.trends.simulate import Design, Simulation, simulated
from densing_pipeline.trends.windows import DAY_ZERO, Window, days_since_zero, windows

HEADLINE = ("nmi-2025", "nmi-2025-average", "nonembedding", "all", "quantile-0.9")
"""The estimate we quote, fixed without looking at any result (docs/statistics.md says why)."""

HEADLINE_TIMES = 20
"""How many times more resamples the headline has than other rows, for its ends to stand still."""

TRUSTED_COVERAGE = (0.92, 0.98)
"""Simulated coverage outside which a row carries a warning."""


def densing_law(
    densities: pl.DataFrame,
    *,
    as_of: date,
    draws: int,
    seed: int,
    laws: DrawnLaws | None = None,
) -> pl.DataFrame:
    """Trend of ln density for every reference, score set, parameter basis, window and estimator.

    A series that does not carry an estimate gets a row with verdict `insufficient` and the reason.

    Args:
        densities: a `densities` frame.
        as_of: last day that counts as known; models released later are left out.
        draws: bootstrap resamples behind each interval; the headline has twenty times as many.
        seed: seed of the resamples; every series draws from it anew, so a row does not depend on
            which other rows there are.
        laws: draws of the reference laws. Each resample goes with one of them, so that intervals
            hold the error of the law; where a law has none, they hold that of the models alone.

    Returns:
        A `densing_law` frame with exactly one headline.
    """
    known = densities.filter(pl.col("release_date") <= as_of).sort("release_date", "model_id")
    dates = known["release_date"].to_list() or [min(DAY_ZERO, as_of), as_of]
    rows = [
        row | {"as_of": as_of, "seed": seed}
        for key, models in _series(known)
        for row in _of_series(key, models, windows(dates[0], dates[-1], as_of), draws, seed, laws)
    ]
    return DENSING_LAW.cast(pl.DataFrame(rows, infer_schema_length=None))


def _series(known: pl.DataFrame) -> Iterator[tuple[SeriesKey, pl.DataFrame]]:
    """Every series: each reference and score set there is, on every basis, and the headline's."""
    pairs = {(row[0], row[1]) for row in known.select("reference_id", "score_set").unique().rows()}
    by_key = known.partition_by(
        "reference_id", "score_set", "params_basis", as_dict=True, maintain_order=True
    )
    for reference_id, score_set in sorted(pairs | {HEADLINE[:2]}):
        for basis in PARAMS_BASES:
            key = (reference_id, score_set, basis)
            yield key, by_key.get(key, known.clear())


def _of_series(
    key: SeriesKey,
    models: pl.DataFrame,
    spans: tuple[Window, ...],
    draws: int,
    seed: int,
    laws: DrawnLaws | None,
) -> Iterator[dict[str, Any]]:
    """The rows of one series, one per window and estimator."""
    series = from_frame(models, (laws or {}).get(key[:2]))
    censored = models.filter(pl.col("density").is_null())
    for window in spans:
        left_out = censored.filter(
            pl.col("release_date").is_between(window.start, window.end)
        ).height
        history = series.kept(np.asarray(series.days <= days_since_zero(window.end)))
        inside = history.kept(np.asarray(history.days >= days_since_zero(window.start)))
        lacking = missing(inside, left_out)
        for name in TREND_ESTIMATORS:
            is_headline = (*key, window.name, name) == HEADLINE
            resamples = draws * HEADLINE_TIMES if is_headline else draws
            used = history if TREND_ESTIMATORS[name].uses_history else inside
            yield {
                "estimate_id": "/".join((*key, window.name, name)),
                "reference_id": key[0],
                "score_set": key[1],
                "params_basis": key[2],
                "window": window.name,
                "window_start": window.start,
                "window_end": window.end,
                "estimator": name,
                "is_headline": is_headline,
                "n_models": inside.days.size,
                "n_clusters": len(set(inside.families)),
                "draws": resamples,
            } | (
                _insufficient(lacking)
                if lacking
                else _row(name, used, window, left_out, resamples, seed, is_headline)
            )


def _row(
    name: str,
    series: Series,
    window: Window,
    left_out: int,
    draws: int,
    seed: int,
    is_headline: bool,
) -> dict[str, Any]:
    """What one estimator says of one window, and what simulations say of the estimator there."""
    estimator = TREND_ESTIMATORS[name]
    if not estimator.every_window and window.name != "all":
        return _insufficient("a likelihood needs many models: estimated over window all only")
    span = days_since_zero(window.start), days_since_zero(window.end)
    try:
        found = estimate(estimator, series, span, cluster_weights(series.families, draws, seed))
    except NoEstimateError as error:
        return _insufficient(str(error), error.n_points)
    simulation = simulated(name, Design.of(series.days, series.families, span), seed=seed)
    noise: tuple[float, float] | None = None
    if is_headline:
        families = families_inside(series, span)
        noise = monte_carlo_error(found.lines.slope, len(series.drawn), families)
    return {
        "verdict": "ok",
        "reason": f"{left_out} censored models left out; "
        f"{found.carried} of {draws} resamples carry a line"
        + ("" if found.whole else "; the law has no draws: its error is left out")
        + _warning(simulation),
        "n_points": found.n_points,
        "slope_per_day": found.slope,
        "intercept": found.intercept,
        "doubling_days": doubling_days(found.slope),
        "r_squared": found.r_squared,
        **_ends(found.best, ""),
        **_ends(found.interval, "_law_known"),
        "slope_low_mc_error": noise and noise[0],
        "slope_high_mc_error": noise and noise[1],
        "simulated_bias": simulation.bias,
        "simulated_coverage": simulation.coverage,
    }


def _ends(interval: tuple[float, float], suffix: str) -> dict[str, float | None]:
    """The ends of the slope's interval, and of the doubling time's by inverting it."""
    low, high = interval
    return {
        f"slope_low{suffix}": low,
        f"slope_high{suffix}": high,
        f"doubling_days_low{suffix}": doubling_days(high),
        f"doubling_days_high{suffix}": doubling_days(low),
    }


def _warning(simulation: Simulation) -> str:
    """What a reader must know of an interval whose simulated coverage is off; empty if it is not."""
    coverage = simulation.coverage
    if TRUSTED_COVERAGE[0] <= coverage <= TRUSTED_COVERAGE[1]:
        return ""
    direction = "narrow" if coverage < TRUSTED_COVERAGE[0] else "wide"
    return f"; warning: the interval is too {direction}, it covers {coverage:.1%} in simulation"


def _insufficient(reason: str, n_points: int = 0) -> dict[str, Any]:
    return {"verdict": "insufficient", "reason": reason, "n_points": n_points}
