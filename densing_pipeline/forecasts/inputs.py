"""The input tables of forecasts, their scores and the paper's claims.

Not here: the data known at a past month end (`vintages`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import polars as pl

from densing_pipeline import facts
from densing_pipeline.cost.levels import contested
from densing_pipeline.cost.market import Market
from densing_pipeline.score_sources.index_values import index_scores
from densing_pipeline.tables.dates import newest, newest_or_day_zero
from densing_pipeline.trends.pooled_growth import Pace

History = Callable[[date], pl.DataFrame]
"""Gives the `densities` frame as it could be known on a day."""

PooledPace = Callable[[date], Pace | None]
"""Gives the pace of density pooled over benchmarks as it could be known on a day, None where there was none."""


Prepare = Callable[[Sequence[date]], None]
"""Computes the history of several days at once."""


def nothing_prepared(_days: Sequence[date]) -> None:
    """For a history that needs no preparation."""


def no_pooled_pace(_day: date) -> Pace | None:
    """For inputs without the scores behind a pooled pace."""
    return None


class ForecastInputs(NamedTuple):
    """The tables as known on one day.

    Attributes:
        densities: a `densities` frame, as known now.
        history: gives the `densities` of a past day (`density_history`).
        market: prices, links, levels and scores, and the price lists' polls.
        pooled_pace: gives the pooled pace of a past day (`pooled_pace`).
        prepare: computes the history, and the pooled paces, of several days at once.
    """

    densities: pl.DataFrame
    history: History
    market: Market
    pooled_pace: PooledPace = no_pooled_pace
    prepare: Prepare = nothing_prepared

    @classmethod
    def up_to_now(
        cls,
        densities: pl.DataFrame,
        history: History,
        market: Market,
        prepare: Prepare = nothing_prepared,
    ) -> "ForecastInputs":
        """All of the tables, as of their newest price (newest model, where there are no prices); no pooled pace."""
        models = newest_or_day_zero(densities["release_date"])
        as_of = newest(market.prices["observed_from"], otherwise=models)
        market = replace(market, as_of=as_of)
        return cls(densities, history, market, prepare=prepare)

    @property
    def as_of(self) -> date:
        """Last day that is known."""
        return self.market.last

    @property
    def has_prices(self) -> bool:
        """Whether there are prices, links and levels for a price frontier."""
        return not (self.market.is_empty or self.market.levels.is_empty())


def forecast_market(
    prices: pl.DataFrame,
    links: pl.DataFrame,
    levels: pl.DataFrame,
    capability_index: pl.DataFrame,
    polls: pl.DataFrame | None,
) -> Market:
    """The market whose prices are forecast, with the bundled scores.

    Levels on an index are left out, for of past month ends there is no vintage of it, and those that every
    scored model reaches. Of the index only the days of release count, before which a name sold an earlier model.

    Args:
        prices: rows of `prices`.
        links: rows of `model_links`.
        levels: rows of `capability_levels`.
        capability_index: rows of `capability_index`.
        polls: rows of `price_polls`; None if it is not known when each list was looked at.
    """
    scored = facts.load("capability_scores")
    index = index_scores(capability_index, facts.load("sold_models"))
    return Market(prices, links, contested(levels, scored), scored, polls, index=index)
