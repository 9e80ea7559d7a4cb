"""What follows from a trend whose truth is known, and the paper's own conversions."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.drawn_law import COEFFICIENTS, DrawnLaw
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.forecasts.implications import (
    HARDWARE_DOUBLING_DAYS,
    combined_doubling_days,
    implications,
)
from densing_pipeline.headline import GROWTH_HEADLINE
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import (
    COMPRESSION,
    DENSITIES,
    DENSITY_GROWTH,
    IMPLICATIONS,
    PRICE_FRONTIER,
    REFERENCE_LAWS,
)
from densing_pipeline.trends.growth_rows import Made, Sample, Subject, density_growth, estimated

DAYS = list(range(0, 700, 10))


PAIRS = pl.DataFrame(
    {
        "parent_id": ["nmi-2025/Large", "nmi-2025/Large"],
        "child_id": ["nmi-2025/Small", "nmi-2025/Twin"],
        "method": ["pruned", "quantised"],
        "reference_id": "nmi-2025",
        "score_set": "nmi-2025-average",
        "params_basis": "nonembedding",
        "parent_density": 1.0,
        "child_density": [2.0, 0.9],
        "log_ratio": np.log([2.0, 0.9]),
        "low": np.log([1.5, 0.7]),
        "high": [float(np.log(3.0)), None],
        "source": "-",
        "finding": ["denser", "not told apart"],
    },
    strict=False,
)


@pytest.fixture(scope="module")
def pairs():
    return COMPRESSION.cast(PAIRS)


@pytest.fixture
def laws():
    published = facts.load("reference_coefficients")
    return REFERENCE_LAWS.cast(
        published.with_columns(
            fit=pl.lit("published"),
            **dict.fromkeys(("loss_sse", "score_sse", "n_points", "n_minima")),
        )
    )


@pytest.fixture
def prices():
    return PRICE_FRONTIER.cast(
        pl.DataFrame(
            {
                "level": ["able", "gone"],
                "blend_input_share": 0.75,
                "curve": "cheapest_now",
                "date": DAY_ZERO,
                "usd_per_mtok": [8.0, None],
            }
        )
    )


def headline_of(growth: float, low: float, high: float) -> pl.DataFrame:
    """A `density_growth` frame with the headline alone, growth of ln density a year."""
    made = Made(date(2026, 11, 1), 50, 0)
    sample = Sample(40, 12, date(2023, 1, 1), date(2026, 10, 1), "lab/Able")
    subject = Subject(**GROWTH_HEADLINE._asdict())
    return density_growth(
        [estimated(subject, sample, made, growth, interval=(low, high), narrower=(low, high))]
    )


@pytest.fixture
def growth():
    """A headline that doubles in 105 days, 84 to 140."""
    yearly = 365.25 * np.log(2)
    return headline_of(yearly / 105, yearly / 140, yearly / 84)


@pytest.fixture
def doubling_in_105(headline_series):
    return headline_series(DAYS, [np.log(2) / 105 * day for day in DAYS])


def value(table: pl.DataFrame, quantity: str, subject: str) -> dict:
    return table.filter(pl.col("name") == quantity, pl.col("subject") == subject).row(0, named=True)


def test_rates_add_as_in_the_paper():
    assert combined_doubling_days(99, HARDWARE_DOUBLING_DAYS) == pytest.approx(87.7, abs=0.05)
    assert combined_doubling_days(100, 100) == 50


def test_a_known_trend_gives_known_numbers(doubling_in_105, pairs, laws, prices, growth, as_of):
    table = implications(
        doubling_in_105, pairs, laws, {}, prices, growth, as_of=as_of, draws=50, seed=0
    )
    IMPLICATIONS.validate(table)
    combined = value(table, "density_x_hardware", "estimator quantile-0.9")["value"]
    assert combined == pytest.approx(combined_doubling_days(105, HARDWARE_DOUBLING_DAYS))
    fold = value(table, "cost_fold_per_year", "estimator quantile-0.9, density alone")["value"]
    assert fold == pytest.approx(2 ** (365.25 / 105))
    projected = value(table, "projected_price", "level able")
    assert projected["value"] == pytest.approx(8 * 2 ** (-365 / combined))
    sizes = table.filter(
        pl.col("name") == "smallest_params", pl.col("subject") == "score 0.5 on AVERAGE"
    ).sort("at_date")
    assert sizes["value"][0] / sizes["value"][1] == pytest.approx(2 ** (690 / 105))
    assert "beyond the newest model" in sizes["reason"][2]


def test_intervals_hold_the_estimate_and_come_from_the_resamples(headline_series, pairs, laws, prices, growth, as_of):  # fmt: skip
    noise = np.random.default_rng(0).normal(0, 0.3, len(DAYS))
    frame = headline_series(DAYS, [0.0066 * day + e for day, e in zip(DAYS, noise, strict=True)])
    table = implications(frame, pairs, laws, {}, prices, growth, as_of=as_of, draws=200, seed=0)
    with_interval = table.filter(pl.col("low").is_not_null())
    assert with_interval.height >= 15
    assert (with_interval["low"] < with_interval["value"]).all()
    assert (with_interval["value"] < with_interval["high"]).all()


def test_nothing_on_offer_projects_no_price(doubling_in_105, pairs, laws, prices, growth, as_of):
    table = implications(
        doubling_in_105, pairs, laws, {}, prices, growth, as_of=as_of, draws=50, seed=0
    )
    gone = value(table, "projected_price", "level gone")
    assert gone["verdict"] == "insufficient"
    assert gone["value"] is None


def test_compressed_models_are_compared_as_in_the_compression_table(
    doubling_in_105, pairs, laws, prices, growth, as_of
):
    table = implications(
        doubling_in_105, pairs, laws, {}, prices, growth, as_of=as_of, draws=50, seed=0
    )
    small = value(table, "compression_ratio", "Small / Large (pruned)")
    assert (small["value"], small["low"], small["high"]) == pytest.approx((2.0, 1.5, 3.0))
    assert small["reason"] == "denser"
    twin = value(table, "compression_ratio", "Twin / Large (quantised)")
    assert twin["high"] is None
    assert twin["reason"] == "not told apart"


def test_the_error_of_the_law_widens_every_interval(
    headline_series, pairs, laws, prices, growth, as_of
):
    own = laws_of(laws)["nmi-2025", "AVERAGE"]
    noise = np.random.default_rng(0).normal(0, 0.3, len(DAYS))
    frame = headline_series(
        DAYS, [0.0066 * day - 3 + e for day, e in zip(DAYS, noise, strict=True)]
    )
    frame = frame.with_columns(score=pl.Series(own.score(frame["effective_params"].to_numpy())))
    row = laws.row(
        by_predicate=(pl.col("reference_id") == "nmi-2025") & (pl.col("benchmark") == "AVERAGE"),
        named=True,
    )
    coefficients = np.array([[row[name] for name in COEFFICIENTS]] * 50)
    coefficients[:, 1] *= np.linspace(0.8, 1.2, 50)
    drawn = {("nmi-2025", "nmi-2025-average"): DrawnLaw(coefficients, own.reference_tokens)}
    widths = []
    for known in ({}, drawn):
        table = implications(
            frame, pairs, laws, known, prices, growth, as_of=as_of, draws=50, seed=0
        )
        found = value(table, "cost_fold_per_year", "estimator quantile-0.9")
        widths.append(found["high"] / found["low"])
    assert widths[1] > 1.2 * widths[0]


def test_models_of_another_age_project_no_size(headline_series, pairs, laws, prices, growth, as_of):
    """A newest model of 2005 would put its sizes on days no table knows."""
    days = list(range(-6600, -5900, 10))
    table = implications(
        headline_series(days, [0.006 * day for day in DAYS]), pairs, laws, {}, prices, growth, as_of=as_of,
        draws=50, seed=0,
    )  # fmt: skip
    IMPLICATIONS.validate(table)
    sizes = table.filter(name="smallest_params")
    assert sizes.filter(verdict="insufficient").height > 0


def test_a_falling_trend_never_doubles(headline_series, pairs, laws, prices, growth, as_of):
    frame = headline_series(DAYS, [-0.006 * day for day in DAYS])
    table = implications(frame, pairs, laws, {}, prices, growth, as_of=as_of, draws=50, seed=0)
    row = value(table, "density_x_hardware", "estimator quantile-0.9")
    assert row["verdict"] == "insufficient"
    assert row["reason"] == "the trend does not rise"


def test_empty_tables_give_reasons(laws, as_of):
    empty: tuple[Any, ...] = (
        DENSITIES.empty(),
        COMPRESSION.empty(),
        laws,
        {},
        PRICE_FRONTIER.empty(),
        DENSITY_GROWTH.empty(),
    )
    table = implications(*empty, as_of=as_of, draws=20, seed=0)
    IMPLICATIONS.validate(table)
    insufficient = table.filter(verdict="insufficient")
    assert insufficient.height == table.height - 1, "the paper's own arithmetic needs no data"
    assert (insufficient["reason"].str.len_chars() > 0).all()


def test_one_model_is_no_trend(headline_series, pairs, laws, prices, growth, as_of):
    table = implications(
        headline_series([0], [0.0]), pairs, laws, {}, prices, growth, as_of=as_of, draws=20, seed=0
    )
    row = value(table, "density_x_hardware", "estimator paper")
    assert "models with a density: 1" in row["reason"]
    assert table["at_date"].drop_nulls().max() <= as_of + timedelta(days=365)


def test_rates_and_prices_follow_the_headline(doubling_in_105, pairs, laws, prices, growth, as_of):
    table = implications(
        doubling_in_105, pairs, laws, {}, prices, growth, as_of=as_of, draws=50, seed=0
    )
    combined = value(table, "density_x_hardware", "headline")
    for name, days in (("value", 105), ("low", 84), ("high", 140)):
        expected = combined_doubling_days(days, HARDWARE_DOUBLING_DAYS)
        assert combined[name] == pytest.approx(expected)
    fold = value(table, "cost_fold_per_year", "headline, density alone")
    assert [fold[name] for name in ("value", "low", "high")] == pytest.approx(
        [2 ** (365.25 / days) for days in (105, 140, 84)]
    )
    price = value(table, "projected_price", "level able")
    assert [price[name] for name in ("value", "low", "high")] == pytest.approx(
        [8 * 2 ** (-365 / combined[name]) for name in ("value", "low", "high")]
    )


def test_a_headline_that_may_not_grow_has_no_longest_time(doubling_in_105, pairs, laws, prices, as_of):  # fmt: skip
    growth = headline_of(0.5, -0.6, 1.6)
    table = implications(
        doubling_in_105, pairs, laws, {}, prices, growth, as_of=as_of, draws=50, seed=0
    )
    row = value(table, "density_x_hardware", "headline")
    assert row["high"] is None
    assert row["reason"] == "open above: the rate may be zero"
