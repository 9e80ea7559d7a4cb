"""The remote genai-prices list as quotes: the same rules as for its embedded copy."""

import json
from datetime import date
from typing import Any

import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.embedded import installed_providers
from densing_pipeline.prices.sources.genai import parse
from densing_pipeline.prices.sources.genai_dated import read_prices
from densing_pipeline.prices.sources.snapshot import QUOTES, ParsedSnapshot

DAY = date(2026, 11, 1)
FLAT = {"input_mtok": 2, "output_mtok": 8}


def read(prices: Any, **fields: Any) -> ParsedSnapshot:
    models = [{"id": "sage-1", "prices": prices} | fields]
    models += [{"id": f"z{n}", "prices": FLAT} for n in range(3)]
    return parse(json.dumps([{"id": "maker", "models": models}]).encode(), DAY)


def mine(found: ParsedSnapshot, *columns: str) -> list[tuple[Any, ...]]:
    return found.quotes.filter(model="sage-1").select(columns).rows()


def test_an_amount_is_read_as_it_is_written() -> None:
    found = read({"input_mtok": 0.051831, "output_mtok": 0.1})
    assert mine(found, "input_usd_per_mtok", "basis") == [(0.051831, "undated")]


def test_dates_and_tiers_and_hours_are_those_of_the_format() -> None:
    tiered = {"base": 4, "tiers": [{"start": 200000, "price": 6}]}
    found = read(
        [
            {"prices": {"input_mtok": tiered}},
            {"constraint": {"start_date": "2026-03-13"}, "prices": {"input_mtok": 3}},
            {"constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": 1}},
        ]
    )
    columns = ("offer", "context_over_tokens", "input_usd_per_mtok", "valid_from", "flag")
    assert mine(found, *columns) == [
        ("long_context", 200_000, 6.0, None, None),
        ("standard", 0, 3.0, date(2026, 3, 13), None),
        ("standard", 0, 1.0, date(2027, 1, 1), "future"),
        ("standard", 0, 4.0, None, None),
    ]


def test_hours_of_the_day() -> None:
    night = {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}
    found = read([{"prices": FLAT}, {"constraint": night, "prices": {"input_mtok": 1}}])
    assert mine(found, "offer", "input_usd_per_mtok") == [("off_peak", 1.0), ("standard", 2.0)]


def test_variants_are_kinds_of_offer() -> None:
    batch = {"when": {"processing": "batch"}, "prices": {"input_mtok": 1}}
    found = read(FLAT, price_variants=[batch])
    assert ("batch", 1.0) in mine(found, "offer", "input_usd_per_mtok")


@pytest.mark.parametrize(
    "prices",
    [
        {"input_mtok": "dear"},
        {"input_mtok": -1},
        {"input_mtok": float("nan")},
        {"input_mtok": {"tiers": []}},
        "free",
        ["free"],
        [{"constraint": {"moon": "full"}, "prices": FLAT}],
    ],
)
def test_model_that_cannot_be_read_costs_only_itself(prices: Any) -> None:
    found = read(prices)
    assert mine(found, "model") == []
    assert found.quarantined["key"].to_list() == ["maker/sage-1"]
    assert found.quotes.height == 3


def test_provider_that_cannot_be_read_is_quarantined() -> None:
    models = [{"id": f"z{n}", "prices": FLAT} for n in range(3)]
    found = parse(json.dumps([{"id": "a", "models": models}, {"id": "b"}, 7]).encode(), DAY)
    assert found.quarantined["key"].to_list() == ["[1]", "[2]"]


def test_another_document_is_refused() -> None:
    with pytest.raises(SnapshotError, match="no list"):
        parse(b'{"providers": []}', DAY)


@pytest.mark.shared
def test_recorded_list_gives_what_the_package_itself_would(recorded: Any) -> None:
    """Built from the text model by model, or validated by the package: the same prices."""
    import gzip

    from genai_prices import types

    content = gzip.decompress(
        (recorded / "prices/raw/other/genai-prices_v2_data_2026-08-21.json.gz").read_bytes()
    )
    found = parse(content, DAY)
    theirs = types._providers_from_raw(json.loads(content))
    rows, _ = read_prices(theirs, observed_on=DAY, snapshot_sha256="")
    shared = [name for name in QUOTES if name in rows.columns and "usd" not in name]
    prices = [name for name in QUOTES if "usd" in name]
    key = ["provider", "model", "offer", "context_over_tokens", "valid_from"]
    ours, expected = (f.select(shared + prices).sort(key) for f in (found.quotes, rows))
    assert ours.equals(expected.cast(dict(ours.schema)))
    assert found.quarantined.is_empty()
    assert len(installed_providers()) > 0
