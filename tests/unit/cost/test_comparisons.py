"""The recipes of others, on their own rows and on markets whose rate is known.

`epoch_prices.csv` has the prices and scores of models without reasoning behind Epoch AI's data insight "LLM inference
prices have fallen rapidly but unequally across tasks" (12 March 2025, CC-BY 4.0; github.com/epoch-research/
llm-benchmark-efficiency), from Epoch AI and Artificial Analysis.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost import comparisons
from densing_pipeline.cost.index import price_index
from densing_pipeline.cost.market import Market
from densing_pipeline.tables.published import CAPABILITY_LEVELS, MODEL_LINKS, PRICE_COMPARISONS

ROWS = Path(__file__).with_name("epoch_prices.csv")


def epoch(benchmark: str) -> pl.DataFrame:
    """Epoch's rows that have a score on a benchmark."""
    rows = pl.read_csv(ROWS, try_parse_dates=True).rename({benchmark: "score"})
    return rows.drop_nulls("score").with_columns(pl.col("day").to_physical())


@pytest.mark.parametrize(
    ("benchmark", "score", "n", "printed"),
    [
        ("gpqa_diamond", 33, 6, (42.0189988, 4.3981555, 401.4401660)),
        ("mmlu", 68, 6, (9.3472489, 4.8009707, 18.1986245)),
        ("mmlu", 43.9, 9, (11.7728727, 8.2873545, 16.7243396)),
        ("gpqa_diamond", 53, 4, (851.1622039, 6.1767856, 117290.31)),
    ],
)
def test_epochs_recipe_gives_its_own_numbers_on_its_own_rows(benchmark, score, n, printed):
    row = comparisons.cheapest_row(epoch(benchmark), "its model", score)
    assert row["n_points"] == n
    found = [row["fold_per_year"], row["fold_per_year_low"], row["fold_per_year_high"]]
    assert found == pytest.approx(printed, rel=1e-6)


def test_three_models_are_too_few_for_it():
    few = epoch("gpqa_diamond").filter(pl.col("score") >= 53).head(4)
    row = comparisons.cheapest_row(few, "its model", 53)
    assert row["verdict"] == "insufficient"
    assert "fold_per_year" not in row


def test_a_model_is_beaten_by_one_as_good_and_cheaper_that_came_out_by_then():
    models = pl.DataFrame(
        {
            "day": [0, 1, 1, 2, 3],
            "score": [0.5, 0.5, 0.6, 0.5, 0.5],
            "usd_per_mtok": [2.0, 1.0, 3.0, 1.5, 1.0],
        }
    )
    # The fourth is dearer than the second; the last equals it, and the third is better than all.
    assert comparisons.not_beaten(models).tolist() == [True, True, True, False, True]


def test_a_fall_at_equal_score_is_found_whatever_scores_do():
    rng = np.random.default_rng(0)
    days, logits = np.sort(rng.uniform(0, 1000, 200)), rng.normal(0, 1, 200)
    logs = -0.002 * days + 1.5 * logits + rng.normal(0, 0.1, 200)
    line = comparisons.fit_line(days, logs, logits)
    assert line.slope == pytest.approx(-0.002, rel=0.05)
    assert line.half == pytest.approx(1.65 * 0.1 / (days.std() * np.sqrt(200)), rel=0.15)
    assert comparisons.fit_line(days[:2], logs[:2]).half is None


START = date(2023, 1, 1)
HALVING_DAYS = 200


@pytest.fixture
def falling(book) -> Market:
    """Ten models of equal score, one every hundred days, each at half the price after 200 days."""
    rows = [
        {
            "model": f"m{n}",
            "provider": seller,
            "input_usd_per_mtok": factor * 0.5 ** (100 * n / HALVING_DAYS),
            "output_usd_per_mtok": factor * 0.5 ** (100 * n / HALVING_DAYS),
            "valid_from": START + timedelta(days=100 * n + later),
            "valid_to": START + timedelta(days=100 * n + later + 900),
        }
        for n in range(10)
        for seller, factor, later in (("one", 4.0, 0), ("two", 8.0, 5), ("three", 12.0, 9), ("late", 0.1, 31))
    ]  # fmt: skip
    prices = book(rows)
    names = prices.select("source", "provider", "model").unique()
    links = MODEL_LINKS.cast(
        names.with_columns(
            canonical_id=pl.col("model"), method=pl.lit("exact"), confidence=pl.lit(1.0)
        )
    )
    level = {"level": "able", "defined_by": "m0", "benchmark": "MMLU", "score": 0.7, "source": "s"}
    scores = pl.DataFrame(
        {
            "canonical_id": [f"m{n}" for n in range(10)],
            "benchmark": "MMLU",
            "protocol": "5-shot",
            "score": 0.8,
            "std_error": 0.004,
        }
    )
    return Market(prices, links, CAPABILITY_LEVELS.cast(pl.DataFrame([level])), scores)


def test_a_model_has_the_median_of_its_sellers_first_prices(falling):
    found = comparisons.launched(falling)
    assert found["usd_per_mtok"].to_list() == pytest.approx([8 * 0.5 ** (n / 2) for n in range(10)])
    assert found["day"].diff().drop_nulls().to_list() == [100] * 9
    assert found["score"].to_list() == pytest.approx([0.8] * 10)


def test_every_recipe_finds_the_rate_of_a_market_in_which_nothing_else_changes(falling):
    table = comparisons.price_comparisons(falling, price_index(falling))
    PRICE_COMPARISONS.validate(table)
    months = HALVING_DAYS / (365.25 / 12)
    by_recipe = table.filter(pl.col("recipe") != "price-tiers")
    assert by_recipe["verdict"].unique().to_list() == ["ok"]
    of_models = by_recipe.filter(pl.col("recipe") != "price-index")["halving_months"].to_list()
    assert of_models == pytest.approx([months] * 3, rel=1e-6)
    tiers = table.filter(recipe="price-tiers")
    assert set(tiers["series"]) == {"economy", "mid-tier", "flagship"}
    assert tiers["fold_per_year_low"].null_count() == 3


def test_without_prices_there_is_nothing_to_compare(falling):
    nothing = Market(falling.prices.clear(), falling.links, falling.levels, falling.scores)
    assert comparisons.price_comparisons(nothing, price_index(nothing)).is_empty()
