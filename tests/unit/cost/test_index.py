"""The price at equal quality."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost.index import MIN_MODELS, fit, price_index
from densing_pipeline.cost.market import Market
from densing_pipeline.tables.published import CAPABILITY_LEVELS, MODEL_LINKS, PRICE_INDEX

FALL = 0.06
"""Monthly fall of ln price in the market of known truth."""

SLOPE = 1.5


def month(n):
    return date(2024 + n // 12, n % 12 + 1, 1)


def market(book, models=30, months=18):
    """A market in which prices at equal quality fall steadily, and ever better models enter."""
    rng = np.random.default_rng(0)
    rows, scores = [], []
    for model in range(models):
        enters = 0 if model < MIN_MODELS else int(rng.integers(0, months - 2))
        quality = float(rng.normal(0, 0.5)) + 0.1 * enters
        own = float(rng.normal(0, 0.05))
        scores.append((f"m{model}", 1 / (1 + math.exp(-quality))))
        rows += [
            {
                "model": f"m{model}",
                "input_usd_per_mtok": (p := math.exp(1 + SLOPE * quality - FALL * n + own)),
                "output_usd_per_mtok": p,
                "valid_from": month(n),
                "valid_to": month(n + 1),
                "observed_from": month(months),
            }
            for n in range(enters, months)
        ]
    prices = book(rows)
    names = prices.select("source", "provider", "model").unique()
    links = MODEL_LINKS.cast(
        names.with_columns(canonical_id="model", method=pl.lit("exact"), confidence=pl.lit(1.0))
    )
    table = pl.DataFrame(scores, schema=["canonical_id", "score"], orient="row")
    return Market(
        prices, links, CAPABILITY_LEVELS.empty(), table.with_columns(benchmark=pl.lit("MMLU"))
    )


def test_a_known_fall_at_equal_quality_comes_out_though_better_models_enter(book):
    found = price_index(market(book)).filter(blend_input_share=0.75).sort("month")
    assert PRICE_INDEX.violations(found) == []
    assert found["index"][0] == 100
    assert set(found["verdict"]) == {"ok"}
    months = np.arange(found.height)
    truth = 100 * np.exp(-FALL * months)
    np.testing.assert_allclose(found["index"].to_numpy(), truth, rtol=0.05)
    inside = (found["low"].to_numpy() <= truth * 1.0001) & (
        truth * 0.9999 <= found["high"].to_numpy()
    )
    assert inside.mean() > 0.8
    assert found["quality_slope"][0] == pytest.approx(SLOPE, abs=0.1)


def test_several_lists_of_one_seller_count_once(book):
    once = market(book)
    twice = replace(
        once,
        prices=pl.concat([once.prices, once.prices.with_columns(source=pl.lit("other list"))]),
        links=pl.concat([once.links, once.links.with_columns(source=pl.lit("other list"))]),
    )
    assert price_index(once).equals(price_index(twice))


def test_few_models_are_no_index(book):
    found = price_index(market(book, models=MIN_MODELS - 1))
    assert set(found["verdict"]) == {"insufficient"}
    assert found["index"].null_count() == found.height
    assert found["reason"][0] == f"{MIN_MODELS - 1} models ({MIN_MODELS} needed)"


def test_intervals_are_clustered_by_model():
    rng = np.random.default_rng(1)
    model = np.repeat(np.arange(30), 40)
    month = np.tile(np.repeat([0, 1], 20), 30)
    effect = rng.normal(0, 1, (30, 2))[model, month]
    found = fit(
        effect + rng.normal(0, 0.01, model.size), month, rng.normal(0, 1, model.size), model, 0
    )
    assert found.error[1] == pytest.approx(math.sqrt(2 / 30), rel=0.35), (
        "30 models, not 1200 prices"
    )


def test_the_month_that_is_not_over_does_not_count(book):
    whole = market(book)
    found = price_index(
        replace(
            whole,
            prices=whole.prices.with_columns(observed_from=pl.lit(month(0))),
            as_of=month(10) + timedelta(days=20),
        )
    )
    assert found["month"].max() == month(9)
