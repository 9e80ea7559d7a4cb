"""The price at equal quality."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

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
    assert found["reason"][0] == "7 models (8 needed)"


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


@pytest.mark.parametrize("base", [0, 2])
def test_effects_errors_and_slope_are_those_of_statsmodels(base):
    """OLS with month dummies, errors clustered by model with the CR1 correction."""
    rng = np.random.default_rng(2)
    model = np.repeat(np.arange(9), 7)
    month = np.concatenate([np.arange(7) % 5 for _ in range(9)])
    quality = rng.normal(0, 1, 9)[model] + rng.normal(0, 0.1, model.size)
    price = (
        0.3 * month - 1.2 * quality + rng.normal(0, 1, 9)[model] + rng.normal(0, 0.3, model.size)
    )
    found = fit(price, month, quality, model, base)
    others = [number for number in range(5) if number != base]
    design = np.column_stack([np.ones(month.size), *(month == n for n in others), quality])
    peer = sm.OLS(price, design).fit(cov_type="cluster", cov_kwds={"groups": model})
    np.testing.assert_allclose(found.effect[others], peer.params[1:-1], rtol=1e-9)
    np.testing.assert_allclose(found.error[others], peer.bse[1:-1], rtol=1e-9)
    assert found.slope == pytest.approx(peer.params[-1], rel=1e-9)
    assert (found.effect[base], found.error[base]) == (0, 0)


def test_eight_models_make_an_index_and_its_ends_are_95_percent(book):
    found = price_index(market(book, models=8)).filter(blend_input_share=0.75).sort("month")
    assert set(found["verdict"]) == {"ok"}
    last = found.row(-1, named=True)
    found_in = market(book, models=8)
    prices, links, scores = found_in.prices, found_in.links, found_in.scores
    above, below = math.log(last["high"] / last["index"]), math.log(last["index"] / last["low"])
    assert above == pytest.approx(below)
    rows = (
        prices.join(links, on=["source", "provider", "model"])
        .join(scores, on="canonical_id")
        .sort("valid_from", "canonical_id")
    )
    score = rows["score"].to_numpy()
    error = fit(
        np.log(rows["input_usd_per_mtok"].to_numpy()),
        rows["valid_from"].rank("dense").to_numpy().astype(np.intp) - 1,
        np.log(score / (1 - score)),
        rows["canonical_id"].rank("dense").to_numpy().astype(np.intp) - 1,
        0,
    ).error[-1]
    assert above == pytest.approx(1.959964 * error, rel=1e-6)


@pytest.mark.parametrize(("confidence", "verdict"), [(0.9, "ok"), (0.899, None)])
def test_links_count_from_a_confidence_of_nine_tenths_on(book, confidence, verdict):
    sold = market(book, models=8)
    unsure = sold.links.with_columns(confidence=pl.lit(confidence))
    found = price_index(replace(sold, links=unsure))
    assert set(found["verdict"]) == ({verdict} if verdict else set())


def test_an_offer_that_ends_on_a_months_last_day_is_not_on_sale_that_day(book):
    """Intervals are half-open: a price valid to the 31st was last paid on the 30th."""
    sold = market(book)
    ended = sold.prices.with_columns(valid_to=pl.col("valid_to") - timedelta(days=1))
    assert price_index(replace(sold, prices=ended)).is_empty()


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
