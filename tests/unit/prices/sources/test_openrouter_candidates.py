"""Which models' sellers are worth asking for."""

from typing import Any

import polars as pl

from densing_pipeline.prices.sources.openrouter_candidates import seller_candidates

PRICES = {"a": 3.0, "b": 1.0, "c": 2.0, "free": 0.0, "unlinked": 0.1, "weak": 0.1}
LEVELS = {"a": ["high", "low"], "b": ["low"], "c": ["low"], "free": ["low"]}


def quotes(**columns: Any) -> pl.DataFrame:
    rows = [
        {
            "source": "openrouter",
            "provider": "openrouter",
            "model": model,
            "offer": "standard",
            "context_over_tokens": 0,
            "input_usd_per_mtok": price,
        }
        | columns
        for model, price in PRICES.items()
    ]
    return pl.DataFrame(rows)


LINKS = quotes().select(
    "source",
    "provider",
    "model",
    canonical_id=pl.when(pl.col("model") == "unlinked").then(None).otherwise("model"),
)
MEMBERS = pl.DataFrame(
    [
        {"level": level, "canonical_id": model, "is_member": True}
        for model, levels in LEVELS.items()
        for level in levels
    ]
    + [{"level": "low", "canonical_id": "weak", "is_member": False}]
)


def test_cheapest_of_each_level_first_then_the_second() -> None:
    assert seller_candidates(quotes(), LINKS, MEMBERS, 9) == ["b", "a", "c"]


def test_no_more_than_wanted() -> None:
    assert seller_candidates(quotes(), LINKS, MEMBERS, 2) == ["b", "a"]
    assert seller_candidates(quotes(), LINKS, MEMBERS, 0) == []


def test_only_ordinary_prices_count() -> None:
    assert seller_candidates(quotes(offer="batch"), LINKS, MEMBERS, 9) == []
    assert seller_candidates(quotes(context_over_tokens=32_000), LINKS, MEMBERS, 9) == []
