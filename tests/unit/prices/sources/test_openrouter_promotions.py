"""A headline price that is a discounted one is no list price."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.sources.openrouter_promotions import mark
from densing_pipeline.tables.published import PRICES


def row(source: str = "openrouter", **columns: Any) -> dict[str, Any]:
    return {
        "source": source,
        "provider": source if source == "openrouter" else "host/fp8",
        "model": "maker/sage-1",
        "offer": "standard",
        "input_usd_per_mtok": 1.0,
        "output_usd_per_mtok": 2.0,
        "context_over_tokens": 0,
        "currency": "USD",
        "valid_from": date(2026, 10, 1),
        "observed_from": date(2026, 10, 1),
        "basis": "first_observed",
        "snapshot_sha256": "abc",
    } | columns


def discounted(**columns: Any) -> dict[str, Any]:
    promotion = {"offer": "promotional", "reason": "net of a discount of 0.9"}
    return row("openrouter-endpoints", valid_from=date(2026, 10, 5)) | promotion | columns


def book(*rows: dict[str, Any]) -> pl.DataFrame:
    return PRICES.cast(pl.DataFrame(list(rows), infer_schema_length=None))


def headline(*sellers: dict[str, Any], **columns: Any) -> tuple[str, str | None]:
    found = mark(book(row(**columns), *sellers)).filter(source="openrouter")
    offer, reason = found.select("offer", "reason").row(0)
    return offer, reason


def test_price_asked_under_a_discount_is_promotional() -> None:
    assert headline(discounted()) == ("promotional", "asked by host/fp8, net of a discount of 0.9")


@pytest.mark.parametrize(
    "seller",
    [
        discounted(input_usd_per_mtok=1.1),
        discounted(model="maker/sage-2"),
        discounted(context_over_tokens=200_000),
        discounted(valid_from=date(2026, 9, 1), valid_to=date(2026, 10, 1)),
    ],
)
def test_another_price_or_time_is_another_matter(seller: dict[str, Any]) -> None:
    assert headline(seller) == ("standard", None)


def test_price_that_somebody_asks_without_a_discount_is_ordinary() -> None:
    ordinary = row("openrouter-endpoints", provider="other")
    assert headline(discounted(), ordinary) == ("standard", None)


def test_without_sellers_an_offer_counts_as_standard() -> None:
    assert headline() == ("standard", None)
    assert mark(PRICES.empty()).equals(PRICES.empty())


def test_rows_and_order_stay() -> None:
    listed = book(row(), row(model="b"), discounted(), row(offer="batch"))
    found = mark(listed)
    judged = ["offer", "reason", "listed_offer", "listed_flag", "listed_reason"]
    assert found.drop(judged).equals(listed.drop(judged))
    assert found.filter(offer="batch").height == 1


def test_the_book_has_it() -> None:
    found = price_book([book(row()), book(discounted())])
    assert found.filter(source="openrouter")["offer"].to_list() == ["promotional"]


def copied(**columns: Any) -> dict[str, Any]:
    """OpenRouter's price in a list that people keep."""
    return row("litellm", provider="openrouter", model="openrouter/maker/sage-1") | columns


@pytest.mark.parametrize(
    ("columns", "offer"),
    [
        ({}, "promotional"),
        ({"model": "maker/sage-1", "source": "models-dev"}, "promotional"),
        ({"input_usd_per_mtok": 1.1}, "standard"),
        ({"provider": "host"}, "standard"),
        ({"model": "openrouter/maker/sage-2"}, "standard"),
        ({"valid_from": date(2026, 9, 1), "valid_to": date(2026, 10, 1)}, "standard"),
    ],
)
def test_a_copy_of_a_promotion_in_another_list_is_one_too(columns, offer) -> None:
    copy = copied(**columns)
    found = mark(book(row(), discounted(), copy)).filter(source=copy["source"])
    assert found["offer"].to_list() == [offer]
    if offer == "promotional":
        assert found["reason"][0].startswith("a copy of OpenRouter's promotion, asked by host/fp8")


def test_a_copy_of_an_ordinary_price_is_ordinary() -> None:
    assert set(mark(book(row(), copied()))["offer"]) == {"standard"}
