"""How fast a fixed capability gets cheaper."""

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.cost import frontier, halving
from densing_pipeline.orchestration.metadata import figure_metadata, halving_metadata
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.publication.figures import price_figure
from densing_pipeline.settings import Settings
from densing_pipeline.tables import published
from densing_pipeline.tables.dates import newest


@table_asset(published.CAPABILITY_LEVELS, group="cost")
def capability_levels() -> pl.DataFrame:
    """Capability levels and the scores that define them."""
    return facts.load("capability_levels")


@table_asset(published.PRICE_FRONTIER, group="cost")
def price_frontier(
    prices: pl.DataFrame, model_links: pl.DataFrame, capability_levels: pl.DataFrame
) -> dg.MaterializeResult[pl.DataFrame]:
    """Cheapest price of each capability level over time: on offer now, and ever."""
    cheapest = frontier.price_frontier(
        prices, model_links, capability_levels, facts.load("capability_scores")
    )
    return dg.MaterializeResult(
        value=cheapest, metadata=figure_metadata(price_figure({"price_frontier": cheapest}))
    )


@table_asset(published.PRICE_HALVING, group="cost", kinds=frozenset({"scipy"}))
def price_halving(
    price_frontier: pl.DataFrame, prices: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[pl.DataFrame]:
    """Halving time of the cheapest price by level, blend, curve, window and estimator."""
    estimates = halving.price_halving(
        price_frontier,
        as_of=newest(prices["observed_from"]),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )
    return dg.MaterializeResult(value=estimates, metadata=halving_metadata(estimates))
