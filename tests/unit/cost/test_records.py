"""The last record of a level, and what became of it."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.cost.records import UNWATCHED_DAYS, price_records
from densing_pipeline.tables.published import CAPABILITY_LEVELS, PRICE_RECORDS
from tests.unit.cost.conftest import AS_OF, links, offers

RECORD = date(2025, 3, 1)
ABLE = CAPABILITY_LEVELS.cast(
    pl.DataFrame(
        {"level": "able", "defined_by": "a", "benchmark": "MMLU", "score": 0.7, "source": "test"}
    )
)


def record(*rows: dict[str, Any]) -> dict[str, Any]:
    """The row of a market whose first price is 8 USD; every model reaches the level."""
    first = {"model": "a", "valid_from": date(2024, 1, 1), "input_usd_per_mtok": 8.0}
    prices = offers([first, *rows])
    models = prices["model"].unique().sort()
    scores = pl.DataFrame(
        {
            "canonical_id": models, "benchmark": "MMLU", "protocol": "5-shot", "score": 0.8,
            "std_error": 0.004,
        }
    )  # fmt: skip
    market = Market(prices, links(prices), ABLE, scores)
    found = price_records(market, price_frontier(market), blends=(1.0,))
    return PRICE_RECORDS.validate(found).row(0, named=True)


def cheap(**columns: Any) -> dict[str, Any]:
    """The offer that sets the record of 1 USD."""
    return {"model": "b", "valid_from": RECORD, "input_usd_per_mtok": 1.0} | columns


def test_a_record_that_stands() -> None:
    found = record(cheap())
    assert (found["record_date"], found["usd_per_mtok"], found["n_records"]) == (RECORD, 1.0, 2)
    assert (found["record_fate"], found["fate_date"]) == ("on sale", None)
    assert (found["above_record"], found["log_change"]) == (1.0, 0.0)


def test_a_record_whose_offer_became_dearer() -> None:
    end = date(2025, 6, 1)
    found = record(cheap(valid_to=end), cheap(valid_from=end, input_usd_per_mtok=2.0))
    assert (found["record_fate"], found["fate_date"]) == ("repriced", end)
    assert (found["now_usd_per_mtok"], found["above_record"]) == (2.0, 2.0)
    assert found["repricing"] == pytest.approx(found["log_change"])


def test_a_record_whose_offer_left() -> None:
    end = date(2025, 6, 1)
    found = record(cheap(valid_to=end))
    assert (found["record_fate"], found["fate_date"]) == ("exit", end)
    assert (found["now_model"], found["above_record"]) == ("a", 8.0)
    assert found["exit"] == pytest.approx(found["log_change"])


@pytest.mark.parametrize(
    ("days", "fate"), [(UNWATCHED_DAYS - 1, "on sale"), (UNWATCHED_DAYS, "unwatched")]
)
def test_a_record_in_a_list_that_nobody_looks_at_any_more(days: int, fate: str) -> None:
    """On `days` days, today included, nobody looked."""
    seen = AS_OF - timedelta(days=days)
    found = record(cheap(last_seen=seen, basis="first_observed", observed_from=RECORD))
    assert found["record_fate"] == fate
    assert found["fate_date"] == (None if fate == "on sale" else seen + timedelta(days=1))


def test_models_that_came_later_and_their_lowest_price() -> None:
    found = record(
        cheap(),
        {"model": "c", "valid_from": date(2025, 5, 1), "input_usd_per_mtok": 3.0},
        {"model": "d", "valid_from": date(2025, 6, 1), "input_usd_per_mtok": 2.5},
        {"model": "b", "provider": "other", "valid_from": date(2025, 6, 1), "input_usd_per_mtok": 1.5},
    )  # fmt: skip
    assert (found["n_models_since"], found["entry_usd_per_mtok"]) == (2, 2.5)
