"""The input tables of forecasts, their scores and the paper's claims.

Not here: the data known at a past month end (`vintages`).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import polars as pl

from densing_pipeline.cost.market import Market
from densing_pipeline.tables.dates import newest, newest_or_day_zero

History = Callable[[date], pl.DataFrame]
"""Gives the `densities` frame as it could be known on a day."""


class ForecastInputs(NamedTuple):
    """The tables as known on one day.

    Attributes:
        densities: a `densities` frame, as known now.
        history: gives the `densities` of a past day (`density_history`).
        market: prices, links, levels and scores, and the price lists' polls.
    """

    densities: pl.DataFrame
    history: History
    market: Market

    @classmethod
    def up_to_now(
        cls, densities: pl.DataFrame, history: History, market: Market
    ) -> "ForecastInputs":
        """All of the tables, as of their newest price (newest model, where there are no prices)."""
        models = newest_or_day_zero(densities["release_date"])
        as_of = newest(market.prices["observed_from"], otherwise=models)
        return cls(densities, history, replace(market, as_of=as_of))

    @property
    def as_of(self) -> date:
        """Last day that is known."""
        return self.market.last

    @property
    def has_prices(self) -> bool:
        """Whether there are prices, links and levels for a price frontier."""
        return not (self.market.is_empty or self.market.levels.is_empty())
