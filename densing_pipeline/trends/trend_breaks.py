"""The `trend_breaks` table: tests whether the growth rate of density changed at some date.

Not here: the test and its error rates (`breakpoints`), and the trend without a break
(`densing_law`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.score_sets import SCORE_SETS
from densing_pipeline.headline import HEADLINE
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import MOST_LOST, cluster_weights, clustered_intervals
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.tables.dates import DAY_ZERO, days_since_zero
from densing_pipeline.tables.published import TREND_BREAKS
from densing_pipeline.tables.width import with_width
from densing_pipeline.trends.breakpoints import (
    Rates,
    bootstrap_p,
    candidates,
    kinked_slopes,
    rates,
    webb,
)
from densing_pipeline.trends.estimators import TREND_ESTIMATORS
from densing_pipeline.trends.series import (
    FEWEST_DAYS,
    FEWEST_MODELS,
    Series,
    SeriesKey,
    missing,
    series_of,
)

CHATGPT = date(2022, 11, 30)
"""The known date: the paper reports faster growth after the release of ChatGPT (NMI, Fig. 3)."""

BASIS = "nonembedding"
KINK = "ols-kink"
SEPARATE = ("paper", "quantile-0.9", "ols-all")
"""Estimators that fit separate lines before and after the known date, as the paper does."""

FEWEST_DESIGNS = 4
"""Fewest sets of models, of tenths of a second each, for which a second process is started."""

ANGLES, HALVINGS = 400, 30
"""Number of ratios tried on either side of the estimate, and of bisections between two of them."""

_NUMBERS = ("break_date", "slope_before", "slope_after", "slope_ratio", "slope_ratio_low",
            "slope_ratio_high", "f_statistic", "p_value", "size", "power_at_1_5x")  # fmt: skip


def trend_breaks(densities: pl.DataFrame, *, as_of: date, draws: int, seed: int) -> pl.DataFrame:
    """Breaks at the known date and at a searched date, for every reference law and score set.

    Five rows each: at ChatGPT two separate lines by `paper`, `quantile-0.9` and `ols-all`, and a
    continuous line with a breakpoint (`ols-kink`); and such a line with the best-fitting date.
    Intervals of the slope ratio come from resampled model families (in each the date is searched
    again); p values and error rates are those of `breakpoints`.

    Args:
        densities: a `densities` frame.
        as_of: last release day that counts.
        draws: resamples behind each interval and p value.
        seed: seed of the resamples.

    Returns:
        A `trend_breaks` frame; rows without enough data have verdict `insufficient` and a reason.
    """
    searched = densities.filter(pl.col("score_set").is_in(list(SCORE_SETS)))
    pairs = {tuple(row) for row in searched.select("reference_id", "score_set").unique().rows()}
    # Laws that invert the scores of the same models share the simulations, so one process has them all.
    designs = defaultdict(list)
    for reference_id, score_set in sorted(pairs | {HEADLINE[:2]}):
        key = (reference_id, score_set, BASIS)
        series = series_of(densities, key, as_of)
        designs[series.days.tobytes(), series.families].append((key, series))
    work = partial(_of_design, draws=draws, seed=seed)
    found = parallel_map(work, list(designs.values()), fewest=FEWEST_DESIGNS)
    rows = sorted(
        chain.from_iterable(found), key=lambda row: (row["reference_id"], row["score_set"])
    )
    made = pl.DataFrame(rows, infer_schema_length=None)
    made = made.with_columns(as_of=pl.lit(as_of), seed=pl.lit(seed))
    return with_width(TREND_BREAKS, made, "slope_ratio_low", "slope_ratio_high")


def _of_design(
    same_models: Sequence[tuple[SeriesKey, Series]], draws: int, seed: int
) -> list[dict[str, Any]]:
    """The rows of the series that hold the same models."""
    return [
        _identified(key, series, row)
        for key, series in same_models
        for row in _rows(series, draws, seed)
    ]


def _identified(key: SeriesKey, series: Series, row: dict[str, Any]) -> dict[str, Any]:
    day = row["break_date"]
    n_before = int((series.days < days_since_zero(day)).sum()) if day else 0
    return row | {
        "series": "/".join(key),
        "reference_id": key[0],
        "score_set": key[1],
        "params_basis": key[2],
        "n_models": series.days.size,
        "n_clusters": len(set(series.families)),
        "n_before": n_before,
        "n_after": series.days.size - n_before,
    }


def _rows(series: Series, draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """The rows of one series."""
    lacking = missing(series)
    known = lacking or _missing_beside(series, CHATGPT)
    weights = None if lacking else cluster_weights(series.families, draws, seed)
    for estimator in (*SEPARATE, KINK):
        named = {"kind": "known", "estimator": estimator}
        if known or weights is None:
            power = _known_power(series, seed) if estimator == KINK else ""
            row = _insufficient(known + power) | {"break_date": CHATGPT}
        elif estimator == KINK:
            row = _kink(series, weights, np.array([days_since_zero(CHATGPT)]), seed)
        else:
            row = _separate(series, weights, estimator)
        yield named | {"draws": draws} | row
    searched = {"kind": "searched", "estimator": KINK, "draws": draws}
    dates = candidates(series.days)
    if weights is None or not dates.size:
        yield searched | _insufficient(lacking or "no day has 15 % of the models on either side")
    else:
        yield searched | _kink(series, weights, dates, seed)


def _missing_beside(series: Series, day: date) -> str:
    """Why the data on either side of a known date are not enough; empty if they are."""
    after = series.days >= days_since_zero(day)
    for side, mask in (("before", ~after), ("from", after)):
        days = series.days[mask]
        if days.size < FEWEST_MODELS:
            return f"models {side} {day}: {days.size}, needed: {FEWEST_MODELS}" + (
                "; the paper draws this line through 3 points" if side == "before" else ""
            )
        if np.unique(days).size < FEWEST_DAYS:
            return f"release days {side} {day}: {np.unique(days).size}, needed: {FEWEST_DAYS}"
    return ""


def _known_power(series: Series, seed: int) -> str:
    """Sentence on the power of the test at the known date, if the data allow the test."""
    at = days_since_zero(CHATGPT)
    if (series.days < at).any() and np.unique(series.days[series.days >= at]).size > 1:
        return "; at these dates " + _found(
            rates(tuple(series.days.tolist()), series.families, at, seed)
        )
    return ""


def _found(of: Rates) -> str:
    return (
        f"a 1.5-fold acceleration would be found {of.power:.0%} of the time, "
        f"a false one {of.size:.0%}"
    )


def _separate(series: Series, weights: FloatArray, estimator: str) -> dict[str, Any]:
    """Two separate lines, one on either side of the known date."""
    at = days_since_zero(CHATGPT)
    lines = TREND_ESTIMATORS[estimator].lines
    once = np.ones((1, series.days.size))

    def slopes(drawn: FloatArray) -> tuple[FloatArray, FloatArray]:
        before = lines(series.days, series.values, drawn, (-np.inf, at - 1))[0].slope
        return before, lines(series.days, series.values, drawn, (at, np.inf))[0].slope

    before, after = (float(side[0]) for side in slopes(once))
    if not np.isfinite([before, after]).all():
        return _insufficient("too few records on one side of the date") | {"break_date": CHATGPT}
    return _ratio(series, before, after, *slopes(weights)) | {"break_date": CHATGPT}


def _kink(series: Series, weights: FloatArray, dates: FloatArray, seed: int) -> dict[str, Any]:
    """One breakpoint, at the given date or at the best-fitting of several."""
    once = np.ones((1, series.days.size))
    before, after, at = (
        float(part[0]) for part in kinked_slopes(series.days, series.values, once, dates)
    )
    if not np.isfinite(before):
        return _insufficient("the models do not fix two slopes")
    rng = np.random.default_rng(seed)
    f, p = bootstrap_p(
        series.days,
        series.values,
        series.families,
        dates,
        webb(series.families, len(weights), rng),
    )
    of = rates(tuple(series.days.tolist()), series.families, at if dates.size == 1 else None, seed)
    resampled = kinked_slopes(series.days, series.values, weights, dates)
    row = _ratio(series, before, after, *resampled[:2])
    if row["verdict"] != "ok":
        return row
    return row | {
        "break_date": DAY_ZERO + timedelta(days=round(at)),
        "f_statistic": f,
        "p_value": p,
        "size": of.size,
        "power_at_1_5x": of.power,
        "reason": "; ".join(filter(None, [row["reason"], _found(of)])),
    }


def _ratio(
    series: Series, before: float, after: float, drawn_before: FloatArray, drawn_after: FloatArray
) -> dict[str, Any]:
    """Ratio of the slopes and its interval; an end is None where the slope before may be zero."""
    known = np.isfinite(drawn_before) & np.isfinite(drawn_after)
    if known.mean() < 1 - MOST_LOST:
        return _insufficient(
            f"resamples that carry a slope on either side: {known.sum()} of {known.size}, "
            f"needed: {1 - MOST_LOST:.0%}"
        )
    row = dict.fromkeys(_NUMBERS) | {"slope_before": before, "slope_after": after, "verdict": "ok"}
    if before <= 0:
        return row | {"reason": "density did not rise before the break, so there is no ratio"}
    families = len(set(series.families))
    low, high = fieller(after / before, drawn_before[known], drawn_after[known], families)
    open_ends = [word for word, end in (("below", low), ("above", high)) if end is None]
    return row | {
        "slope_ratio": after / before,
        "slope_ratio_low": low,
        "slope_ratio_high": high,
        "reason": f"the slope before may be zero, so the ratio is open {' and '.join(open_ends)}"
        if open_ends
        else "",
    }


def fieller(
    ratio: float, before: FloatArray, after: FloatArray, clusters: int
) -> tuple[float | None, float | None]:
    """Interval of after / before by Fieller's argument: the ratios r at which after - r before may be 0.

    Unlike percentiles of after / before, this interval is valid if the denominator may be near zero
    (Fieller 1954, JRSS B 16, 175-185; with percentiles of resamples in place of normal ones, Hwang
    1995, Biometrika 82, 161-171). An end is None if no ratio on that side is rejected, however
    large.

    Args:
        ratio: the estimate.
        before: resampled denominators, shape (B,).
        after: resampled numerators, shape (B,).
        clusters: clusters that were resampled.
    """
    here = np.arctan(ratio)
    ends: list[float | None] = []
    for far in (-np.pi / 2, np.pi / 2):
        angles = np.linspace(here, far, ANGLES)
        # If no ratio has been rejected, the last angle stands for an infinite ratio.
        refused = np.flatnonzero(_refused(angles, before, after, clusters))
        if not refused.size:
            ends.append(None)
            continue
        first = refused[0]
        inner, outer = angles[max(first - 1, 0)], angles[first]
        for _ in range(HALVINGS):
            middle = (inner + outer) / 2
            if _refused(np.array([middle]), before, after, clusters)[0]:
                outer = middle
            else:
                inner = middle
        ends.append(float(np.tan(inner)))
    return ends[0], ends[1]


def _refused(
    angles: FloatArray, before: FloatArray, after: FloatArray, clusters: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether the interval of after - tan(angle) x before excludes zero, shape of the angles."""
    gap = np.cos(angles)[:, None] * after - np.sin(angles)[:, None] * before
    low, high = clustered_intervals(gap, clusters).T
    return np.asarray((low > 0) | (high < 0))


def _insufficient(reason: str) -> dict[str, Any]:
    return dict.fromkeys(_NUMBERS) | {"verdict": "insufficient", "reason": reason}
