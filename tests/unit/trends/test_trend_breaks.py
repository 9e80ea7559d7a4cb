"""The break table over made-up series whose truth is known, and over bad input."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.tables.dates import DAY_ZERO, days_since_zero
from densing_pipeline.tables.published import DENSITIES, TREND_BREAKS
from densing_pipeline.trends.trend_breaks import CHATGPT, KINK, SEPARATE, fieller, trend_breaks

pytestmark = pytest.mark.heavy

AT = days_since_zero(CHATGPT)


def known(table: pl.DataFrame, estimator: str) -> dict:
    return table.row(
        by_predicate=(pl.col("kind") == "known") & (pl.col("estimator") == estimator),
        named=True,
    )


def searched(table: pl.DataFrame) -> dict:
    return table.row(by_predicate=pl.col("kind") == "searched", named=True)


@pytest.fixture
def bent(headline_series, as_of):
    """Density doubles its pace at ChatGPT."""
    days = list(range(-600, 600, 12))
    noise = np.random.default_rng(1).normal(0, 0.15, len(days))
    values = [
        0.004 * day + 0.004 * max(day - AT, 0) + e for day, e in zip(days, noise, strict=True)
    ]
    families = [f"family {i % 11}" for i in range(len(days))]
    return trend_breaks(headline_series(days, values, families), as_of=as_of, draws=200, seed=0)


def test_a_known_break_is_measured_by_every_estimator(bent):
    TREND_BREAKS.validate(bent)
    for estimator in (*SEPARATE, KINK):
        row = known(bent, estimator)
        assert row["verdict"] == "ok", row["reason"]
        assert row["break_date"] == CHATGPT
        assert row["slope_ratio_low"] < 2 < row["slope_ratio_high"]
        assert row["n_before"] + row["n_after"] == row["n_models"]
    assert known(bent, KINK)["p_value"] < 0.05


def test_a_searched_break_is_found_near_its_date(bent):
    row = searched(bent)
    assert abs((row["break_date"] - CHATGPT).days) < 90
    assert row["p_value"] < 0.05
    assert row["slope_ratio_low"] < 2 < row["slope_ratio_high"]
    assert "would be found" in row["reason"]


def test_three_models_before_the_known_date_are_too_few(headline_series, as_of):
    """The paper draws its line before ChatGPT through three points."""
    days = [-500, -400, -300, *range(0, 700, 10)]
    noise = np.random.default_rng(1).normal(0, 0.3, len(days))
    frame = headline_series(days, [0.006 * day + e for day, e in zip(days, noise, strict=True)])
    table = trend_breaks(frame, as_of=as_of, draws=50, seed=0)
    for estimator in (*SEPARATE, KINK):
        row = known(table, estimator)
        assert row["verdict"] == "insufficient"
        assert "models before 2022-11-30: 3, needed: 8; the paper" in row["reason"]
        assert row["slope_ratio"] is None
    assert known(table, KINK)["power_at_1_5x"] is None, "no number in a row without a verdict"
    assert "at these dates a 1.5-fold acceleration would be found" in known(table, KINK)["reason"]
    assert searched(table)["verdict"] == "ok"


def test_the_ratio_is_open_where_the_slope_before_may_be_zero(headline_series, as_of):
    days = list(range(0, 700, 10))
    noise = np.random.default_rng(6).normal(0, 0.4, len(days))
    values = [
        0.0006 * day + 0.008 * max(day - 350, 0) + e for day, e in zip(days, noise, strict=True)
    ]
    row = searched(trend_breaks(headline_series(days, values), as_of=as_of, draws=200, seed=0))
    assert row["slope_before"] > 0
    assert row["slope_ratio_high"] is None
    assert "open above" in row["reason"]


def test_a_slope_that_fell_before_the_break_has_no_ratio(headline_series, as_of):
    days = list(range(0, 700, 10))
    noise = np.random.default_rng(5).normal(0, 0.1, len(days))
    values = [
        -0.002 * day + 0.008 * max(day - 350, 0) + e for day, e in zip(days, noise, strict=True)
    ]
    row = searched(trend_breaks(headline_series(days, values), as_of=as_of, draws=200, seed=0))
    assert row["slope_ratio"] is None
    assert "density did not rise before the break" in row["reason"]


def test_the_ratio_interval_is_fiellers():
    """With normal numerator and denominator the textbook's quadratic gives the same ends."""
    rng = np.random.default_rng(0)
    before, after = rng.normal(1.0, 0.1, 40_000), rng.normal(2.0, 0.2, 40_000)
    low, high = fieller(2.0, before, after, 10**9)
    g = (1.96 * 0.1) ** 2
    root = 1.96 * np.sqrt(0.2**2 + 4 * 0.1**2 - g * 0.2**2)
    assert low == pytest.approx((2 - root) / (1 - g), rel=0.01)
    assert high == pytest.approx((2 + root) / (1 - g), rel=0.01)


def test_a_denominator_that_may_be_zero_leaves_the_ratio_open():
    rng = np.random.default_rng(0)
    before, after = rng.normal(1.0, 0.8, 4000), rng.normal(2.0, 0.1, 4000)
    low, high = fieller(2.0, before, after, 10**9)
    assert high is None
    assert 0 < low < 2


@pytest.mark.slow
def test_fiellers_interval_covers_a_known_ratio_where_quotients_do_not():
    """A denominator of 1 with error .4: its 95 % interval nearly reaches zero."""
    rng = np.random.default_rng(0)
    held = np.zeros(2)
    for _ in range(600):
        before, after = rng.normal(1, 0.4), rng.normal(2, 0.2)
        drawn = rng.normal(before, 0.4, 400), rng.normal(after, 0.2, 400)
        if before <= 0:
            held += 1  # no ratio is published
            continue
        low, high = fieller(after / before, *drawn, 10**9)
        held[0] += (low is None or low <= 2) and (high is None or high >= 2)
        ends = np.quantile(drawn[1] / drawn[0], [0.025, 0.975])
        held[1] += ends[0] <= 2 <= ends[1]
    assert 0.92 <= held[0] / 600 <= 0.98


BAD_SERIES = {
    "no model": ([], []),
    "one model": ([0], [0.0]),
    "two models": ([0, 100], [0.0, 1.0]),
    "all on one day": ([50] * 20, list(np.linspace(0, 1, 20))),
    "one month": (list(range(28)), list(np.linspace(0, 1, 28))),
    "identical": (list(range(0, 200, 10)), [0.3] * 20),
    "all censored": (list(range(0, 200, 10)), [None] * 20),
}


@pytest.mark.parametrize("name", BAD_SERIES)
def test_bad_input_gives_rows_with_reasons(headline_series, as_of, name):
    table = trend_breaks(headline_series(*BAD_SERIES[name]), as_of=as_of, draws=20, seed=0)
    TREND_BREAKS.validate(table)
    assert table.height == 5
    insufficient = table.filter(verdict="insufficient")
    assert insufficient.height >= 4
    assert (insufficient["reason"].str.len_chars() > 0).all()
    assert insufficient["slope_ratio"].null_count() == insufficient.height


def test_an_empty_table_still_has_the_headlines_rows(as_of):
    table = trend_breaks(DENSITIES.empty(), as_of=as_of, draws=20, seed=0)
    assert table["verdict"].unique().to_list() == ["insufficient"]


def test_later_models_do_not_count(headline_series):
    days = list(range(0, 700, 10))
    frame = headline_series(days, [0.006 * day + (day % 30) / 50 for day in days])
    table = trend_breaks(frame, as_of=DAY_ZERO + timedelta(days=300), draws=20, seed=0)
    assert searched(table)["n_models"] == 31
