"""Assets of prices: price lists, offers, and links from offers to models."""

import dagster as dg
import polars as pl

from densing_pipeline import clock, facts
from densing_pipeline.hub.models import SOURCE as HUB
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.metadata import book_metadata, poll_metadata
from densing_pipeline.orchestration.state_lock import StateLock
from densing_pipeline.orchestration.tables import OWNERS, table_asset
from densing_pipeline.past_prices import changes
from densing_pipeline.prices import (
    book,
    bundled,
    embedded,
    history,
    links,
    list_prices,
    poll,
    snapshots,
)
from densing_pipeline.prices.sources import genai
from densing_pipeline.score_sources import poll as score_poll
from densing_pipeline.settings import Settings
from densing_pipeline.tables import published


@dg.asset(group_name="prices", owners=OWNERS, kinds={"json"})
def price_snapshots(
    settings: dg.ResourceParam[Settings], lock: StateLock
) -> dg.MaterializeResult[None]:
    """The remote price lists, landed as received. No request is made unless DENSING_POLL is on."""
    results = poll.poll(settings) if settings.poll else []
    return dg.MaterializeResult(metadata=poll_metadata(results))


@table_asset(published.PRICES, group="prices", deps=["price_snapshots"])
def prices(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult[pl.DataFrame]:
    """Every known API price with the interval it was valid in and when it was observed."""
    zone = LandingZone(settings.landing_dir)
    today = snapshots.servers_time(zone, clock.now())
    updates = history.update_all(zone, settings.book_dir, today)
    snapshots.report_failures(zone, {name: u.failure for name, u in updates.items()})
    polled = history.histories(settings.book_dir)
    listed = list_prices.listed_prices(facts.load("list_prices"))
    installed = embedded.until_polled(
        embedded.embedded_prices(observed_on=embedded.published_on(facts.load("sources"))),
        polled.get(genai.NAME),
    )
    bundle = bundled.bundled_until(polled)
    known = book.price_book([listed, installed, *bundle.values(), *polled.values()])
    return dg.MaterializeResult(value=known, metadata=book_metadata(updates, known))


@table_asset(published.PRICE_POLLS, group="prices", deps=["prices", "price_snapshots"])
def price_polls(settings: dg.ResourceParam[Settings]) -> pl.DataFrame:
    """The days on which each list was seen; needed to compute `prices` as of a past day."""
    bundle = bundled.bundled_until(history.histories(settings.book_dir))
    return pl.concat([history.polls(settings.book_dir), bundled.looks(bundle)]).unique()


@table_asset(published.QUARANTINE, group="prices", deps=["price_snapshots", "score_snapshots"])
def quarantine(settings: dg.ResourceParam[Settings], prices: pl.DataFrame) -> pl.DataFrame:
    """Unreadable entries of the newest lists and score sources, and prices that other lists contradict."""
    zone = LandingZone(settings.landing_dir)
    unread = [snapshots.quarantined(zone), score_poll.quarantined(zone)]
    return pl.concat([*unread, book.disputed(prices)])


@table_asset(published.MODEL_LINKS, group="prices")
def model_links(prices: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """The model of each offer and the rule that found it; and offers that no rule resolves."""
    # Anyone can choose a name on the Hub. A copy with the name of a known model would make the name
    # of an offer ambiguous, so offers are linked only to models of the bundled facts.
    ours = models.filter(pl.col("source") != HUB)
    sold = links.sold_models()
    base = set(ours.filter("is_base")["model_id"]) - set(sold)
    known = pl.concat([sold, ours["model_id"]]).unique()
    return links.model_links(prices, facts.load("offer_names"), known, base)


@table_asset(published.PRICE_CHANGES, group="prices")
def price_changes(
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    price_polls: pl.DataFrame,
    capability_index: pl.DataFrame,
) -> pl.DataFrame:
    """Cuts, rises, promotions, arrivals and departures of every offer, with both prices and the day."""
    return changes.price_changes(prices, model_links, price_polls, capability_index)
