"""What models cost."""

import polars as pl

from densing_pipeline import facts
from densing_pipeline.hub.models import SOURCE as HUB
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.prices import book, embedded, links, list_prices
from densing_pipeline.tables import published


@table_asset(published.PRICES, group="prices")
def prices() -> pl.DataFrame:
    """Every known API price with the interval it was valid in and when it was observed."""
    sources = facts.load("sources")
    listed = list_prices.listed_prices(facts.load("list_prices"))
    return book.price_book(
        [listed, embedded.embedded_prices(observed_on=embedded.published_on(sources))]
    )


@table_asset(published.MODEL_LINKS, group="prices")
def model_links(prices: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """Which model each offer sells, by which rule, and the offers no rule resolves."""
    # Names of the Hub are free to anyone: a copy called like a famous model must not make the
    # name of an offer ambiguous, so only the models of our facts are linked to.
    ours = models.filter(pl.col("source") != HUB)["model_id"]
    known = pl.concat([facts.load("capability_scores")["canonical_id"], ours])
    return links.model_links(prices, facts.load("offer_names"), known.unique())
