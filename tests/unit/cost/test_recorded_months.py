"""What is known of the recorded months of OpenRouter and LiteLLM, found again by the pipeline."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.halving import price_halving
from densing_pipeline.cost.index import price_index
from densing_pipeline.cost.market import Market
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import anchors, backfill, embedded, history
from densing_pipeline.prices.as_of import as_of, last_day
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.corrections import price_changes
from densing_pipeline.prices.links import model_links, sold_models
from densing_pipeline.prices.list_prices import listed_prices
from densing_pipeline.tables.published import CAPABILITY_LEVELS

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def histories(recorded, tmp_path_factory):
    """The history of each list, backfilled from its months."""
    folder = tmp_path_factory.mktemp("backfill")
    zone = LandingZone(folder / "landing")
    results = list(backfill.land(zone, backfill.find(recorded / "prices" / "raw")))
    assert {result.outcome for result in results} == {"ok"}
    history.update_all(zone, folder / "book")
    return history.histories(folder / "book")


@pytest.fixture(scope="module")
def estimates(histories):
    """Book, frontier, halving times and index of everything that is known."""
    published = embedded.published_on(facts.load("sources"))
    lists = [
        listed_prices(facts.load("list_prices")),
        embedded.embedded_prices(observed_on=published),
        *histories.values(),
    ]
    prices = price_book(lists)
    scores = facts.load("capability_scores")
    links = model_links(prices, facts.load("offer_names"), sold_models())
    levels = CAPABILITY_LEVELS.cast(facts.load("capability_levels"))
    market = Market(prices, links, levels, scores)
    frontier = price_frontier(market)
    halving = price_halving(frontier, as_of=market.last, draws=200, seed=1)
    return {
        "prices": prices,
        "frontier": frontier,
        "halving": halving,
        "index": price_index(market),
    }


def test_the_history_begins_in_november_2023_and_ends_in_november_2026(histories):
    seen = pl.concat(histories.values())
    assert seen["observed_from"].min() == date(2023, 11, 10)
    assert last_day(seen) == date(2026, 11, 1)


def test_openrouter_has_about_as_many_rises_as_cuts(histories):
    changes = price_changes(histories["openrouter"]).filter(offer="standard", context_over_tokens=0)
    change = changes["input_usd_per_mtok"] - changes["input_usd_per_mtok_before"]
    rises, cuts = (change > 0).sum(), (change < 0).sum()
    assert rises + cuts > 400
    assert 0.8 < rises / cuts < 1.25


def test_a_tenth_of_the_changes_in_the_community_list_are_corrections(histories):
    rows = histories["litellm"]
    corrected = rows.filter(pl.col("flag") == "correction", pl.col("valid_to").is_null()).height
    assert corrected > 0.05 * price_changes(rows).height


def test_gpt_3_5_level_halved_in_2_2_to_3_9_months_in_the_papers_window(estimates):
    found = estimates["halving"].filter(
        pl.col("blend_input_share").is_in([0.75, 1.0]),
        level="gpt-3.5",
        window="nmi-2025",
        estimator="record-events",
    )
    assert found["verdict"].to_list() == ["ok", "ok"]
    assert found["halving_months"].is_between(2.2, 3.9).all(), found["halving_months"].to_list()


def test_the_floor_stalled_after_2025_and_the_output_says_so(estimates):
    floor = (
        estimates["frontier"]
        .filter(level="gpt-3.5", curve="cheapest_now", blend_input_share=0.75)
        .sort("date")
    )
    low = floor["usd_per_mtok"].min()
    assert floor["usd_per_mtok"][-1] > 1.05 * low
    row = (
        estimates["halving"]
        .filter(
            level="gpt-3.5",
            blend_input_share=0.75,
            curve="cheapest_now",
            window="since-2025",
            estimator="weekly",
        )
        .row(0, named=True)
    )
    assert row["months_since_record"] > 12
    assert row["high"] is None
    assert "times its record low" in row["reason"]
    assert "the interval reaches prices that do not fall" in row["reason"]


def test_text_davinci_003_cost_20_dollars_though_one_list_says_2(estimates):
    sold = as_of(estimates["prices"], date(2023, 11, 20), date(2026, 11, 23)).filter(
        model="text-davinci-003"
    )
    price = {row["source"]: (row["input_usd_per_mtok"], row["flag"]) for row in sold.to_dicts()}
    assert price["list-prices"] == (20.0, None)
    assert price["litellm"] == (2.0, "suspect")
    assert anchors.missing(estimates["prices"]).is_empty()


def test_no_frontier_has_an_impossible_price(estimates):
    prices = estimates["frontier"]["usd_per_mtok"].drop_nulls()
    assert prices.min() > 0
    assert prices.max() <= 1000


def test_the_index_falls_with_enough_models_since_november_2023(estimates):
    index = estimates["index"].filter(blend_input_share=0.75, verdict="ok").sort("month")
    assert index["month"][0] == date(2023, 11, 1)
    assert index["high"][-1] < 10
