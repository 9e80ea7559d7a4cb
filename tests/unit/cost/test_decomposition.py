"""What moved the cheapest price on offer, part by part."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost.decomposition import price_decomposition
from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.tables.published import CAPABILITY_LEVELS, MODEL_LINKS, PRICE_DECOMPOSITION

JAN, MAR, JUN, SEP = (date(2025, month, 1) for month in (1, 3, 6, 9))
PARTS = ["entry_of_models", "entry_of_providers", "repricing", "exit"]

LEVEL = CAPABILITY_LEVELS.cast(
    pl.DataFrame(
        {
            "level": ["able"],
            "defined_by": "a",
            "benchmark": "MMLU",
            "score": 0.7,
            "source": "test",
        }
    )
)


def offer(price, valid_from=JAN, model="a", **columns):
    return {
        "model": model,
        "provider": "maker",
        "input_usd_per_mtok": price,
        "output_usd_per_mtok": price,
        "valid_from": valid_from,
    } | columns


def market(book, *rows):
    """Prices, links by name up to a dash, the level, and able scores for all."""
    prices = book(rows)
    names = prices.select("source", "provider", "model").unique()
    links = MODEL_LINKS.cast(
        names.with_columns(
            canonical_id=pl.col("model").str.extract(r"^(\w+)"),
            method=pl.lit("exact"),
            confidence=pl.lit(1.0),
        )
    )
    scores = links.select("canonical_id").unique().with_columns(
        benchmark=pl.lit("MMLU"), protocol=pl.lit("5-shot"), score=0.8, std_error=0.004
    )  # fmt: skip
    return Market(prices, links, LEVEL, scores)


def whole(book, *rows):
    found = price_decomposition(market(book, *rows))
    return found.filter(period="all", blend_input_share=1.0).row(0, named=True)


def parts(row):
    return {name: round(row[name], 6) for name in PARTS if abs(row[name]) > 1e-12}


def test_a_new_model_that_is_cheaper_is_entry_of_models(book):
    row = whole(book, offer(8.0), offer(2.0, MAR, model="b"))
    assert parts(row) == {"entry_of_models": round(-math.log(4), 6)}


def test_another_seller_of_a_known_model_is_entry_of_providers(book):
    row = whole(book, offer(8.0), offer(2.0, MAR, provider="rival"))
    assert parts(row) == {"entry_of_providers": round(-math.log(4), 6)}


def test_a_cut_of_an_offer_that_stays_is_repricing(book):
    row = whole(book, offer(8.0, valid_to=MAR), offer(2.0, MAR))
    assert parts(row) == {"repricing": round(-math.log(4), 6)}


def test_a_withdrawal_that_leaves_a_dearer_offer_is_exit(book):
    row = whole(book, offer(8.0), offer(2.0, model="b", valid_to=JUN))
    assert parts(row) == {"exit": round(math.log(4), 6)}


def test_several_moves_on_one_day_are_made_one_after_the_other(book):
    # 2 leaves, 8 is cut to 4, a new model enters at 1.
    row = whole(
        book, offer(8.0, valid_to=JUN), offer(4.0, JUN), offer(2.0, model="b", valid_to=JUN),
        offer(1.0, JUN, model="c"),
    )  # fmt: skip
    assert parts(row) == {"entry_of_models": round(-math.log(2), 6)}


def test_a_fall_of_unknown_date_is_kept_apart(book):
    row = whole(
        book, offer(8.0), offer(2.0, None, model="b", basis="undated", observed_from=MAR)
    )  # fmt: skip
    assert parts(row) == {}
    assert row["log_change"] == 0
    assert row["undated_log_change"] == pytest.approx(-math.log(4))


def test_a_price_that_returns_is_compared_with_the_last_one_before(book):
    row = whole(book, offer(8.0, valid_to=MAR), offer(2.0, SEP, model="b"))
    assert parts(row) == {"entry_of_models": round(-math.log(4), 6)}


def test_the_parts_add_up_in_a_random_market(book):
    rng = np.random.default_rng(0)
    rows = [
        offer(
            float(np.exp(rng.normal(0, 1))),
            start := date(2023, 1, 1) + timedelta(days=int(rng.integers(0, 900))),
            model=f"m{rng.integers(0, 12)}-{n}",
            provider=f"p{n % 7}",
            valid_to=start + timedelta(days=int(rng.integers(10, 300))),
        )
        for n in range(120)
    ]
    made = market(book, *rows)
    found = price_decomposition(made)
    assert PRICE_DECOMPOSITION.violations(found) == []
    total = found.filter(blend_input_share=1.0)
    summed = total.select(pl.sum_horizontal(PARTS)).to_series().to_numpy()
    np.testing.assert_allclose(summed, total["log_change"].to_numpy(), rtol=0, atol=1e-12)
    curve = price_frontier(made).filter(
        level="able", curve="cheapest_now", blend_input_share=1.0
    ).drop_nulls("usd_per_mtok")  # fmt: skip
    ends = math.log(curve["usd_per_mtok"][-1] / curve["usd_per_mtok"][0])
    row = total.filter(period="all").row(0, named=True)
    assert row["log_change"] + row["undated_log_change"] == pytest.approx(ends, abs=1e-12)
    years = total.filter(pl.col("period") != "all")
    assert years["log_change"].sum() == pytest.approx(row["log_change"], abs=1e-12)
    assert years["n_changes"].sum() == row["n_changes"] > 5


def test_a_book_without_offers_has_no_rows(book):
    made = market(book, offer(1.0))
    assert price_decomposition(replace(made, prices=made.prices.clear())).is_empty()


def test_one_seller_in_two_lists_under_two_names_enters_once(book):
    """The second list that names an offer brings no further offer, only another spelling."""
    found = whole(
        book,
        offer(8.0, model="a", provider="fireworks_ai"),
        offer(4.0, MAR, model="b", provider="together_ai"),
        offer(3.9, JUN, model="b-again", provider="Together", source="other list"),
    )
    assert found["entry_of_providers"] == 0
    assert found["repricing"] == pytest.approx(math.log(3.9 / 4.0))
