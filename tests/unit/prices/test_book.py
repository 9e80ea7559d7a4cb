"""The rules that keep wrong prices out of frontiers."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.comparison import known_from
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


def test_empty_book() -> None:
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
