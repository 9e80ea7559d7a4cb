"""The bundled list prices."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.prices.list_prices import listed_prices
from densing_pipeline.tables.published import PRICES


@pytest.fixture(scope="module")
def prices() -> pl.DataFrame:
    return PRICES.validate(listed_prices(facts.load("list_prices")))


def test_every_fact_is_a_row(prices: pl.DataFrame) -> None:
    assert prices.height == facts.load("list_prices").height


def test_davinci_cost_twenty_dollars_when_chatgpt_came(prices: pl.DataFrame) -> None:
    that_day = date(2022, 11, 30)
    row = prices.filter(
        pl.col("model") == "text-davinci-003",
        pl.col("valid_from") <= that_day,
        pl.col("valid_to") > that_day,
    )
    assert row["input_usd_per_mtok"].to_list() == [20.0]


def test_the_paper_has_ten_points(prices: pl.DataFrame) -> None:
    assert prices.filter(source="nmi-2025").height == 10


def test_long_prompts_are_no_standard_offer(prices: pl.DataFrame) -> None:
    long = prices.filter(pl.col("context_over_tokens") > 0)
    assert set(long["offer"]) == {"long_context"}


def test_a_document_names_the_day_on_which_a_price_began(prices: pl.DataFrame) -> None:
    dated = prices.drop_nulls("valid_from")
    assert dated["valid_from_earliest"].equals(dated["valid_from"])
    assert dated["valid_from_latest"].equals(dated["valid_from"])
