"""Small markets to test the cost of a capability on."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.tables.published import CAPABILITY_LEVELS, MODEL_LINKS, PRICES

AS_OF = date(2025, 12, 31)

Cheapest = Callable[..., pl.DataFrame]


def offers(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows of `prices`: an offer that is like any other, but for what a row says."""
    usual = {
        "source": "list",
        "provider": "maker",
        "offer": "standard",
        "output_usd_per_mtok": None,
        "context_over_tokens": 0,
        "currency": "USD",
        "valid_to": None,
        "observed_from": AS_OF,
        "observed_to": None,
        "basis": "announced",
        "flag": None,
        "snapshot_sha256": "abc",
    }
    return PRICES.validate(
        PRICES.cast(pl.DataFrame([usual | row for row in rows], infer_schema_length=None))
    )


def links(prices: pl.DataFrame) -> pl.DataFrame:
    """Links that take every offer for the model it is named after."""
    names = prices.select("source", "provider", "model").unique()
    return MODEL_LINKS.cast(
        names.with_columns(
            canonical_id=pl.col("model"), method=pl.lit("exact"), confidence=pl.lit(1.0)
        )
    )


@pytest.fixture
def book() -> Callable[[Iterable[dict[str, Any]]], pl.DataFrame]:
    """Rows of `prices` from what is unusual about them."""
    return offers


@pytest.fixture
def market() -> Cheapest:
    """The cheapest price of an able model in a market of the given offers.

    The level `able` is 0.7 on MMLU; models reach it unless they are called `weak`.
    """
    able = CAPABILITY_LEVELS.cast(
        pl.DataFrame(
            {
                "level": ["able"],
                "defined_by": "reference",
                "benchmark": "MMLU",
                "score": 0.7,
                "source": "test",
            }
        )
    )

    def cheapest(
        *rows: dict[str, Any], curve: str = "cheapest_now", share: float = 1.0
    ) -> pl.DataFrame:
        prices = offers(rows)
        models = prices["model"].unique().sort()
        scores = pl.DataFrame(
            {
                "canonical_id": models,
                "benchmark": "MMLU",
                "protocol": "5-shot",
                "score": [0.5 if model == "weak" else 0.8 for model in models],
                "std_error": 0.004,
            }
        )
        frontier = price_frontier(Market(prices, links(prices), able, scores))
        return frontier.filter(level="able", curve=curve, blend_input_share=share)

    return cheapest
