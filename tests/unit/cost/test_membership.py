"""Nobody knows for certain which models reach a level, and the intervals say so."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.halving import price_halving
from densing_pipeline.cost.market import Market
from densing_pipeline.cost.membership import drawn_frontiers, with_intervals
from densing_pipeline.tables.published import CAPABILITY_LEVELS, MODEL_LINKS

pytestmark = pytest.mark.heavy

START, AS_OF = date(2023, 1, 1), date(2025, 12, 31)
LEVEL = CAPABILITY_LEVELS.cast(
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


def market(book, score):
    """A sure model that gets 10 % cheaper every quarter, and doubtful ones of a score at half of that."""
    rows = []
    for n in range(12):
        start = START + timedelta(days=91 * n)
        for name, price in (("sure", 10 * 0.9**n), (f"doubtful{n}", 5 * 0.8**n)):
            rows.append(
                {
                    "model": name,
                    "provider": f"seller{n % 4}" if name != "sure" else "maker",
                    "input_usd_per_mtok": price,
                    "output_usd_per_mtok": price,
                    "valid_from": start,
                    "valid_to": start + timedelta(days=91) if n < 11 else None,
                }
            )
    prices = book(rows)
    names = prices.select("source", "provider", "model").unique()
    links = MODEL_LINKS.cast(
        names.with_columns(
            canonical_id=pl.col("model"), method=pl.lit("exact"), confidence=pl.lit(1.0)
        )
    )
    scores = prices.select(canonical_id="model").unique().sort("canonical_id").with_columns(
        benchmark=pl.lit("MMLU"),
        protocol=pl.lit("5-shot"),
        score=pl.when(pl.col("canonical_id") == "sure").then(0.9).otherwise(score),
        std_error=pl.lit(0.004),
    )  # fmt: skip
    return Market(prices, links, LEVEL, scores)


def estimates(inputs):
    frontier = price_frontier(inputs)
    drawn = drawn_frontiers(inputs, draws=40, seed=1)
    halving = [
        price_halving(frontier, as_of=AS_OF, draws=400, seed=1, drawn_curves=curves)
        for curves in (None, drawn)
    ]
    return with_intervals(frontier, drawn), drawn, *halving


def pick(halving):
    return halving.filter(
        level="able", blend_input_share=1.0, curve="cheapest_now", window="all", estimator="weekly"
    ).row(0, named=True)


def test_models_that_surely_reach_the_level_leave_one_curve_and_the_intervals_as_they_are(book):
    frontier, drawn, without, with_ = estimates(market(book, 0.9))
    assert drawn["draw"].unique().to_list() == [0]
    assert drawn["weight"].unique().to_list() == [40]
    assert (frontier["low"] == frontier["usd_per_mtok"]).all()
    assert (frontier["high"] == frontier["usd_per_mtok"]).all()
    assert with_.equals(without)


def test_doubt_about_who_reaches_the_level_is_in_the_interval_of_a_price(book):
    frontier, drawn, _, _ = estimates(market(book, 0.701))
    assert drawn["draw"].n_unique() > 20
    now = frontier.filter(curve="cheapest_now", blend_input_share=1.0).sort("date")
    assert now["usd_per_mtok"][0] == now["low"][0] == 5, (
        "they count, with a probability above one half"
    )
    assert now["high"][0] == 10, "and if they do not, one pays for the sure model"
    assert (now["low"] <= now["high"]).all()


def test_doubt_about_who_reaches_the_level_is_in_the_interval_of_a_halving_time(book):
    _, _, without, with_ = estimates(market(book, 0.701))
    sure, doubted = pick(without), pick(with_)
    assert doubted["halving_months"] == sure["halving_months"]
    width = [(row["high"] or 1e9) - row["low"] for row in (sure, doubted)]
    assert width[1] > 1.2 * width[0]
    assert doubted["low"] < sure["low"]


def test_a_level_that_one_model_only_may_reach_may_have_no_price(book):
    whole = market(book, 0.701)
    only = replace(whole, prices=whole.prices.filter(model="doubtful0"))
    found = with_intervals(price_frontier(only), drawn_frontiers(only, draws=40, seed=1)).filter(
        curve="cheapest_now", blend_input_share=1.0
    )
    assert found["low"][0] == 5
    assert found["high"][0] is None


@pytest.mark.parametrize("seed", [1, 2])
def test_the_draws_are_those_of_the_seed(book, seed):
    inputs = market(book, 0.701)
    first, other, again = (
        drawn_frontiers(inputs, draws=20, seed=each) for each in (seed, seed + 5, seed)
    )
    assert first is not again
    assert first.equals(again)
    assert not first.equals(other)


def test_curves_of_few_members_or_dearer_offers_are_others(book):
    assert drawn_frontiers(market(book, 0.9), draws=20, seed=1)["draw"].n_unique() == 1
    first, dearer = market(book, 0.701), market(book, 0.701)
    dearer = replace(dearer, prices=dearer.prices.with_columns(pl.col("input_usd_per_mtok") * 2))
    assert drawn_frontiers(dearer, draws=20, seed=1)["usd_per_mtok"].min() > (
        drawn_frontiers(first, draws=20, seed=1)["usd_per_mtok"].min()
    )


def test_a_model_probably_short_of_the_level_counts_in_the_draws_in_which_it_reaches_it(book):
    frontier, _, _, _ = estimates(market(book, 0.698))
    now = frontier.filter(curve="cheapest_now", blend_input_share=1.0).sort("date")
    assert now["usd_per_mtok"][0] == 10
    assert now["low"][0] == 5
