"""What a series of densities needs to carry a trend, on either side of every threshold."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.trends.series import (
    FEWEST_DAYS,
    FEWEST_FAMILIES,
    FEWEST_MODELS,
    Series,
    doubling_days,
    missing,
    open_end,
    series_of,
    told_doubling_days,
)


def series(models, days, families):
    """Models on so many days, of so many families, each denser than the last."""
    return Series(
        np.arange(models, dtype=np.float64) % days,
        np.linspace(0.0, 1.0, models),
        tuple(f"f{n % families}" for n in range(models)),
        np.empty((0, models)),
    )


@pytest.mark.parametrize(
    ("models", "days", "families", "lacking"),
    [
        (8, 3, 5, ""),
        (7, 3, 5, "models with a density: 7, needed: 8"),
        (8, 2, 5, "release days: 2, needed: 3"),
        (8, 3, 4, "model families: 4, needed: 5"),
    ],
)
def test_eight_models_three_days_and_five_families_are_just_enough(models, days, families, lacking):
    assert (FEWEST_MODELS, FEWEST_DAYS, FEWEST_FAMILIES) == (8, 3, 5)
    assert missing(series(models, days, families)) == lacking


@pytest.mark.parametrize(("spread", "is_same"), [(0.9e-9, True), (1.1e-9, False)])
def test_differences_of_rounding_alone_are_none(spread, is_same):
    values = np.linspace(0.0, spread, 8)
    found = missing(series(8, 8, 8)._replace(values=values))
    assert found == ("all models have the same density" if is_same else "")


@pytest.mark.parametrize(
    ("slope", "days"),
    [
        (np.log(2) / 3652, pytest.approx(3652)), (np.log(2) / 3653, None), (1e-12, None), (0.0, None),
        (-1.0, None),
    ],
)  # fmt: skip
def test_only_a_trend_that_doubles_within_ten_years_has_a_doubling_time(slope, days):
    assert doubling_days(slope) == days


def test_a_model_released_on_the_day_counts_and_one_of_the_next_day_does_not():
    day = date(2024, 5, 1)
    densities = pl.DataFrame(
        {
            "model_id": ["a", "b"],
            "reference_id": "law",
            "score_set": "set",
            "params_basis": "total",
            "family": "f",
            "release_date": [day, day + timedelta(days=1)],
            "density": [1.0, 2.0],
        }
    )
    assert series_of(densities, ("law", "set", "total"), day).values.tolist() == [0.0]


def test_a_doubling_time_is_told_once_density_has_doubled():
    slope = np.log(2) / 365
    days, reason = told_doubling_days(slope, 365.1)
    assert days == pytest.approx(365)
    assert reason == ""
    days, reason = told_doubling_days(slope, 364.9)
    assert days is None
    assert "2.00-fold in 365 days" in reason
    assert told_doubling_days(-slope, 900) == (
        None, "density does not grow, so it has no doubling time"
    )  # fmt: skip


def test_an_interval_without_a_longest_doubling_time_says_why():
    assert open_end(0.001, 0.002) == ""
    assert open_end(1e-5, 0.002) == "the interval holds doubling times over 10 years"
    assert open_end(0.0, 0.002) == "the interval holds density that does not grow"
    assert open_end(-0.002, -0.001) == "density falls"
