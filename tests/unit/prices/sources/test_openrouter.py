"""OpenRouter's list as quotes."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import openrouter_endpoints
from densing_pipeline.prices.sources.openrouter import parse
from densing_pipeline.prices.sources.openrouter_format import join_pages, next_page
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot

DAY = date(2026, 11, 1)
PRICES = ("input_usd_per_mtok", "output_usd_per_mtok", "cache_read_usd_per_mtok")


def model(name: str = "maker/sage-1", **fields: Any) -> dict[str, Any]:
    pricing = {"prompt": "0.000002", "completion": "0.000008", "input_cache_read": "0.0000005"}
    return {"id": name, "pricing": pricing} | fields


def priced(prompt: Any, completion: Any = "0.000008", **fields: Any) -> dict[str, Any]:
    return model(pricing={"prompt": prompt, "completion": completion, **fields})


def read(*models: dict[str, Any], **document: Any) -> ParsedSnapshot:
    """The parsed list; the well-formed companions keep one bad entry from being the whole list."""
    companions = [model(f"maker/companion-{n}") for n in range(3)]
    return parse(json.dumps({"data": [*models, *companions]} | document).encode(), DAY)


def offers(found: ParsedSnapshot, *columns: str) -> list[tuple[Any, ...]]:
    mine = found.quotes.filter(~pl.col("model").str.contains("companion"))
    return mine.select(columns).rows()


def test_prices_per_token_become_exact_prices_per_million() -> None:
    assert offers(read(model()), "provider", "offer", *PRICES) == [
        ("openrouter", "standard", 2.0, 8.0, 0.5)
    ]
    assert offers(read(priced("0.000000051831")), "input_usd_per_mtok") == [(0.051831,)]


@pytest.mark.parametrize("amount", ["1e-07", 1e-07, "0.0000001", "1E-7"])
def test_number_is_read_however_it_is_written(amount: Any) -> None:
    assert offers(read(priced(amount)), "input_usd_per_mtok") == [(0.1,)]


def test_zero_is_free_whatever_the_name() -> None:
    assert offers(read(priced("0", "0")), "offer", "input_usd_per_mtok") == [("free", 0.0)]


def test_minus_one_is_no_price_of_its_own() -> None:
    found = offers(read(priced("-1", "-1")), "offer", "input_usd_per_mtok", "reason")
    assert found == [("alias", None, "-1: no price of its own")]


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("-0.5", "not negative"),
        (-2, "not negative"),
        ("NaN", "decimal number"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        ("", "decimal number"),
        ("$2", "decimal number"),
        ("1_000", "decimal number"),
        (True, "decimal number"),
        ({"usd": 2}, "decimal number"),
        ("1e-400", "magnitude"),
        ("1e400", "magnitude"),
    ],
)
def test_what_is_no_amount_is_quarantined_with_the_reason(amount: Any, reason: str) -> None:
    found = read(priced(amount))
    assert offers(found, "model") == []
    key, column, _, said = found.quarantined.row(0)
    assert (key, column) == ("maker/sage-1", "prompt")
    assert reason in said


def test_null_is_neither_zero_nor_a_fault() -> None:
    found = read(priced("0.000002", None))
    assert offers(found, "offer", *PRICES[:2]) == [("standard", 2.0, None)]
    assert found.quarantined.is_empty()


@pytest.mark.parametrize(
    ("name", "offer"),
    [
        ("maker/sage-1:free", "free"),
        ("maker/sage-1:batch", "batch"),
        ("~maker/sage-latest", "alias"),
        ("maker/sage-1:thinking", "standard"),
    ],
)
def test_variants_are_labelled_by_name(name: str, offer: str) -> None:
    assert offers(read(model(name)), "offer") == [(offer,)]


def test_alias_says_what_it_stands_for_today() -> None:
    alias = model("~maker/sage-latest", alias_target={"slug": "maker/sage-1"})
    assert offers(read(alias), "alias_of") == [("maker/sage-1",)]


def test_hub_id_and_last_day_are_kept_and_a_far_date_is_none() -> None:
    found = read(
        model("a", hugging_face_id="maker/Sage-1", expiration_date="2026-12-31"),
        model("b", hugging_face_id="", expiration_date="2098-12-31"),
    )
    assert offers(found, "model", "hub_id", "expires_on", "valid_to") == [
        ("a", "maker/Sage-1", date(2026, 12, 31), None),
        ("b", None, None, None),
    ]


def test_price_for_long_prompts_keeps_what_it_does_not_name() -> None:
    longer = {"min_prompt_tokens": 200_000, "prompt": "0.000004"}
    found = read(priced("0.000002", overrides=[longer]))
    assert offers(found, "offer", "context_over_tokens", *PRICES[:2]) == [
        ("long_context", 200_000, 4.0, 8.0),
        ("standard", 0, 2.0, 8.0),
    ]


def test_price_of_most_hours_is_the_standard_one_even_across_midnight() -> None:
    hours = [
        {"utc_start": 1630, "utc_end": 30, "prompt": "0.000001"},
        {"utc_start": 30, "utc_end": 1630, "prompt": "0.000002"},
    ]
    # The headline price is the one of the hour of the poll.
    for headline in ("0.000001", "0.000002"):
        assert offers(read(priced(headline, overrides=hours)), "offer", PRICES[0]) == [
            ("off_peak", 1.0),
            ("standard", 2.0),
        ]


@pytest.mark.parametrize(
    "override", [{"prompt": "1"}, {"utc_start": 2560, "prompt": "1"}, "cheap", {"region": "eu"}]
)
def test_override_that_cannot_be_read_costs_only_itself(override: Any) -> None:
    found = read(priced("0.000002", overrides=[override]))
    assert offers(found, "offer", "input_usd_per_mtok") == [("standard", 2.0)]
    assert found.quarantined["key"].to_list() == ["maker/sage-1"]


def test_two_prices_for_one_offer_are_not_both_believed() -> None:
    found = read(model(), priced("0.000003"))
    assert offers(found, "input_usd_per_mtok") == [(2.0,)]
    assert "a second standard price" in found.quarantined["reason"][0]
    assert read(model(), model()).quarantined.is_empty()


def test_entry_without_id_is_quarantined_by_its_place() -> None:
    assert read({"name": "?"}).quarantined.row(0)[:2] == ("data[0]", "id")


def test_renamed_key_is_a_changed_format() -> None:
    renamed = [model(f"m{n}", pricing={"input": "1", "output": "2"}) for n in range(9)]
    with pytest.raises(SnapshotError, match=r"only 3 of 12 .* format has changed"):
        read(*renamed)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><html>busy</html>", "HTML"),
        (b'{"data": [{"id": "a", "pri', "cut short"),
        (b"", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no JSON object"),
        (b'{"error": "busy"}', "`data` is no list"),
        (b'{"data": []}', "only 0 of 0"),
    ],
)
def test_unusable_document_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(SnapshotError, match=reason):
        parse(content, DAY)


def test_pages_are_one_list() -> None:
    first = json.dumps({"data": [model("a")], "links": {"next": "/models?page=2"}}).encode()
    last = json.dumps({"data": [model("b")], "links": {"next": None}}).encode()
    assert next_page(first) == "/models?page=2"
    assert next_page(last) is None
    assert parse(join_pages([first, last]), DAY).quotes["model"].to_list() == ["a", "b"]
    assert join_pages([last]) == last


def test_fewer_models_than_announced_is_an_incomplete_list() -> None:
    with pytest.raises(SnapshotError, match="total_count"):
        read(model(), total_count=421)


def endpoint(tag: str, **pricing: Any) -> dict[str, Any]:
    return {
        "tag": tag,
        "provider_name": "Host",
        "quantization": "fp8",
        "pricing": {"prompt": "0.000001", "completion": "0.000002"} | pricing,
    }


def endpoints(*found: dict[str, Any]) -> ParsedSnapshot:
    return openrouter_endpoints.parse(
        json.dumps({"data": {"id": "maker/sage-1", "endpoints": list(found)}}).encode(), DAY
    )


def test_each_provider_has_its_price_and_number_format() -> None:
    found = endpoints(endpoint("host/fp8"), endpoint("other", prompt="0.000003"))
    assert found.quotes.select("source", "provider", "model", "quantisation", PRICES[0]).rows() == [
        ("openrouter-endpoints", "host/fp8", "maker/sage-1", "fp8", 1.0),
        ("openrouter-endpoints", "other", "maker/sage-1", "fp8", 3.0),
    ]


def test_discounted_price_is_promotional() -> None:
    found = endpoints(endpoint("a", discount=0.5), endpoint("b", discount=0))
    assert found.quotes.select("provider", "offer", "reason").rows() == [
        ("a", "promotional", "net of a discount of 0.5"),
        ("b", "standard", None),
    ]


def test_unknown_number_format_and_missing_tag() -> None:
    found = endpoints({**endpoint(""), "quantization": "unknown"})
    assert found.quotes.select("provider", "quantisation").row(0) == ("Host", None)
