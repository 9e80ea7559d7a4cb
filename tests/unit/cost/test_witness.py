"""A price that is far below its level counts only if a second source makes it plausible."""

from datetime import date
from typing import Any

import polars as pl
import pytest

JAN, FEB, MAR, JUN = (date(2025, month, 1) for month in (1, 2, 3, 6))


def offer(price: float, valid_from: date = JAN, **columns: Any) -> dict[str, Any]:
    return {"model": "a", "input_usd_per_mtok": price, "valid_from": valid_from} | columns


def by_hand(price: float, **columns: Any) -> dict[str, Any]:
    """An offer in a list that people keep, found by a poll."""
    return offer(price, FEB, model="b", source="litellm", basis="first_observed") | columns


def lowest(curve: pl.DataFrame) -> float:
    found = curve["usd_per_mtok"].min()
    assert isinstance(found, float)
    return found


@pytest.mark.parametrize(("price", "counts"), [(1.0, True), (0.999, False)])
def test_a_price_in_one_list_counts_down_to_a_third_of_what_others_say(market, price, counts):
    assert lowest(market(offer(3.0), by_hand(price))) == (price if counts else 3.0)


@pytest.mark.parametrize(
    "witness",
    [
        offer(0.3, model="b", source="models-dev", provider="other", basis="first_observed"),
        offer(0.2, MAR, model="c", source="models-dev", basis="first_observed"),
    ],
)
def test_another_list_with_a_like_price_of_the_level_makes_it_plausible(market, witness):
    assert lowest(market(offer(3.0), by_hand(0.1), witness)) == 0.1


@pytest.mark.parametrize(
    "no_witness",
    [
        by_hand(0.1, model="c"),
        offer(0.1, model="weak", source="models-dev", basis="first_observed"),
        offer(0.1, JAN, model="c", source="models-dev", basis="first_observed", valid_to=FEB),
    ],
)
def test_the_same_list_a_model_below_the_level_and_another_time_do_not(market, no_witness):
    curve = market(offer(3.0), by_hand(0.1, valid_from=MAR), no_witness)
    assert curve.filter(pl.col("date") >= MAR)["usd_per_mtok"].to_list() in ([], [3.0])


@pytest.mark.parametrize(
    "word", [{"source": "openrouter"}, {"basis": "announced"}, {"basis": "documented"}]
)
def test_what_the_seller_itself_says_needs_no_witness(market, word):
    assert lowest(market(offer(3.0), by_hand(0.1) | word)) == 0.1


def test_where_no_other_source_sells_the_level_there_is_nothing_to_compare_with(market):
    assert lowest(market(by_hand(0.1))) == 0.1
    ended = offer(3.0, valid_to=FEB)
    assert lowest(market(ended, by_hand(0.1))) == 0.1
