"""When the prices of two sources contradict each other."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.prices.comparison import agreements
from densing_pipeline.tables.published import PRICES


def prices(*rows: tuple[str, float, str | None]) -> pl.DataFrame:
    """One offer as several sources have it: source, price, flag."""
    return PRICES.cast(
        pl.DataFrame(
            [
                {
                    "source": source, "provider": "openai", "model": "gpt-4o", "offer": "standard",
                    "input_usd_per_mtok": price, "context_over_tokens": 0, "currency": "USD",
                    "valid_from": date(2025, 1, 1), "observed_from": date(2025, 1, 1),
                    "basis": "announced", "flag": flag, "snapshot_sha256": "abc",
                }
                for source, price, flag in rows
            ],
            infer_schema_length=None,
        )
    ).with_row_index("row")  # fmt: skip


@pytest.mark.parametrize(("price", "is_apart"), [(29.99, False), (30.0, False), (30.01, True)])
def test_prices_over_three_times_apart_contradict_each_other(price, is_apart):
    found = agreements(prices(("one", price, "suspect"), ("another", 10.0, None)))
    assert found.filter(flag="suspect")["is_apart"].to_list() == [is_apart]
