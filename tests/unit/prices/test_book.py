"""The rules that keep wrong prices out of frontiers."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.prices.book import disputed, price_book, rejudged
from densing_pipeline.prices.comparison import known_from
from densing_pipeline.prices.embedded import until_polled
from densing_pipeline.tables.published import PRICES
from densing_pipeline.tables.schemas import TableError


def listed(source: str, price: float | None, **columns: Any) -> pl.DataFrame:
    """One standard price of text-davinci-003."""
    row = {
        "source": source,
        "provider": "openai",
        "model": "text-davinci-003",
        "offer": "standard",
        "input_usd_per_mtok": price,
        "context_over_tokens": 0,
        "currency": "USD",
        "valid_from": date(2022, 11, 28),
        "valid_to": date(2024, 1, 4),
        "observed_from": date(2026, 11, 23),
        "basis": "documented",
        "snapshot_sha256": "abc",
    }
    return PRICES.cast(pl.DataFrame([row | columns]))


def flags(*frames: pl.DataFrame) -> dict[str, str | None]:
    return dict(price_book(frames).select("source", "flag").iter_rows())


def test_contradicted_price_of_the_less_documented_source_is_suspect() -> None:
    ours = listed("ours", 20.0)
    undated = listed("other", 2.0, valid_from=None, valid_to=None, basis="undated")
    assert flags(ours, undated) == {"ours": None, "other": "suspect"}
    reason = price_book([ours, undated]).filter(source="other")["reason"][0]
    assert "2.0" in reason
    assert "ours says 20.0" in reason


def test_equally_documented_contradiction_makes_both_suspect() -> None:
    assert flags(listed("a", 20.0), listed("b", 2.0)) == {"a": "suspect", "b": "suspect"}


def test_three_times_apart_is_still_a_difference_of_opinion() -> None:
    assert flags(listed("a", 6.0), listed("b", 2.0)) == {"a": None, "b": None}


def test_prices_of_different_times_do_not_contradict() -> None:
    before = listed("a", 20.0, valid_to=date(2023, 6, 1))
    after = listed("b", 2.0, valid_from=date(2023, 6, 1))
    assert flags(before, after) == {"a": None, "b": None}


def test_undated_price_that_agrees_with_one_of_several_is_not_suspect() -> None:
    dear = listed("a", 20.0, valid_to=date(2023, 6, 1))
    cheap = listed("a", 2.0, valid_from=date(2023, 6, 1), valid_to=None)
    undated = listed("b", 2.0, valid_from=None, valid_to=None, basis="undated")
    book = price_book([pl.concat([dear, cheap]), undated])
    assert book["flag"].null_count() == 3


def test_undated_price_replaced_before_the_other_began_is_not_compared() -> None:
    undated = listed("b", 20.0, valid_from=None, valid_to=date(2022, 11, 28), basis="undated")
    assert flags(listed("a", 2.0), undated) == {"a": None, "b": None}


def test_spelling_does_not_hide_a_contradiction() -> None:
    other = listed("other", 2.0, model="Text_DaVinci-003", basis="first_observed")
    assert flags(listed("ours", 20.0), other)["other"] == "suspect"


def test_the_papers_plotted_prices_take_no_part() -> None:
    assert flags(listed("nmi-2025", 20.0, flag="figure"), listed("a", 2.0)) == {
        "nmi-2025": "figure",
        "a": None,
    }


def test_price_above_a_thousand_is_suspect_and_kept() -> None:
    book = price_book([listed("a", 20_000_000.0)])
    assert book["flag"].to_list() == ["suspect"]
    assert book["input_usd_per_mtok"].to_list() == [20_000_000.0]


def test_flag_that_already_bars_a_price_stays() -> None:
    future = listed("a", 5_000.0, flag="future", reason="announced for a later day")
    assert price_book([future])["reason"].to_list() == ["announced for a later day"]


def test_two_prices_for_one_key_are_refused_by_name() -> None:
    with pytest.raises(TableError, match="text-davinci-003"):
        price_book([listed("a", 20.0), listed("a", 19.0)])


def test_same_row_twice_is_one_row() -> None:
    assert price_book([listed("a", 20.0), listed("a", 20.0)]).height == 1


def test_one_wrong_source_does_not_take_the_right_ones_with_it() -> None:
    found = flags(listed("a", 20.0), listed("b", 20.0), listed("wrong", 2.0))
    assert found == {"a": None, "b": None, "wrong": "suspect"}


def test_two_against_two_leave_nobody() -> None:
    frames = [listed(source, price) for source, price in zip("abcd", (20, 20, 2, 2), strict=True)]
    assert set(flags(*frames).values()) == {"suspect"}


def test_copies_of_a_mistake_do_not_outvote_a_document() -> None:
    copies = [listed(source, 2.0, basis="first_observed") for source in ("b", "c", "d")]
    assert flags(listed("a", 20.0, basis="announced"), *copies) == {
        "a": None, "b": "suspect", "c": "suspect", "d": "suspect",
    }  # fmt: skip


@pytest.mark.parametrize(
    "flag", ["unconfirmed", "future", "refused", "suspect", "provisional", "slip"]
)
def test_a_price_that_does_not_count_itself_bears_no_witness(flag: str) -> None:
    assert flags(listed("a", 20.0), listed("b", 2.0, flag=flag))["a"] is None
    assert (
        flags(listed("a", 20.0), listed("b", 2.0), listed("c", 20.0, flag=flag))["a"] == "suspect"
    )


@pytest.mark.parametrize("flag", ["provisional", "slip"])
def test_a_price_seen_once_or_taken_back_is_judged_by_no_other_list(flag: str) -> None:
    found = flags(listed("a", 20.0), listed("b", 2.0, flag=flag), listed("c", 2.0, flag=flag))
    assert found == {"a": None, "b": flag, "c": flag}


def test_an_impossible_price_bears_no_witness() -> None:
    assert flags(listed("a", 20.0), listed("b", 20_000_000.0)) == {"a": None, "b": "suspect"}


def test_a_price_that_its_own_list_doubts_counts_if_another_list_has_it_too() -> None:
    doubted = listed("openrouter", 20.0, flag="suspect", reason="replaced 2.0 in")
    assert flags(doubted) == {"openrouter": "suspect"}
    book = price_book([doubted, listed("b", 20.0)])
    row = book.filter(source="openrouter").row(0, named=True)
    assert (row["flag"], row["listed_flag"]) == (None, "suspect")
    assert row["reason"] == "b has it too"


def test_a_disagreement_stands_in_quarantine_with_both_values() -> None:
    book = price_book([listed("ours", 20.0, basis="announced"), listed("other", 2.0)])
    (row,) = disputed(book).to_dicts()
    assert (row["source"], row["key"]) == ("other", "openai/text-davinci-003")
    assert (row["column"], row["values"]) == ("input_usd_per_mtok", "2.0 against 20.0 of ours")
    assert row["reason"] == "input price 2.0, but ours says 20.0"


def test_the_quarantined_column_is_the_one_in_which_the_lists_differ() -> None:
    one, other = (listed(s, 20.0, output_usd_per_mtok=p) for s, p in (("a", 20.0), ("b", 90.0)))
    found = disputed(price_book([one, other])).sort("source")
    assert found["column"].to_list() == ["output_usd_per_mtok"] * 2
    assert found["values"].to_list() == ["20.0 against 90.0 of b", "90.0 against 20.0 of a"]


def test_an_impossible_price_stands_in_quarantine_too() -> None:
    (row,) = disputed(price_book([listed("a", 20_000_000.0)])).to_dicts()
    assert row["reason"] == "above 1000 USD per million tokens"
    assert disputed(price_book([listed("a", 2.0)])).is_empty()


def test_a_seller_under_two_names_is_compared_with_itself() -> None:
    one = listed("a", 20.0, provider="fireworks_ai", basis="announced")
    other = listed("b", 2.0, provider="Fireworks")
    assert flags(one, other) == {"a": None, "b": "suspect"}


def test_what_the_list_alone_says_is_kept() -> None:
    book = price_book([
        listed("a", 20.0, basis="announced"), listed("b", 2.0, flag="correction", reason="mended"),
    ])  # fmt: skip
    row = book.filter(source="b").row(0, named=True)
    assert (row["flag"], row["listed_flag"], row["listed_reason"]) == (
        "suspect", "correction", "mended",
    )  # fmt: skip
    alone = rejudged(book.filter(source="b"))
    assert (alone["flag"][0], alone["reason"][0]) == ("correction", "mended")


def test_the_installed_list_is_believed_until_the_living_one_is_polled() -> None:
    installed, polled = (
        listed("genai-prices", 2.0, observed_from=date(2026, 11, day)) for day in (1, 9)
    )
    assert until_polled(installed, None).equals(installed)
    assert until_polled(installed, polled)["observed_to"].to_list() == [date(2026, 11, 9)]
    assert until_polled(polled, installed).is_empty(), "a backfilled list is older than ours"
    assert price_book([until_polled(installed, polled), polled]).height == 2


def test_a_book_of_no_lists_is_empty() -> None:
    assert price_book([]).equals(PRICES.empty())


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "known"),
    [
        (date(2023, 3, 1), None, date(2023, 3, 1)),
        (None, None, date(2026, 11, 23)),
        (None, date(2026, 10, 19), date(2026, 10, 18)),
    ],
)
def test_first_day_a_price_is_known_to_hold(
    valid_from: date | None, valid_to: date | None, known: date
) -> None:
    row = listed("a", 1.0, valid_from=valid_from, valid_to=valid_to)
    assert row.select(known_from()).item() == known


@pytest.mark.parametrize(("price", "flag"), [(1000.0, None), (1000.01, "suspect")])
def test_a_thousand_dollars_is_the_highest_plausible_price(price: float, flag: str | None) -> None:
    assert flags(listed("a", price)) == {"a": flag}


@pytest.mark.parametrize(("price", "flag"), [(0.001, None), (0.00099, "suspect")])
def test_no_price_of_a_million_tokens_was_ever_below_a_tenth_of_a_cent(
    price: float, flag: str | None
) -> None:
    assert flags(listed("a", price)) == {"a": flag}
    assert flags(listed("a", 2.0, output_usd_per_mtok=price)) == {"a": flag}


@pytest.mark.parametrize(("price", "flag"), [(6.0, None), (6.01, "suspect")])
def test_prices_contradict_each_other_beyond_three_times(price: float, flag: str | None) -> None:
    assert flags(listed("a", price), listed("b", 2.0)) == {"a": flag, "b": flag}


def test_of_equally_documented_lists_one_for_and_one_against_decide_nothing() -> None:
    found = flags(listed("a", 2.0), listed("b", 2.0), listed("c", 20.0), listed("d", 20.0))
    assert set(found.values()) == {"suspect"}
    assert flags(listed("a", 2.0), listed("b", 2.0), listed("c", 20.0)) == {
        "a": None,
        "b": None,
        "c": "suspect",
    }
