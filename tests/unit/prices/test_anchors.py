"""List prices that must be found."""

import polars as pl

from densing_pipeline import facts
from densing_pipeline.prices.anchors import ANCHORS, missing
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.list_prices import listed_prices


def listed():
    return price_book([listed_prices(facts.load("list_prices"))])


def test_all_anchors_are_in_the_bundled_list():
    assert missing(listed()).is_empty()


def test_a_lost_price_is_named():
    prices = listed()
    found = missing(prices.filter(prices["model"] != "text-davinci-003"))
    assert found["model"].to_list() == ["text-davinci-003"]
    assert found["found"].to_list() == ["no price"]


def test_a_distrusted_price_counts_as_lost_and_is_shown():
    prices = listed().with_columns(
        flag=pl.when(pl.col("model") == "gpt-4o-mini").then(pl.lit("suspect")).otherwise("flag")
    )
    found = missing(prices)
    assert "gpt-4o-mini" in found["model"].to_list()
    assert "(suspect)" in found["found"][0]
    assert len(ANCHORS) >= 5
