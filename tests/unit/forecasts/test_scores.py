"""Scores against their definitions, outcomes that nobody saw, and the skill made of them."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.reference_laws import reference_laws
from densing_pipeline.forecasts.backtest import backtest, claims_rows, skill_rows
from densing_pipeline.forecasts.claims import _is_within, paper_claims
from densing_pipeline.forecasts.forecasts import LEVELS, forecasts
from densing_pipeline.forecasts.scores import forecast_scores
from densing_pipeline.forecasts.skill import forecast_skill
from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.tables.published import (
    CAPABILITY_INDEX,
    DENSITIES,
    FORECAST_QUANTILES,
    FORECAST_SCORES,
    FORECAST_SKILL,
    FORECASTS,
    PAPER_CLAIMS,
    PRICES,
    REFERENCE_POINTS,
)

LAST = date(2024, 12, 31)
KEY = ["target", "series", "made_on", "horizon_months", "method", "origin"]


def scores_of(made, world):
    """The scores of forecasts by what the tables of a world say at its end."""
    return forecast_scores(made, world.inputs(LAST), world.price_frontier(LAST))


def claims_of(world, as_of, **seeded):
    """The paper's claims against what the tables of a world say on a day."""
    return paper_claims(world.inputs(as_of), world.price_frontier(as_of), **seeded)


@pytest.fixture(scope="module")
def made(world):
    return forecasts(world.inputs(LAST), draws=100, seed=0)


@pytest.fixture(scope="module")
def scored(world, made):
    return scores_of(made, world)


@pytest.fixture(scope="module")
def skill(scored):
    return forecast_skill(scored, as_of=LAST, draws=200, seed=0)


def test_every_forecast_that_is_due_is_scored_once(made, scored):
    FORECAST_SCORES.validate(scored)
    due = made.filter(pl.col("target_date") <= LAST, pl.col("verdict") == "ok")
    assert scored.height == due.height
    assert scored.filter(verdict="ok").height > 200


def test_crps_is_that_of_all_draws_and_of_a_claim_the_absolute_error(made, scored):
    """E|X - y| - E|X - X'| / 2 over the draws (Gneiting and Raftery 2007)."""
    both = scored.filter(verdict="ok").join(made, on=KEY, suffix="_made")
    for row in both.sample(40, seed=0).to_dicts():
        actual = np.log(row["outcome"])
        quantiles = np.log(
            [row[f"{name}_made" if name == "median" else name] for name in FORECAST_QUANTILES]
        )
        levels = np.array(LEVELS)
        loss = np.where(actual >= quantiles, levels, levels - 1) * (actual - quantiles)
        assert row["log_error"] == pytest.approx(quantiles[5] - actual)
        assert row["pinball_10"] == pytest.approx(loss[1], abs=1e-12)
        assert row["pinball_90"] == pytest.approx(loss[9], abs=1e-12)
        if row["draws"]:
            draws = np.array(row["log_draws"], dtype=np.float64)
            apart = np.abs(draws[:, None] - draws).mean() / 2
            assert draws.size == row["draws"]
            assert row["crps"] == pytest.approx(np.abs(draws - actual).mean() - apart, rel=1e-4)
            assert row["covered"] == (quantiles[0] <= actual <= quantiles[-1])
        else:
            assert row["crps"] == pytest.approx(abs(quantiles[5] - actual))
            assert row["covered"] is None


def test_a_forecast_published_before_draws_were_kept_is_scored_by_its_deciles(world, made, scored):
    """Twice the mean pinball loss of the nine deciles, near the CRPS of the draws."""
    for older in (made.with_columns(log_draws=None), made.drop("log_draws")):
        before = scores_of(older, world)
        both = scored.filter(verdict="ok").join(before, on=KEY, suffix="_deciles")
        drawn = both.filter(pl.col("covered").is_not_null())
        ratio = drawn["crps_deciles"] / drawn["crps"]
        assert 0.8 < ratio.median() < 1.2
        assert (ratio != 1).any()


def test_all_skills_of_a_row_rest_on_the_same_forecasts(skill):
    told = skill.filter(pl.col("skill_no_change").is_not_null())
    for name in ("constant", "last_12_months"):
        both = told.filter(pl.col(f"skill_{name}").is_not_null())
        assert (both[f"n_both_{name}"] == both["n_both_no_change"]).all()
    assert told["skill_constant"].count() > 0


def test_the_outcome_is_the_record_of_the_day(world, scored):
    row = scored.filter(target="density", verdict="ok", target_date=date(2024, 5, 31)).row(
        0, named=True
    )
    known = world.densities.filter(pl.col("release_date") <= date(2024, 5, 31))
    assert row["outcome"] == known["density"].max()
    assert row["outcome_low"] == pytest.approx(0.8 * row["outcome"])


def test_the_outcome_of_a_price_is_the_published_lowest_price_so_far(world, made):
    frontier = world.price_frontier(LAST)
    halved = frontier.with_columns(pl.col("usd_per_mtok") / 2)
    whole, half = (
        forecast_scores(made, world.inputs(LAST), curves).filter(target="price", verdict="ok")
        for curves in (frontier, halved)
    )
    day = date(2024, 5, 31)
    lowest = frontier.filter(
        pl.col("date") <= day, curve="cheapest_ever", blend_input_share=HEADLINE_BLEND
    )
    outcomes = whole.filter(target_date=day)["outcome"].unique().to_list()
    assert outcomes == [lowest["usd_per_mtok"].min()]
    assert half["outcome"].to_list() == (whole["outcome"] / 2).to_list()


def test_an_outcome_nobody_saw_is_no_success_of_no_change(world, made):
    """The data end in May 2024; that the record stands from then on is not known to anybody."""
    end = date(2024, 5, 1)
    ended = world._replace(densities=world.densities.filter(pl.col("release_date") <= end))
    scored = scores_of(made, ended).filter(target="density")
    late = scored.filter(pl.col("target_date") > end)
    assert late["verdict"].unique().to_list() == ["insufficient"]
    assert late["crps"].null_count() == late.height
    assert late["reason"].str.contains("nothing").all()


def test_in_a_steady_world_the_trend_beats_no_change_and_knows_what_it_knows(skill):
    FORECAST_SKILL.validate(skill)
    row = skill.filter(
        target="density", series="all", horizon_months=3, method="trend", origin="backtest"
    ).row(0, named=True)
    assert row["verdict"] == "ok"
    assert row["skill_no_change"] > 0.5
    assert row["skill_no_change_low"] < row["skill_no_change"] < row["skill_no_change_high"]
    assert row["coverage"] >= 0.8


def test_a_method_has_no_skill_against_itself(skill):
    itself = skill.filter(method="no-change", horizon_months=3)
    assert itself["skill_no_change"].to_list() == [0] * itself.height
    assert itself["skill_no_change_low"].null_count() == itself.height


def test_a_year_ahead_needs_two_years_of_vintages(skill):
    row = skill.filter(target="density", horizon_months=12, method="no-change").row(0, named=True)
    assert row["mean_crps"] is None
    assert row["verdict"] == "insufficient"
    assert "needed: 24" in row["reason"]
    assert row["skill_constant_low"] is None


def test_skill_is_read_off_the_forecasts_both_made(scored, skill):
    """The rival's mean beside ours is that of the same days, not of all it ever made."""
    row = skill.filter(
        target="density", series="all", horizon_months=3, method="trend", origin="backtest"
    ).row(0, named=True)
    own = scored.filter(verdict="ok", target="density", horizon_months=3, origin="backtest")
    by_day = {
        method: dict(own.filter(method=method).select("made_on", "crps").iter_rows())
        for method in ("last-12-months", "no-change", "trend")
    }
    for rival, name in (("no-change", "no_change"), ("last-12-months", "last_12_months")):
        days = by_day["trend"].keys() & by_day[rival].keys()
        assert len(days) < max(len(by_day[rival]), len(by_day["trend"]))
        ours, theirs = (
            np.mean([by_day[method][day] for day in days]) for method in ("trend", rival)
        )
        assert row[f"n_both_{name}"] == len(days)
        assert row[f"mean_crps_both_{name}"] == pytest.approx(ours)
        assert row[f"rival_crps_{name}"] == pytest.approx(theirs)
    assert row["skill_no_change"] == pytest.approx(
        1 - row["mean_crps_both_no_change"] / row["rival_crps_no_change"]
    )
    assert row["skill_last_12_months"] is None, "eight vintages of the rival are no verdict"


def test_each_forecast_says_its_skill_over_the_claims_of_its_day(scored):
    row = scored.filter(
        target="density", method="trend", made_on=date(2024, 4, 30), horizon_months=3,
        origin="backtest",
    ).row(0, named=True)  # fmt: skip
    for rival, column in (
        ("no-change", "skill_vs_no_change"),
        ("paper-constant", "skill_vs_constant"),
    ):
        theirs = scored.filter(
            target="density", method=rival, made_on=date(2024, 4, 30), horizon_months=3,
            origin="backtest",
        )["crps"].item()  # fmt: skip
        assert row[column] == pytest.approx(1 - row["crps"] / theirs)


def test_an_insufficient_row_of_skill_carries_no_number(skill):
    insufficient = skill.filter(verdict="insufficient")
    assert insufficient.height > 0
    numbers = [
        name for name, dtype in skill.schema.items()
        if dtype == pl.Float64 or name.startswith("n_both")
    ]  # fmt: skip
    assert insufficient.select(pl.all_horizontal(pl.col(numbers).is_null()).all()).item()


def test_nothing_to_score_gives_empty_tables(world):
    scored = scores_of(FORECASTS.empty(), world)
    assert scored.is_empty()
    assert forecast_skill(scored, as_of=LAST, draws=20, seed=0).is_empty()


def test_forecasts_of_a_series_that_is_gone_say_so(world, made):
    gone = world._replace(densities=DENSITIES.empty(), prices=PRICES.empty())
    scored = scores_of(made, gone)
    FORECAST_SCORES.validate(scored)
    assert scored["verdict"].unique().to_list() == ["insufficient"]
    table = forecast_skill(scored, as_of=LAST, draws=20, seed=0)
    FORECAST_SKILL.validate(table)
    assert table["n_forecasts"].sum() == 0


@pytest.fixture
def later(world):
    """The same world seen from 2025: it went on at its pace for another half year."""
    rows = world.densities.tail(12)
    moved = rows.with_columns(
        pl.format("{}-later", "model_id").alias("model_id"),
        pl.col("release_date") + pl.duration(days=200),
        *(pl.col(name) * 2 ** (200 / 105) for name in ("density", "density_low", "density_high")),
    )
    return world._replace(densities=pl.concat([world.densities, moved]))


def test_a_claim_is_compared_with_what_came(later):
    table = claims_of(later, date(2025, 8, 31), draws=200, seed=0)
    PAPER_CLAIMS.validate(table)
    row = table.filter(
        pl.col("claim").str.starts_with("NMI"), pl.col("target_date") == date(2025, 6, 30)
    ).row(0, named=True)
    assert row["verdict"] == "ok"
    assert row["claimed_fold"] == pytest.approx(2 ** (181 / 106.53), rel=0.001)
    assert row["low"] < row["actual_fold"] < row["high"]
    assert row["claimed_low"] < row["claimed_fold"] < row["claimed_high"]
    assert row["is_within"], "this world grows as the paper says"


def test_claims_without_data_after_them_say_so(world):
    table = claims_of(world, date(2025, 8, 31), draws=50, seed=0)
    assert table["verdict"].unique().to_list() == ["insufficient"]
    numbers = ["claimed_fold", "claimed_low", "claimed_high", "actual_fold", "low", "high"]
    assert table.select(pl.all_horizontal(pl.col(numbers).is_null()).all()).item()


def test_a_verdict_on_a_claim_does_not_hang_on_the_seed(later):
    """With 200 draws of the range a claim near its end changed sides with the seed."""
    verdicts = [
        claims_of(later, date(2025, 8, 31), draws=50, seed=seed)["is_within"].to_list()
        for seed in range(4)
    ]
    for of_claim in zip(*verdicts, strict=True):
        assert not {True, False} <= set(of_claim)


def test_a_claim_at_the_end_of_its_range_is_undecided():
    allowed = np.arange(1, 100_001) / 1000
    assert _is_within(allowed, 50.0)
    assert _is_within(allowed, 99.0) is False
    assert _is_within(allowed, 97.5) is None


def test_claims_of_an_empty_world_are_an_empty_table(world):
    empty = world._replace(densities=DENSITIES.empty(), prices=PRICES.empty())
    assert claims_of(empty, LAST, draws=20, seed=0).is_empty()


@pytest.mark.heavy
def test_the_backtest_runs_in_one_call(world, models_and_scores, real_densities):
    models, scores = models_and_scores
    laws = reference_laws(
        REFERENCE_POINTS.cast(facts.load("reference_points")), facts.load("reference_coefficients")
    )
    density = real_densities.filter(pl.col("reference_id") == "nmi-2025")
    tables = dict(zip(world._fields, world, strict=True)) | {
        "densities": density, "models": models, "scores": scores, "reference_laws": laws,
        "capability_index": CAPABILITY_INDEX.empty(), "price_frontier": world.price_frontier(LAST),
    }  # fmt: skip
    result = backtest(tables, draws=50, seed=0)
    assert result.skill.height > 0
    assert len(skill_rows(result.skill)) > 1
    assert len({len(row) for row in claims_rows(result.claims)}) == 1
