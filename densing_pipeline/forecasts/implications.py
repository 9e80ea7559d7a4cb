"""The `implications` table: what follows from the trend, in quantities people plan with.

Every number carries the formula it follows by and an interval from the resamples behind the headline.

Not here: the trend (`densing_law`), and forecasts that are scored (`forecasts`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.density.compression import COMPRESSION_DRAWS
from densing_pipeline.density.drawn_law import DrawnLaws
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.density.score_sets import SCORE_SETS
from densing_pipeline.headline import HEADLINE, HEADLINE_BLEND
from densing_pipeline.paper import DENSITY_DOUBLING_DAYS, HARDWARE_DOUBLING_YEARS, NMI_PREFIX
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import cluster_weights, clustered_interval
from densing_pipeline.tables.columns import EARLIEST
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_YEAR, days_since_zero
from densing_pipeline.tables.published import IMPLICATIONS
from densing_pipeline.tables.width import MOST_FOLD, with_width
from densing_pipeline.trends.densing_law import HEADLINE_TIMES
from densing_pipeline.trends.estimate import Estimate, NoEstimateError, estimate, law_of
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.series import Series, doubling_days, missing, series_of

HARDWARE_DOUBLING_DAYS = HARDWARE_DOUBLING_YEARS * DAYS_PER_YEAR
"""Doubling time of FLOPS per dollar of machine-learning GPUs, 767 days."""

PROJECTED_SCORES = (0.4, 0.5, 0.6, 0.7)
"""Scores whose smallest model is projected."""

LONGEST_DAYS = 365
"""How far beyond the newest model a size is projected."""

MOST_LOG = 100.0
"""Logarithm beyond which a number is the noise of a steep line far from its models, and not said."""


RATES = (
    ("density_x_hardware", 1, "days to double",
     "1 / (1 / T + 1 / 767 days); FLOPS per dollar double every 2.1 years"),
    ("cost_fold_per_year", 0, "fold per year",
     "2 ** (365.25 / T): a token costs 2 N operations, density alone"),
    ("cost_fold_per_year", 1, "fold per year",
     "2 ** (365.25 (1 / T + 1 / 767)): a token costs 2 N operations, density x hardware"),
)  # fmt: skip
"""What follows from a doubling time T: name, whether hardware's rate is added, unit, formula."""


def implications(
    densities: pl.DataFrame,
    compression: pl.DataFrame,
    reference_laws: pl.DataFrame,
    laws: DrawnLaws,
    price_frontier: pl.DataFrame,
    density_growth: pl.DataFrame,
    *,
    as_of: date,
    draws: int,
    seed: int,
) -> pl.DataFrame:
    """What the growth of density implies: rates and prices by the headline, sizes by the paper's law.

    - `density_x_hardware`: doubling time of capability per dollar of compute; rates add.
    - `cost_fold_per_year`: how much cheaper a token of fixed capability gets in a year.
    - `smallest_params`: parameters of the smallest model that reaches a score on a day.
    - `projected_price`: the cheapest price of a level in a year, if it follows density x hardware.
    - `compression_ratio`: density of a compressed model over that of its original.

    Args:
        densities: a `densities` frame.
        compression: a `compression` frame.
        reference_laws: a `reference_laws` frame.
        laws: draws of the reference laws.
        price_frontier: a `price_frontier` frame.
        density_growth: a `density_growth` frame, which has the headline.
        as_of: last release day that counts, and the day of the prices.
        draws: resamples behind the intervals by the paper's law; with the seed those of `densing_law`.
        seed: seed of the resamples.

    Returns:
        An `implications` frame; what the data do not carry has verdict `insufficient` and a reason.
    """
    series = series_of(densities, HEADLINE[:3], as_of, laws)
    trends = {name: _trend(series, name, draws, seed) for name in (HEADLINE.estimator, "paper")}
    pace = _headline(density_growth)
    rows = [
        *_rates(trends),
        *_headline_rates(pace),
        *_sizes(series, trends[HEADLINE.estimator], reference_laws, laws),
        *_prices(pace, price_frontier, as_of),
        *_compression(compression),
    ]
    fixed = {"as_of": as_of, "seed": seed}
    made = pl.DataFrame([row | fixed for row in rows], infer_schema_length=None)
    return with_width(IMPLICATIONS, made, "low", "high")


def combined_doubling_days(density_days: float, hardware_days: float) -> float:
    """Doubling time of two exponential trends together: 1 / (1 / T1 + 1 / T2)."""
    return 1 / (1 / density_days + 1 / hardware_days)


class Trend(NamedTuple):
    """A line, its resamples, and the families they rest on.

    Attributes:
        found: the estimate.
        families: families that were resampled.
    """

    found: Estimate
    families: int


def _trend(series: Series, estimator: str, draws: int, seed: int) -> Trend | str:
    """The trend by one estimator, or what is lacking; the headline's resamples are those it has."""
    if lacking := missing(series):
        return lacking
    times = HEADLINE_TIMES if estimator == HEADLINE.estimator else 1
    weights = cluster_weights(series.families, draws * times, seed)
    try:
        found = estimate(TREND_ESTIMATORS[estimator], series, ALWAYS, weights)
    except NoEstimateError as error:
        return str(error)
    return Trend(found, len(set(series.families)))


class HeadlinePace(NamedTuple):
    """Growth of ln density a year by the headline.

    Attributes:
        growth: the estimate.
        low: lower end of its 95 % interval.
        high: upper end.
        draws: resamples behind it.
    """

    growth: float
    low: float
    high: float
    draws: int


def _headline(density_growth: pl.DataFrame) -> HeadlinePace | str:
    """The headline, or what is lacking."""
    rows = density_growth.filter("is_headline").to_dicts()
    if not rows or rows[0]["verdict"] != "ok":
        return rows[0]["reason"] if rows else "no estimate is the headline"
    row = rows[0]
    return HeadlinePace(row["growth_per_year"], row["growth_low"], row["growth_high"], row["draws"])


def _headline_rates(pace: HeadlinePace | str) -> Iterator[dict[str, Any]]:
    """Density x hardware, and the yearly fall of inference cost, by the headline."""
    hardware = DAYS_PER_YEAR * np.log(2) / HARDWARE_DOUBLING_DAYS
    for quantity, added, unit, conversion in RATES:
        subject = "headline" + ("" if added else ", density alone")
        row = {"name": quantity, "subject": subject, "unit": unit, "inputs": conversion}
        if isinstance(pace, str):
            yield row | _insufficient(pace)
            continue
        growth, low, high = (each + added * hardware for each in pace[:3])
        if quantity == "cost_fold_per_year":
            yield row | _from_ends(growth, low, high, pace.draws)
        elif doubling_days(growth / DAYS_PER_YEAR) is None:
            yield row | _insufficient("the trend does not rise")
        else:
            value, soonest, latest = (
                doubling_days(each / DAYS_PER_YEAR) for each in (growth, high, low)
            )
            yield row | {
                "value": value, "low": soonest, "high": latest, "verdict": "ok",
                "reason": "" if latest else "open above: the rate may be zero", "draws": pace.draws,
            }  # fmt: skip


def _rates(trends: dict[str, Trend | str]) -> Iterator[dict[str, Any]]:
    """Density x hardware, and the yearly fall of inference cost."""
    hardware = np.log(2) / HARDWARE_DOUBLING_DAYS
    yield {
        "name": "density_x_hardware",
        "subject": "paper: T = 99 days",
        "value": combined_doubling_days(DENSITY_DOUBLING_DAYS, HARDWARE_DOUBLING_DAYS),
        "unit": RATES[0][2], "inputs": RATES[0][3], "verdict": "ok", "draws": 0,
        "reason": "the paper prints 88 days; it states no interval",
    }  # fmt: skip
    for estimator, trend in trends.items():
        for quantity, times, unit, conversion in RATES:
            added = times * hardware
            subject = f"estimator {estimator}" + (", density alone" if not added else "")
            row = {"name": quantity, "subject": subject, "unit": unit, "inputs": conversion}
            if isinstance(trend, str):
                yield row | _insufficient(trend)
                continue
            slope, drawn = trend.found.slope + added, trend.found.lines.slope + added
            if quantity == "density_x_hardware":
                yield row | _doubling(slope, drawn, trend.families)
            else:
                yield row | _estimate(slope * DAYS_PER_YEAR, drawn * DAYS_PER_YEAR, trend.families)


def _sizes(
    series: Series, trend: Trend | str, reference_laws: pl.DataFrame, laws: DrawnLaws
) -> Iterator[dict[str, Any]]:
    """The smallest model that reaches a score, at the newest model's day and a year on."""
    law = laws_of(reference_laws).get((HEADLINE.reference_id, SCORE_SETS[HEADLINE.score_set]))
    drawn = laws.get(HEADLINE[:2])
    newest = DAY_ZERO + timedelta(days=int(series.days.max())) if series.days.size else DAY_ZERO
    for score in PROJECTED_SCORES:
        days = {DAY_ZERO, newest, newest + timedelta(days=LONGEST_DAYS)}
        for day in sorted(day for day in days if day >= EARLIEST):
            row = {
                "name": "smallest_params", "subject": f"score {score} on AVERAGE",
                "at_date": day, "unit": "parameters",
                "inputs": "N_eff(score) / density(day), both by the paper's law and densing_law's quoted row",
            }  # fmt: skip
            if isinstance(trend, str) or law is None:
                yield row | _insufficient(trend if isinstance(trend, str) else "no reference law")
                continue
            if (day - newest).days > LONGEST_DAYS:
                yield row | _insufficient("more than a year beyond the newest model")
                continue
            params, censored = law.effective_params(np.array([score]))
            if censored[0] != "none":
                yield row | _insufficient("the reference law does not invert this score")
                continue
            found, at = trend.found, days_since_zero(day)
            lines = found.lines
            sizes = np.broadcast_to(np.log(params), lines.slope.shape)
            if drawn is not None:
                own = law_of(lines.slope.size, len(drawn.coefficients))
                with np.errstate(divide="ignore"):
                    sizes = np.log(drawn.effective_params(np.array([score]))[own, 0])
            yield row | _estimate(
                float(np.log(params[0])) - found.intercept - found.slope * at,
                sizes - lines.intercept - lines.slope * at,
                trend.families,
                "extrapolated a year beyond the newest model" if day > newest else "",
            )


def _prices(
    pace: HeadlinePace | str, price_frontier: pl.DataFrame, as_of: date
) -> Iterator[dict[str, Any]]:
    """The cheapest price of each level in a year, if it falls as density x hardware rises by the headline."""
    now = (
        price_frontier.filter(
            pl.col("curve") == "cheapest_now",
            pl.col("blend_input_share") == HEADLINE_BLEND,
            pl.col("date") <= as_of,
        )
        .sort("level", "date")
        .group_by("level", maintain_order=True)
        .last()
    )
    hardware = np.log(2) / HARDWARE_DOUBLING_DAYS
    years = LONGEST_DAYS / DAYS_PER_YEAR
    for level, price in now.select("level", "usd_per_mtok").iter_rows():
        row = {
            "name": "projected_price", "subject": f"level {level}",
            "at_date": as_of + timedelta(days=LONGEST_DAYS), "unit": "USD per million tokens",
            "inputs": "cheapest price now x 2 ** (-365 (1 / T + 1 / 767)), T of the headline",
        }  # fmt: skip
        if isinstance(pace, str) or not price:
            yield row | _insufficient(pace if isinstance(pace, str) else "nothing is on offer")
            continue
        before_density = float(np.log(price)) - hardware * LONGEST_DAYS
        yield row | _from_ends(
            before_density - pace.growth * years,
            before_density - pace.high * years,
            before_density - pace.low * years,
            pace.draws,
            "a projection from the trend of density, not a forecast",
        )


def _compression(compression: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Density of a pruned, distilled or quantised model over that of the model it was made from."""
    own = compression.filter(
        pl.col("reference_id") == HEADLINE.reference_id,
        pl.col("score_set") == HEADLINE.score_set,
        pl.col("params_basis") == HEADLINE.params_basis,
    )
    for pair in own.iter_rows(named=True):
        names = [pair[key].removeprefix(NMI_PREFIX) for key in ("child_id", "parent_id")]
        ends = {
            end: None if pair[end] is None else float(np.exp(pair[end])) for end in ("low", "high")
        }
        yield {
            "name": "compression_ratio",
            "subject": f"{names[0]} / {names[1]} ({pair['method']})",
            "value": float(np.exp(pair["log_ratio"])),
            **ends,
            "unit": "1",
            "inputs": "density / density of the original; errors of the two scores and of the law",
            "verdict": "ok",
            "reason": pair["finding"],
            "draws": COMPRESSION_DRAWS,
        }


def _doubling(slope: float, drawn: FloatArray, families: int) -> dict[str, Any]:
    """A doubling time and its interval, by inverting the slope's."""
    interval = clustered_interval(drawn, families)
    if interval is None or doubling_days(slope) is None:
        return _insufficient("the trend does not rise")
    low, high = interval
    return {
        "value": float(np.log(2) / slope),
        "low": doubling_days(high),
        "high": doubling_days(low),
        "verdict": "ok",
        "reason": "" if doubling_days(low) else "open above: the rate may be zero",
        "draws": drawn.size,
    }


def _estimate(
    log_value: float, drawn: FloatArray, families: int, reason: str = ""
) -> dict[str, Any]:
    """A positive quantity from its logarithm; its interval is that of the logarithm."""
    interval = clustered_interval(drawn, families)
    if interval is None:
        return _insufficient("too many resamples carry no line")
    return _from_ends(log_value, *interval, drawn.size, reason)


def _from_ends(
    log_value: float, log_low: float, log_high: float, draws: int, reason: str = ""
) -> dict[str, Any]:
    """A positive quantity and its interval from their logarithms."""
    interval = log_low, log_high
    if not abs(log_value) < MOST_LOG:
        return _insufficient("the trend is too steep to say anything so far from the models")
    if interval[1] - interval[0] > np.log(MOST_FOLD):
        return _insufficient(
            f"the ends of its interval are over {MOST_FOLD}-fold apart: the models say nothing so far off"
        )
    low, high = (float(np.exp(end)) if abs(end) < MOST_LOG else None for end in interval)
    return {
        "value": float(np.exp(log_value)), "low": low, "high": high, "verdict": "ok",
        "reason": reason, "draws": draws,
    }  # fmt: skip


def _insufficient(reason: str) -> dict[str, Any]:
    return {"verdict": "insufficient", "reason": reason, "draws": 0}
