"""The models.dev list as quotes."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.modelsdev import parse
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot

COST = {"input": 1, "output": 4, "cache_read": 0.1}


def read(provider: str = "host", **fields: Any) -> ParsedSnapshot:
    """The list with one model and three well-formed companions."""
    models = {f"companion-{n}": {"cost": COST} for n in range(3)}
    document = {"good": {"models": models}, provider: {"doc": "https://a", "models": {"m": fields}}}
    return parse(json.dumps(document).encode(), date(2026, 11, 1))


def offers(found: ParsedSnapshot, *columns: str) -> list[tuple[Any, ...]]:
    return found.quotes.filter(pl.col("provider") != "good").select(columns).rows()


def test_prices_are_per_million_already() -> None:
    found = read(cost=COST)
    assert offers(found, "provider", "model", "input_usd_per_mtok", "cache_read_usd_per_mtok") == [
        ("host", "m", 1.0, 0.1)
    ]


def test_tiers_count_and_the_legacy_field_does_not() -> None:
    longer = {"input": 2, "tier": {"type": "context", "size": 272000}}
    found = read(cost=COST | {"context_over_200k": {"input": 2}, "tiers": [longer]})
    assert offers(found, "context_over_tokens", "input_usd_per_mtok", "output_usd_per_mtok") == [
        (272_000, 2.0, 4.0),
        (0, 1.0, 4.0),
    ]


def test_missing_cost_is_no_price_and_zero_is_free() -> None:
    assert offers(read(), "offer", "input_usd_per_mtok") == [("standard", None)]
    assert offers(read(cost={"input": 0, "output": 0}), "offer") == [("free",)]


def test_fast_mode_is_priority() -> None:
    fast = {"cost": {"input": 6, "output": 9}, "provider": {"body": {"speed": "fast"}}}
    found = read(cost=COST, experimental={"modes": {"fast": fast, "odd": {"cost": COST}}})
    assert offers(found, "offer", "input_usd_per_mtok") == [("priority", 6.0), ("standard", 1.0)]
    assert found.left_out.rows() == [("host/m", "mode odd: no kind of offer we know")]


@pytest.mark.parametrize(
    ("provider", "status"), [("host-cn", None), ("host-cn-plan", None), ("host", "deprecated")]
)
def test_doubtful_price_is_kept_and_marked(provider: str, status: str | None) -> None:
    assert offers(read(provider, cost=COST, status=status), "flag") == [("unconfirmed",)]


def test_model_that_draws_is_left_out() -> None:
    found = read(cost=COST, modalities={"output": ["image"]})
    assert offers(found) == []
    assert found.left_out["reason"].to_list() == ["does not write text"]


@pytest.mark.parametrize(
    "cost", ["free", {"input": "much"}, {"input": -2}, {"input": float("nan")}]
)
def test_cost_that_cannot_be_read_is_quarantined(cost: Any) -> None:
    found = read(cost=cost)
    assert offers(found, "model") == []
    assert found.quarantined["key"].to_list() == ["host/m"]


@pytest.mark.parametrize("tier", [{"input": 2}, {"tier": {"type": "hours"}}, 5])
def test_tier_that_cannot_be_placed_costs_only_itself(tier: Any) -> None:
    found = read(cost=COST | {"tiers": [tier]})
    assert offers(found, "offer") == [("standard",)]
    assert found.quarantined.height == 1


def test_provider_without_models_is_quarantined() -> None:
    document = {"a": {"models": {"m": {"cost": COST}, "n": {"cost": COST}}}, "b": {}}
    found = parse(json.dumps(document).encode(), date(2026, 11, 1))
    assert found.quarantined.select("key", "column").rows() == [("b", "models")]


def test_another_document_is_refused() -> None:
    with pytest.raises(SnapshotError, match="no JSON object"):
        parse(b"[1, 2]", date(2026, 11, 1))
