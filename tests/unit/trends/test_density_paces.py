"""Paces by four curves: planted truths are found, and what is not determined has no number."""

from datetime import timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_YEAR
from densing_pipeline.trends.density_paces import density_paces
from tests.growing_models import BREAK, LAST, density_frame, lines, world

SEEDS = range(8)
NUMBERS = ("slope_per_day", "slope_less_line", "break_date", "half_life_days", "fold_left")


def paces(densities: pl.DataFrame, law: pl.DataFrame | None = None) -> pl.DataFrame:
    return density_paces(densities, lines(densities) if law is None else law, draws=60, seed=3)


@cache
def of_world(name: str, seed: int) -> pl.DataFrame:
    return paces(world(name, seed))


def rows(name: str, curve: str, estimator: str) -> list[dict]:
    return [
        of_world(name, seed).filter(growth_curve=curve, estimator=estimator).row(0, named=True)
        for seed in SEEDS
    ]


@pytest.mark.parametrize("estimator", ["ols-all", "quantile-0.9"])
@pytest.mark.parametrize("curve", ["last-24-months", "broken-line", "saturating"])
def test_a_steady_pace_is_not_taken_for_a_change(curve, estimator):
    told = [
        row["slope_less_line_high"] < 0 or row["slope_less_line_low"] > 0
        for row in rows("line", curve, estimator)
        if row["slope_less_line_low"] is not None
    ]
    assert sum(told) <= 1


@pytest.mark.parametrize("estimator", ["ols-all", "quantile-0.9"])
@pytest.mark.parametrize("truth", ["broken-line", "saturating"])
def test_a_slowdown_is_found_by_the_curve_that_is_true(truth, estimator):
    found = rows(truth, truth, estimator)
    assert sum(row["verdict"] == "ok" for row in found) >= 7
    slower = [row["slope_less_line_high"] < 0 for row in found if row["verdict"] == "ok"]
    assert sum(slower) >= 7


def test_date_and_paces_of_a_break_are_found_again():
    for row in rows("broken-line", "broken-line", "ols-all"):
        assert abs((row["break_date"] - BREAK).days) <= 184
        assert row["break_date_low"] <= row["break_date"] <= row["break_date_high"]
        assert row["slope_before"] * DAYS_PER_YEAR == pytest.approx(2.0, abs=0.5)
        assert row["slope_low"] * DAYS_PER_YEAR < 0.25 < row["slope_high"] * DAYS_PER_YEAR


def test_a_half_life_is_found_again_with_the_rise_that_is_left():
    years = (LAST - DAY_ZERO).days / DAYS_PER_YEAR
    left = np.exp(2 * 2**-years / np.log(2))
    found = [row for row in rows("saturating", "saturating", "ols-all") if row["verdict"] == "ok"]
    assert np.median([row["half_life_days"] for row in found]) == pytest.approx(DAYS_PER_YEAR)
    inside = [
        row["fold_left_low"] <= left <= (row["fold_left_high"] or np.inf)
        and row["fold_left_low"] <= row["fold_left"] <= (row["fold_left_high"] or np.inf)
        for row in found
    ]
    assert sum(inside) >= len(found) - 1


def test_a_steady_pace_has_no_half_life_and_says_so():
    reasons = [row["reason"] for row in rows("line", "saturating", "quantile-0.9")]
    assert sum(reason.startswith("no saturation shows") for reason in reasons) >= 2
    for row in rows("line", "saturating", "quantile-0.9"):
        if row["verdict"] == "insufficient":
            assert row["reason"]
            assert all(row[name] is None for name in NUMBERS)


def test_the_numbers_of_both_lines_are_those_of_the_law():
    densities = world("line", 0)
    found = paces(densities).filter(pl.col("growth_curve").is_in(["line", "last-24-months"]))
    assert found["slope_per_day"].unique().to_list() == [0.005]
    assert found["reason"].unique().to_list() == ["the reason of the law"]


def test_an_estimate_that_the_law_refuses_has_no_paces():
    densities = world("line", 0)
    found = paces(densities, lines(densities, verdict="insufficient"))
    assert found["verdict"].unique().to_list() == ["insufficient"]
    assert found["reason"].unique().to_list() == ["the reason of the law"]
    assert found.select(NUMBERS).null_count().sum_horizontal().item() == len(NUMBERS) * 12


def test_a_break_near_the_newest_models_is_not_dated():
    rng = np.random.default_rng(0)
    days = np.arange(0.0, 1200.0, 8.0)
    late = 2 * days / 365 - 8 * np.maximum(days - 1050, 0) / 365
    densities = density_frame(
        days, late + rng.normal(0, 0.1, days.size), [f"family {i % 12}" for i in range(days.size)]
    )
    row = paces(densities).filter(growth_curve="broken-line", estimator="ols-all")
    assert row["verdict"].item() == "insufficient"
    assert "at the edge of the quarters searched" in row["reason"].item()
    assert row["break_date"].item() is None


def test_a_level_that_lies_far_beyond_the_models_is_not_told():
    rng = np.random.default_rng(0)
    days = np.arange(0.0, 900.0, 6.0)
    slow = 4 * -np.expm1(-np.log(2) / 4 * days / 365) / (np.log(2) / 4)
    densities = density_frame(
        days, slow + rng.normal(0, 0.02, days.size), [f"family {i % 12}" for i in range(days.size)]
    )
    row = paces(densities).filter(growth_curve="saturating", estimator="ols-all")
    assert row["verdict"].item() == "insufficient"
    assert "where it levels off is not determined" in row["reason"].item()
    assert row["fold_left"].item() is None


@pytest.mark.parametrize(("models", "determined"), [(16, True), (14, False)])
def test_a_break_needs_eight_models_on_either_side(models, determined):
    days = np.sort(np.append(np.linspace(0, 100, models // 2), np.linspace(600, 700, models // 2)))
    values = days / 365 + np.random.default_rng(1).normal(0, 0.1, days.size)
    densities = density_frame(days, values, [f"family {i % 7}" for i in range(days.size)])
    row = paces(densities).filter(growth_curve="broken-line", estimator="ols-all")
    assert ("at least 8 of the models" in row["reason"].item()) != determined


def test_models_of_one_day_or_one_family_and_an_empty_window_are_answered():
    days = np.full(20, 100.0)
    one_day = density_frame(days, np.arange(20) / 10, [f"family {i % 7}" for i in range(20)])
    assert paces(one_day, lines(one_day, verdict="insufficient")).height == 12
    spread = density_frame(10.0 * np.arange(20), np.arange(20) / 10, ["family 0"] * 20)
    assert paces(spread, lines(spread, verdict="insufficient")).height == 12
    densities = world("line", 0)
    after = LAST + timedelta(days=1)
    nobody = paces(densities, lines(densities, window_start=after))
    recent = nobody.filter(growth_curve="last-24-months")
    assert recent["slope_less_line"].null_count() == recent.height
    none = densities.clear()
    assert paces(none, lines(densities).clear()).is_empty()


def test_a_model_released_later_changes_nothing():
    densities = world("broken-line", 0)
    later = densities.head(1).with_columns(
        model_id=pl.lit("org/later"), release_date=LAST + timedelta(days=1), density=1e6
    )
    law = lines(densities)
    assert paces(pl.concat([densities, later]), law).equals(paces(densities, law))
