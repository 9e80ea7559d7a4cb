"""The LiteLLM map as quotes."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.litellm import parse
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot

DAY = date(2026, 11, 1)


def read(key: str = "sage-1", **fields: Any) -> ParsedSnapshot:
    """The map with one model and three well-formed companions."""
    base = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    common = {"mode": "chat", "litellm_provider": "maker"}
    companions = {f"companion-{n}": common | base for n in range(3)}
    return parse(json.dumps({key: common | fields} | companions).encode(), DAY)


def offers(found: ParsedSnapshot, *columns: str) -> list[tuple[Any, ...]]:
    mine = found.quotes.filter(~pl.col("model").str.contains("companion"))
    prices = ("input_usd_per_mtok", "output_usd_per_mtok", "cache_read_usd_per_mtok")
    return mine.select(columns or ("offer", "context_over_tokens", *prices)).rows()


def test_floats_are_read_as_they_are_written() -> None:
    found = read(input_cost_per_token=1.4999999e-07, output_cost_per_token=6e-07)
    assert offers(found) == [("standard", 0, 0.14999999, 0.6, None)]


@pytest.mark.parametrize(
    ("stated", "price"),
    [
        (2.99999e-06, 2.99999), (2.9999900000000004e-06, 2.99999),
        (2.9999899999999983e-06, 2.99999), (2.99999000000001e-06, 2.99999000000001),
    ],
)  # fmt: skip
def test_digits_that_a_float_does_not_hold_are_no_other_price(stated: float, price: float) -> None:
    found = read(input_cost_per_token=stated, output_cost_per_token=6e-07)
    assert offers(found) == [("standard", 0, price, 0.6, None)]


def test_field_names_say_kind_and_prompt_length() -> None:
    found = read(
        input_cost_per_token=1e-6,
        output_cost_per_token=4e-6,
        cache_read_input_token_cost=1e-7,
        input_cost_per_token_above_200k_tokens=2e-6,
        input_cost_per_token_batches=5e-7,
        output_cost_per_token_batches=2e-6,
        input_cost_per_token_above_200k_tokens_priority=9e-6,
        input_cost_per_token_flex=6e-7,
    )
    assert offers(found) == [
        ("batch", 0, 0.5, 2.0, None),
        ("flex", 0, 0.6, None, None),
        ("long_context", 200_000, 2.0, 4.0, 0.1),
        ("priority", 200_000, 9.0, None, None),
        ("standard", 0, 1.0, 4.0, 0.1),
    ]


def test_tiers_are_prices_by_prompt_length() -> None:
    tiers = [
        {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "range": [0, 32000.0]},
        {"input_cost_per_token": 3e-6, "output_cost_per_token": 6e-6, "range": [32000.0, 128000.0]},
    ]
    assert offers(read(tiered_pricing=tiers)) == [
        ("long_context", 32_000, 3.0, 6.0, None),
        ("standard", 0, 1.0, 2.0, None),
    ]


def test_off_peak_price_stands_beside_the_standard_one() -> None:
    cheap = {"input_cost_per_token": 1e-7, "output_cost_per_token": 2e-7, "windows": []}
    found = read(input_cost_per_token=2e-7, output_cost_per_token=4e-7, off_peak_pricing=cheap)
    assert offers(found, "offer", "input_usd_per_mtok") == [("off_peak", 0.1), ("standard", 0.2)]


def test_kind_of_offer_nobody_knows_is_left_out_by_name() -> None:
    found = read(
        input_cost_per_token=1e-6, output_cost_per_token=2e-6, input_cost_per_token_ultrafast=9e-6
    )
    assert offers(found, "offer") == [("standard",)]
    assert found.left_out.rows() == [("sage-1", "ultrafast price: no kind of offer we know")]


@pytest.mark.parametrize("mode", ["embedding", "image_generation", "realtime", None])
def test_mode_says_what_a_price_is_of(mode: str | None) -> None:
    found = read(mode=mode, input_cost_per_token=1e-8)
    assert offers(found) == []
    assert found.left_out["key"].to_list() == ["sage-1"]


def test_price_per_second_is_no_price_per_token() -> None:
    assert read(input_cost_per_second=0.001).left_out.height == 1


def test_model_without_price_is_kept_without_price() -> None:
    assert offers(read(), "offer", "input_usd_per_mtok", "reason") == [
        ("standard", None, "no price stated")
    ]


def test_zero_is_free() -> None:
    assert offers(read(input_cost_per_token=0, output_cost_per_token=0), "offer") == [("free",)]


def test_retired_model_is_kept_and_marked() -> None:
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    gone = read(deprecation_date="2026-10-31", **prices)
    assert offers(gone, "flag", "expires_on") == [("unconfirmed", date(2026, 10, 31))]
    assert offers(read(deprecation_date="2026-11-02", **prices), "flag") == [(None,)]
    assert offers(read(deprecation_date="soon", **prices), "flag", "expires_on") == [(None, None)]


def test_seller_is_the_field_else_the_prefix_else_unstated() -> None:
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    assert offers(read("host/sage-1", litellm_provider=None, **prices), "provider") == [("host",)]
    assert offers(read(litellm_provider=None, **prices), "provider", "flag") == [
        ("unstated", "unconfirmed")
    ]


@pytest.mark.parametrize("amount", [float("nan"), "cheap", -3e-6, [1e-6]])
def test_bad_amount_costs_only_its_offer(amount: Any) -> None:
    found = read(
        input_cost_per_token=1e-6,
        output_cost_per_token=2e-6,
        input_cost_per_token_batches=amount,
    )
    assert offers(found, "offer") == [("standard",)]
    assert found.quarantined.select("key", "column").rows() == [("sage-1", "input_cost_per_token")]


def test_entry_that_is_no_object_is_quarantined_and_the_pattern_is_skipped() -> None:
    content = {"odd": "text", "sample_spec": {"mode": "chat"}, "last_updated": "2026-11-01"}
    good = {"mode": "chat", "litellm_provider": "m", "input_cost_per_token": 1e-6}
    found = parse(json.dumps(content | {"a": good, "b": good}).encode(), DAY)
    assert found.quotes["model"].to_list() == ["a", "b"]
    assert found.quarantined["key"].to_list() == ["odd"]


def test_renamed_cost_field_is_a_changed_format() -> None:
    renamed = {"mode": "chat", "litellm_provider": "m", "input_token_cost": 1e-6}
    with pytest.raises(SnapshotError, match="format has changed"):
        parse(json.dumps({f"m{n}": renamed for n in range(9)}).encode(), DAY)
