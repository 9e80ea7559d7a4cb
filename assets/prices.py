"""What models cost."""

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.hub.models import SOURCE as HUB
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.metadata import book_metadata, poll_metadata
from densing_pipeline.orchestration.tables import OWNERS, table_asset
from densing_pipeline.prices import (
    book,
    embedded,
    genai,
    history,
    links,
    list_prices,
    poll,
    snapshots,
)
from densing_pipeline.settings import Settings
from densing_pipeline.tables import published


@dg.asset(group_name="prices", owners=OWNERS, kinds={"json"})
def price_snapshots(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult[None]:
    """The remote price lists, landed as received. Nothing is asked unless DENSING_POLL is on."""
    results = poll.poll(settings, near=poll.sellers_wanted(settings)) if settings.poll else []
    return dg.MaterializeResult(metadata=poll_metadata(results))


@table_asset(published.QUARANTINE, group="prices", deps=["price_snapshots"])
def quarantine(settings: dg.ResourceParam[Settings]) -> pl.DataFrame:
    """What of the newest price lists cannot be read, and why; no other table has it."""
    return snapshots.quarantined(LandingZone(settings.landing_dir))


@table_asset(published.PRICES, group="prices", deps=["price_snapshots"])
def prices(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult[pl.DataFrame]:
    """Every known API price with the interval it was valid in and when it was observed."""
    updates = history.update_all(LandingZone(settings.landing_dir), settings.book_dir)
    polled = history.histories(settings.book_dir)
    listed = list_prices.listed_prices(facts.load("list_prices"))
    if genai.SOURCE not in polled:
        published_on = embedded.published_on(facts.load("sources"))
        polled[genai.SOURCE] = embedded.embedded_prices(observed_on=published_on)
    known = book.price_book([listed, *polled.values()])
    return dg.MaterializeResult(value=known, metadata=book_metadata(updates, known))


@table_asset(published.MODEL_LINKS, group="prices")
def model_links(prices: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """Which model each offer sells, by which rule, and the offers no rule resolves."""
    # Names of the Hub are free to anyone: a copy called like a famous model must not make the
    # name of an offer ambiguous, so only the models of our facts are linked to.
    ours = models.filter(pl.col("source") != HUB)["model_id"]
    known = pl.concat([facts.load("capability_scores")["canonical_id"], ours])
    return links.model_links(prices, facts.load("offer_names"), known.unique())
