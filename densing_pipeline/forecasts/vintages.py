"""Vintages: the series to be forecast, cut off at a past month end.

Both are records: the densest model so far and the lowest price so far. Progress is counted upwards in
natural logarithms, ln density and -ln price, so that one set of methods serves both.

A vintage is a pure function of the tables and its month end. It excludes models released later,
scores published later (`known_from`), prices that begin later and later withdrawals of prices. The
tables do not date everything: a score of the paper's figure counts from the release of its model,
and a price from the day it took effect, even if either was recorded later.

Not here: the methods (`methods`) and the scores (`scores`).
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl

from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.density.score_sets import SCORE_SETS
from densing_pipeline.headline import HEADLINE, HEADLINE_BLEND
from densing_pipeline.paper import NMI
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.tables.columns import EARLIEST
from densing_pipeline.tables.dates import DAY_ZERO, days_since_zero
from densing_pipeline.trends.pooled_growth import Pace
from densing_pipeline.trends.series import Series, from_frame

FIRST_MONTH = date(2022, 11, 30)
"""First vintage: the month of ChatGPT and of the first price."""

REFERENCE, BASIS = HEADLINE.reference_id, HEADLINE.params_basis
CURVE = "cheapest_ever"

WATCHED_DAYS = 92
"""A series counts as observed on a day if it has a new entry in this many days before it."""


@dataclass(frozen=True)
class Vintage:
    """One series as known at a month end.

    Attributes:
        target: `density` or `price`.
        name: name of the series.
        month_end: nothing later is known.
        days: days since day zero on which the record changed, shape (k,), ascending, k > 0.
        progress: ln density or -ln price from each of them on, shape (k,), ascending.
        newest: day of the newest entry seen, record or not.
        models: the models behind a density series; None for a price.
        pooled_pace: pace of density pooled over benchmarks, as known then; None where there was none.
    """

    target: str
    name: str
    month_end: date
    days: FloatArray
    progress: FloatArray
    newest: float
    models: Series | None
    pooled_pace: Pace | None = None

    @property
    def today(self) -> float:
        """The month end in days since day zero."""
        return days_since_zero(self.month_end)

    def at(self, day: float) -> float | None:
        """Progress on a day; None before the first entry."""
        known = self.days <= day
        return float(self.progress[known][-1]) if known.any() else None

    def value(self, progress: FloatArray | float) -> FloatArray:
        """Density or price of some progress."""
        return np.asarray(np.exp(progress if self.target == "density" else np.negative(progress)))


def month_ends(last: date, first: date = FIRST_MONTH) -> list[date]:
    """The ends of all months from that of the first day to the last that is over by `last`."""
    ends = []
    end = _month_end(first)
    while end <= last:
        ends.append(end)
        end = _month_end(end + timedelta(days=1))
    return ends


def months_later(month_end: date, months: int) -> date:
    """The month end so many months later."""
    for _ in range(months):
        month_end = _month_end(month_end + timedelta(days=1))
    return month_end


def _month_end(day: date) -> date:
    next_month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return next_month - timedelta(days=1)


def density_names(densities: pl.DataFrame) -> list[str]:
    """Names of the density series: every score set under the headline's law and basis."""
    own = densities.filter(
        pl.col("reference_id") == REFERENCE,
        pl.col("params_basis") == BASIS,
        pl.col("score_set").is_in(list(SCORE_SETS)),
    )
    return [f"{REFERENCE}/{name}/{BASIS}" for name in sorted(own["score_set"].unique())]


def series_models(densities: pl.DataFrame, name: str) -> pl.DataFrame:
    """The models of a density series whose score the law inverts, in order of release."""
    reference_id, score_set, basis = name.split("/")
    return densities.filter(
        pl.col("reference_id") == reference_id,
        pl.col("score_set") == score_set,
        pl.col("params_basis") == basis,
        pl.col("density") > 0,
        pl.col("density").is_finite(),
        pl.col("release_date") >= EARLIEST,
    ).sort("release_date", "model_id")


def density_vintage(
    densities: pl.DataFrame, name: str, month_end: date, pooled_pace: Pace | None = None
) -> Vintage | None:
    """A density series as known at a month end, from the `densities` frame of that day; None before its first model."""
    models = from_frame(series_models(densities, name))
    if not models.days.size:
        return None
    days, progress = _records(models.days, models.values)
    newest = float(models.days.max())
    return Vintage("density", name, month_end, days, progress, newest, models, pooled_pace)


def price_vintages(market: Market, month_end: date) -> list[Vintage]:
    """The price series of every level that had a price at a month end, as known then."""
    prices = known_prices(market.prices, month_end)
    then = replace(market, prices=prices, as_of=month_end)
    curves = forecast_curves(price_frontier(then, blends=(HEADLINE_BLEND,)), market.levels)
    newest = newest_price(prices, market.scored_links, month_end)
    found = []
    for level, steps in curves.items():
        days, progress = price_progress(steps)
        name = f"{level}/{HEADLINE_BLEND}"
        found.append(Vintage("price", name, month_end, days, progress, newest, None))
    return found


def forecast_curves(frontier: pl.DataFrame, levels: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The price curves that are forecast, by level in order: the lowest price so far, ascending by date.

    Args:
        frontier: rows of `price_frontier`.
        levels: the rows of `capability_levels` that are forecast.
    """
    curves = frontier.filter(
        pl.col("curve") == CURVE,
        pl.col("blend_input_share") == HEADLINE_BLEND,
        pl.col("level").is_in(levels["level"].to_list()),
        pl.col("usd_per_mtok") > 0,
    ).sort("level", "date")
    return {
        str(level): steps for (level,), steps in curves.partition_by("level", as_dict=True).items()
    }


def price_progress(steps: pl.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Days since day zero and -ln price of the steps of a curve, each of shape (k,)."""
    days = np.array([days_since_zero(day) for day in steps["date"]])
    return days, -np.log(steps["usd_per_mtok"].to_numpy())


def known_prices(prices: pl.DataFrame, month_end: date) -> pl.DataFrame:
    """The `prices` frame as known at a month end.

    Contains dated prices that took effect by then, and undated ones first seen by then; ends of
    validity or observation after the month end are set to null.
    """
    dated = prices.with_columns(known=pl.coalesce("valid_from", "observed_from"))
    return (
        dated.filter(pl.col("known") <= month_end, pl.col("source") != NMI)
        .with_columns(
            observed_from=pl.min_horizontal("observed_from", "known"),
            observed_to=_unless_after("observed_to", month_end),
            valid_to=_unless_after("valid_to", month_end),
        )
        .drop("known")
    )


def newest_price(prices: pl.DataFrame, model_links: pl.DataFrame, month_end: date) -> float:
    """Day of the newest dated price of a linked model, in days since day zero; -inf if there is none."""
    linked = model_links.filter(pl.col("canonical_id").is_not_null())
    days = (
        prices.filter(pl.col("offer") == "standard", pl.col("valid_from") <= month_end)
        .join(linked, on=["source", "provider", "model"], how="semi")
        .get_column("valid_from")
    )
    newest = days.max()
    return days_since_zero(newest) if isinstance(newest, date) else -np.inf


def entry_days(densities: pl.DataFrame, name: str) -> FloatArray:
    """Days on which the models of a density series appeared, ascending, shape (n,)."""
    return from_frame(series_models(densities, name)).days


def price_days(prices: pl.DataFrame, model_links: pl.DataFrame) -> FloatArray:
    """Days on which dated prices of linked models began, ascending, shape (n,)."""
    linked = model_links.filter(pl.col("canonical_id").is_not_null())
    begun = prices.filter(
        pl.col("offer") == "standard", pl.col("valid_from").is_not_null(), pl.col("source") != NMI
    ).join(linked, on=["source", "provider", "model"], how="semi")
    days = (begun["valid_from"] - DAY_ZERO).dt.total_days().cast(pl.Float64)
    return days.sort().to_numpy()


def is_watched(entries: FloatArray, day: float) -> bool:
    """Whether a series had a new entry within `WATCHED_DAYS` before a day, and one after it."""
    before, after = entries[entries <= day], entries[entries > day]
    return bool(before.size and after.size and day - before.max() <= WATCHED_DAYS)


def _records(days: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Days and values of the running maximum; of one day only the highest value counts."""
    order = np.lexsort((-values, days))
    days, values = days[order], values[order]
    before = np.append(-np.inf, np.maximum.accumulate(values)[:-1])
    return days[values > before], values[values > before]


def _unless_after(column: str, day: date) -> pl.Expr:
    return pl.when(pl.col(column) <= day).then(pl.col(column))
