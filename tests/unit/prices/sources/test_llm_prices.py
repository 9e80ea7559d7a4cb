"""The llm-prices list as quotes with their dates."""

import json
from datetime import date
from typing import Any

import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.llm_prices import from_vendor_files, parse
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot

DAY = date(2026, 11, 1)


def entry(**fields: Any) -> dict[str, Any]:
    return {
        "id": "sage-1", "vendor": "maker", "name": "Sage 1", "input": 2, "output": 8.5,
        "input_cached": None, "from_date": "2026-01-01", "to_date": None,
    } | fields  # fmt: skip


def read(*entries: dict[str, Any]) -> ParsedSnapshot:
    companions = [entry(id=f"z{n}") for n in range(3)]
    return parse(json.dumps({"prices": [*entries, *companions]}).encode(), DAY)


def mine(found: ParsedSnapshot, *columns: str) -> list[tuple[Any, ...]]:
    return found.quotes.filter(model="sage-1").select(columns).rows()


def test_past_and_present_price_are_half_open_intervals() -> None:
    past = entry(input=50, from_date="2025-06-01", to_date="2026-01-01")
    assert mine(read(past, entry()), "input_usd_per_mtok", "valid_from", "valid_to", "basis") == [
        (50.0, date(2025, 6, 1), date(2026, 1, 1), "announced"),
        (2.0, date(2026, 1, 1), None, "announced"),
    ]


def test_undated_open_price_is_not_confirmed_for_the_list_keeps_withdrawn_models() -> None:
    found = read(entry(from_date=None))
    assert mine(found, "basis", "flag", "valid_from") == [("undated", "unconfirmed", None)]


@pytest.mark.parametrize(
    ("fields", "began"),
    [
        ({}, (date(2026, 1, 1), date(2026, 1, 1))),
        ({"from_date": None}, (None, DAY)),
        ({"from_date": None, "to_date": "2026-10-20"}, (None, date(2026, 10, 19))),
    ],
)
def test_a_price_with_a_date_began_on_that_day_and_one_without_before_it_was_known(fields, began):
    found = read(entry(**fields))
    assert mine(found, "valid_from_earliest", "valid_from_latest") == [began]


def test_announced_end_closes_nothing_before_its_day() -> None:
    assert mine(read(entry(to_date="2026-11-02")), "valid_to", "flag") == [(None, None)]


def test_announced_price_is_a_future_one() -> None:
    assert mine(read(entry(from_date="2026-12-01")), "flag") == [("future",)]


def test_name_says_the_prompt_length() -> None:
    found = read(entry(name="Sage 1 >272k"), entry(id="sage-2", name="Sage 2 ≤272k"))
    assert mine(found, "offer", "context_over_tokens") == [("long_context", 272_000)]
    assert found.quotes.filter(model="sage-2")["context_over_tokens"].to_list() == [0]


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"input": "dear"}, "input"),
        ({"from_date": "spring"}, "from_date"),
        ({"to_date": "2026-01-01"}, "to_date"),
    ],
)
def test_entry_that_cannot_be_read_is_quarantined(fields: dict[str, Any], column: str) -> None:
    found = read(entry(**fields))
    assert mine(found, "model") == []
    assert found.quarantined.select("key", "column").rows() == [("sage-1", column)]


def test_entry_without_vendor_is_quarantined_by_its_place() -> None:
    assert read(entry(vendor=None)).quarantined["key"].to_list() == ["prices[0]"]


@pytest.mark.parametrize("document", ["[]", '{"current": []}', '{"prices": {}}'])
def test_another_document_is_refused(document: str) -> None:
    with pytest.raises(SnapshotError):
        parse(document.encode(), DAY)


def test_the_list_is_made_of_one_file_a_vendor():
    model = {
        "id": "sage-1",
        "name": "Sage 1 >200k",
        "price_history": [
            {"input": 0.1, "output": 8.5, "from_date": "2026-02-01", "to_date": None},
            {
                "input": 3,
                "output": 9,
                "input_cached": 1.25,
                "from_date": None,
                "to_date": "2026-02-01",
            },
        ],
    }
    files = {
        "data/README.md": b"# not a vendor",
        "data/maker.json": json.dumps({"vendor": "maker", "models": [model]}).encode(),
        "data/other.json": json.dumps(
            {"vendor": "other", "models": [model | {"id": "z", "name": "Z"}]}
        ).encode(),
    }
    found = parse(from_vendor_files(files), DAY)
    assert mine(found, "valid_from", "valid_to", "input_usd_per_mtok", "context_over_tokens") == [
        (date(2026, 2, 1), None, 0.1, 200_000),
        (None, date(2026, 2, 1), 3.0, 200_000),
    ]
    assert found.quotes["provider"].unique().sort().to_list() == ["maker", "other"]


@pytest.mark.parametrize("content", [b"[]", b'{"vendor": "v", "models": [{"id": "m"}]}', b"{"])
def test_a_file_that_is_no_vendors_is_refused(content):
    with pytest.raises(SnapshotError):
        from_vendor_files({"data/v.json": content})
