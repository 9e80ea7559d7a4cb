"""The tables that forecasts, their scores and the paper's claims are made from.

Not here: what a past month end knew of them (`vintages`).
"""

from datetime import date
from typing import NamedTuple

import polars as pl

from densing_pipeline.tables.dates import newest, newest_or_day_zero


class ForecastInputs(NamedTuple):
    """What is known on a day.

    Attributes:
        densities: a `densities` frame.
        prices: a `prices` frame.
        model_links: a `model_links` frame.
        capability_levels: a `capability_levels` frame.
        capability_scores: scores of the models sold.
        as_of: last day that is known.
        polls: a `price_polls` frame: on which days the price lists were seen (`prices.as_of.known`).
    """

    densities: pl.DataFrame
    prices: pl.DataFrame
    model_links: pl.DataFrame
    capability_levels: pl.DataFrame
    capability_scores: pl.DataFrame
    as_of: date
    polls: pl.DataFrame | None = None

    @classmethod
    def up_to_now(
        cls,
        densities: pl.DataFrame,
        prices: pl.DataFrame,
        model_links: pl.DataFrame,
        capability_levels: pl.DataFrame,
        capability_scores: pl.DataFrame,
        polls: pl.DataFrame | None = None,
    ) -> "ForecastInputs":
        """All of the tables, as of their newest price (newest model, where there are no prices)."""
        models = newest_or_day_zero(densities["release_date"])
        as_of = newest(prices["observed_from"], otherwise=models)
        return cls(
            densities, prices, model_links, capability_levels, capability_scores, as_of, polls
        )

    @property
    def has_prices(self) -> bool:
        """Whether there is anything to draw a price frontier from."""
        return not (self.prices.is_empty() or self.capability_levels.is_empty())
