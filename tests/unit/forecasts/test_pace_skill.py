"""Forecasts by growth curves: the true curve forecasts best, on the same models, knowing nothing later."""

from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from densing_pipeline.forecasts.pace_skill import CURVES, pace_skill
from tests.growing_models import BREAK, LAST, density_frame, world

ESTIMATORS = ("ols-all", "quantile-0.9")


def skill(densities: pl.DataFrame, as_of: date = LAST) -> pl.DataFrame:
    def history(day: date) -> pl.DataFrame:
        return densities.filter(pl.col("release_date") <= day)

    return pace_skill(densities, history, as_of=as_of, draws=200, seed=3)


@cache
def of_world(name: str, seed: int = 0) -> pl.DataFrame:
    return skill(world(name, seed, n=240))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_curve_beats_the_line_where_the_pace_is_steady(estimator):
    for seed in range(3):
        found = of_world("line", seed).filter(
            pl.col("growth_curve").is_in(["saturating", "broken-line", "last-24-months"]),
            estimator=estimator, horizon_months=6,
        )  # fmt: skip
        assert found["verdict"].unique().to_list() == ["ok"]
        assert (found["skill_over_line_low"] <= 0.02).all()
        assert (found["skill_over_no_change"] > 0.2).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("truth", ["broken-line", "saturating"])
def test_the_true_curve_beats_the_line_where_the_pace_has_fallen(truth, estimator):
    row = of_world(truth).filter(growth_curve=truth, estimator=estimator, horizon_months=6)
    assert row["skill_over_line_low"].item() > 0


def test_all_curves_are_scored_on_the_same_models():
    found = of_world("broken-line").filter(verdict="ok")
    series = found.group_by("estimator", "horizon_months").agg(
        pl.col("n_vintages", "n_targets").n_unique(), pl.col("growth_curve").sort()
    )
    assert series["n_vintages"].max() == 1
    assert series["n_targets"].max() == 1
    assert all(curves == sorted(CURVES) for curves in series["growth_curve"].to_list())


def test_the_line_and_no_change_are_not_compared_with_themselves():
    found = of_world("line").filter(estimator="ols-all", horizon_months=6)
    assert found.filter(growth_curve="line")["skill_over_line"].item() is None
    assert found.filter(growth_curve="no-change")["skill_over_no_change"].item() is None
    assert found.filter(growth_curve="no-change")["skill_over_line"].item() < 0


def test_models_after_the_last_outcome_change_no_score():
    densities = world("broken-line", 1, n=240)
    cut = date(2025, 12, 31)
    known = densities.filter(pl.col("release_date") <= cut)
    # The last month end whose six months are over is that of June: both know the same then.
    until = known["release_date"].max()
    later = densities.with_columns(
        density=pl.when(pl.col("release_date") > until).then(50.0).otherwise("density")
    )
    past = {}
    for name, frame in {"cut": known, "whole": later}.items():
        found = skill(frame, as_of=cut).filter(estimator="quantile-0.9", horizon_months=6)
        past[name] = found.select("growth_curve", "n_targets", "mean_score", "last_vintage")
    assert past["cut"]["last_vintage"].max() <= date(2025, 6, 30)
    assert past["cut"].equals(past["whole"])


def test_a_vintage_sees_the_density_that_was_known_then():
    densities = world("line", 0, n=240)

    def worse_then(day: date) -> pl.DataFrame:
        past = densities.filter(pl.col("release_date") <= day)
        return past.with_columns(density=pl.col("density") / 8)

    found = pace_skill(densities, worse_then, as_of=LAST, draws=50, seed=3)
    told = of_world("line")
    at = {"growth_curve": "line", "estimator": "ols-all", "horizon_months": 6}
    error = found.filter(**at)["mean_score"].item() - told.filter(**at)["mean_score"].item()
    assert error == pytest.approx(np.log(8) ** 2, rel=0.25)


def test_a_record_is_never_forecast_to_fall():
    # Records stop at the break, so every line through them lies above or on the last record.
    days = np.arange(0.0, 1200.0, 5.0)
    stop = (BREAK - date(2023, 2, 24)).days
    values = 2 * np.minimum(days, stop) / 365 - np.where(np.arange(days.size) % 3, 0.5, 0.0)
    densities = density_frame(days, values, [f"family {i % 12}" for i in range(days.size)])
    found = skill(densities, as_of=date(2026, 6, 30)).filter(estimator="paper", horizon_months=6)
    assert found["score_rule"].unique().to_list() == ["absolute error of the record"]
    ok = found.filter(verdict="ok")
    assert ok.filter(growth_curve="no-change")["mean_score"].item() < (
        ok.filter(growth_curve="line")["mean_score"].item()
    )


@pytest.mark.parametrize(("days", "verdict"), [(1100, "insufficient"), (1230, "ok")])
def test_a_year_ahead_needs_two_years_of_month_ends(days, verdict):
    densities = world("line", 0, n=240)
    first = densities["release_date"].min()
    kept = densities.filter(pl.col("release_date") <= first + timedelta(days=days))
    found = skill(kept).filter(estimator="ols-all", horizon_months=12, growth_curve="line")
    assert (found["verdict"].item(), found["n_vintages"].item() >= 24) == (
        verdict, verdict == "ok",
    )  # fmt: skip


def test_no_models_give_no_rows():
    assert skill(world("line", 0).clear()).is_empty()


def test_models_of_one_family_or_one_day_give_rows_that_say_so():
    days = np.arange(0.0, 1200.0, 10.0)
    for frame in (
        density_frame(days, days / 365, ["family 0"] * days.size),
        density_frame(np.full(30, 100.0), np.arange(30) / 30, [f"family {i}" for i in range(30)]),
    ):
        found = skill(frame)
        assert set(found["verdict"]) == {"insufficient"}
        assert found["reason"].str.contains("every curve has a fit and an outcome: 0").all()
