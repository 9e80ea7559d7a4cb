"""Growth pooled over benchmarks: both steps, the variance of the mean, and today's facts."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.benchmarks import COMPARED
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.density.size_scale import (
    Panel,
    SizeLines,
    score_ranges,
    size_lines,
    slope_weights,
)
from densing_pipeline.stats.intervals import LEVEL
from densing_pipeline.tables.dates import days_since_zero
from densing_pipeline.tables.published import DENSITY_GROWTH
from densing_pipeline.trends.coverage_table import (
    POOLED,
    POOLED_BENT_PERCENTILE,
    coverage_of,
)
from densing_pipeline.trends.growth_rows import density_growth
from densing_pipeline.trends.interval_coverage import bundled_panel
from densing_pipeline.trends.pooled_growth import (
    missing,
    monte_carlo_error,
    pool,
    pooled_growth,
)
from densing_pipeline.trends.pooled_rows import (
    ALL_BENCHMARKS,
    BENT_RULER,
    MORE_BENCHMARKS,
    RULER,
    pooled_rows,
)

PACE = 0.004
SIZE_SLOPES = (0.5, 0.4, 0.3)


def made_up(paces=(PACE, PACE, PACE), noise: float = 0.0, seed: int = 0) -> Panel:
    """Twelve families of three sizes each, released one after another, without shortfall."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(12) * 60.0, 3)
    size = np.tile(np.log([1e9, 8e9, 70e9]), 12)
    ln_density = (
        days[:, None] * paces + rng.normal(0, noise, (36, 3)) if noise else days[:, None] * paces
    )
    logits = (size[:, None] + ln_density - 22) * SIZE_SLOPES
    return Panel(
        model_ids=tuple(f"lab/{i:02d}" for i in range(36)),
        days=days,
        ln_params=size,
        families=tuple(f"family {i // 3}" for i in range(36)),
        lines=np.repeat(np.arange(12), 3),
        benchmarks=("A", "B", "C"),
        logits=logits,
        errors=np.zeros((36, 3)),
        left_out=(0, 0, 0),
    )


def test_exact_scores_give_back_the_slopes_and_the_pace():
    found = pooled_growth(made_up(), draws=50, seed=1)
    assert found.size_slopes == pytest.approx(SIZE_SLOPES)
    assert found.pace is not None
    assert found.pace.slope == pytest.approx(PACE)
    assert found.pace.interval(LEVEL) == pytest.approx((PACE, PACE))


def test_the_pace_is_the_plain_mean_of_the_benchmarks():
    found = pooled_growth(made_up((0.002, 0.004, 0.009)), draws=50, seed=1)
    assert found.pace is not None
    assert found.slopes == pytest.approx([0.002, 0.004, 0.009])
    assert found.pace.slope == pytest.approx(0.005)
    # No family moves the paces, so all of the variance is between benchmarks, with 2 degrees of freedom.
    assert found.tau == pytest.approx(np.std([0.002, 0.004, 0.009], ddof=1))
    assert found.pace.variance == pytest.approx(found.tau**2 / 3)
    assert found.pace.freedom == pytest.approx(2)


def test_the_scale_rests_on_all_years_and_the_pace_on_the_window():
    of = made_up()
    whole = pooled_growth(of, draws=20, seed=1)
    lower_before = of._replace(logits=np.where(of.days[:, None] < 400, of.logits - 0.5, of.logits))
    recent = pooled_growth(lower_before, (400.0, np.inf), draws=20, seed=1)
    assert recent.pace.slope == pytest.approx(PACE)
    assert recent.size_slopes == pytest.approx(whole.size_slopes)
    assert pooled_growth(lower_before, draws=20, seed=1).pace.slope > 1.1 * PACE


def test_the_variance_adds_that_between_benchmarks_to_that_of_families():
    rng = np.random.default_rng(3)
    covariance = np.array([[4.0, 1, 1], [1, 4, 1], [1, 1, 4]]) * 1e-8
    drawn = rng.multivariate_normal([0.004] * 3, covariance, 200_000)
    slopes = np.array([0.002, 0.004, 0.009])
    found = pool(slopes, drawn, 10, np.ones(3), ("", "", ""))
    # Family bootstrap times 10 / 9: mean of the 9 entries 2e-8; explained spread (12 - 18 / 3) / 2 = 3e-8.
    within, explained = 2e-8 * 10 / 9, 3e-8 * 10 / 9
    between = np.var(slopes, ddof=1) - explained
    assert found.tau**2 == pytest.approx(between, rel=0.01)
    assert found.pace.variance == pytest.approx(within + between / 3, rel=0.01)
    freedom = (within + between / 3) ** 2 / (within**2 / 9 + (between / 3) ** 2 / 2)
    assert found.pace.freedom == pytest.approx(freedom, rel=0.01)


def test_paces_that_agree_better_than_chance_have_no_variance_between():
    rng = np.random.default_rng(3)
    drawn = rng.normal(0.004, 1e-3, (2000, 3))
    found = pool(np.full(3, 0.004), drawn, 9, np.ones(3), ("", "", ""))
    assert found.tau == 0
    assert found.pace.freedom == pytest.approx(8)


def test_two_benchmarks_are_not_pooled():
    of = made_up()
    of.logits[:, 2] = np.nan
    found = pooled_growth(of, draws=20, seed=1)
    assert found.pace is None
    assert found.reasons[:2] == ("", "")
    assert found.reasons[2].startswith("models with a score: 0")
    assert np.isfinite(found.slopes[0])


def test_four_lines_give_no_scale_and_five_do():
    of = made_up()
    assert missing(of._replace(lines=np.where(of.lines < 5, of.lines, -1)), 0) == ""
    few = of._replace(lines=np.where(of.lines < 4, of.lines, -1))
    assert missing(few, 0) == "lines of models with several sizes: 4, needed: 5"


@pytest.fixture(scope="module")
def table(models_and_scores):
    models, scores = models_and_scores
    found = pooled_rows(
        models,
        pooled_scores(scores),
        score_ranges(facts.load("reference_coefficients")),
        score_ranges(facts.load("reference_coefficients"), tuple(COMPARED)),
        as_of=date(2026, 11, 23),
        draws=100,
        seed=0,
    )
    return DENSITY_GROWTH.validate(density_growth(found))


@pytest.fixture(scope="module")
def rows(table):
    """By logits."""
    return of_ruler(table, RULER)


def of_ruler(table: pl.DataFrame, ruler: str) -> dict[tuple[str, str, str], dict]:
    return {
        (row["group"], row["params_basis"], row["window"]): row
        for row in table.filter(ruler=ruler).to_dicts()
    }


def test_more_benchmarks_are_pooled_in_rows_of_their_own(models_and_scores, table):
    """They change no row of the paper's five, and nothing says how often their interval holds the pace."""
    models, scores = models_and_scores
    laws = facts.load("reference_coefficients")
    five = pooled_rows(
        models, pooled_scores(scores), score_ranges(laws),
        as_of=date(2026, 11, 23), draws=100, seed=0,
    )  # fmt: skip
    added = {MORE_BENCHMARKS, *COMPARED}
    without = table.filter(~pl.col("group").is_in(list(added)))
    assert without.equals(DENSITY_GROWTH.cast(density_growth(five)))
    more = of_ruler(table, BENT_RULER)
    for basis in ("total", "active"):
        row, headline = more[MORE_BENCHMARKS, basis, "all"], more[ALL_BENCHMARKS, basis, "all"]
        assert all(f"{name} " in row["reason"] for name in ("MMLU", "MBPP", "GSM8K"))
        assert row["n_models"] > headline["n_models"]
        assert row["doubling_days_low"] < headline["doubling_days"] < row["doubling_days_high"]
        assert (row["simulated_coverage"], row["lowest_coverage"]) == (None, None)
        assert more["GSM8K", basis, "all"]["verdict"] == "ok"
    assert not added & set(table.filter(ruler=RULER)["group"])


def test_the_pooled_doubling_time_of_todays_facts(rows):
    total, active = (rows[ALL_BENCHMARKS, basis, "all"] for basis in ("total", "active"))
    # An independent computation on these models: 159 (110 to 291) by total, 126 (88 to 221) by active, where
    # lines may also hold models whose number of tokens is not known.
    assert total["doubling_days"] == pytest.approx(159, rel=0.1)
    assert active["doubling_days"] == pytest.approx(126, rel=0.15)
    for row in (total, active):
        assert row["doubling_days_high"] < 4 * row["doubling_days_low"]
        assert row["doubling_days_low"] < row["doubling_days_low_80"] < row["doubling_days"]
        assert row["doubling_days"] < row["doubling_days_high_80"] < row["doubling_days_high"]


def test_the_headline_is_the_pooled_row_by_bent_scales(table):
    headline = table.filter("is_headline").to_dicts()
    assert headline == [of_ruler(table, BENT_RULER)[ALL_BENCHMARKS, "total", "all"]]
    row = headline[0]
    assert row["doubling_days"] == pytest.approx(134, rel=0.05)
    # 3.3-fold with 1,000 resamples; these are 100.
    assert row["doubling_days_high"] < 6 * row["doubling_days_low"]
    assert "scales bent by 0.30" in row["reason"]
    assert 0 < row["growth_high_mc_error"] < 0.2 * (row["growth_high"] - row["growth_low"])
    found = coverage_of(POOLED_BENT_PERCENTILE, "total", "all")
    assert found is not None
    assert row["simulated_coverage"] == found.simulated_coverage >= 0.92


def test_a_spread_by_percentiles_is_that_of_a_normal_distribution_and_passes_outliers_by():
    rng = np.random.default_rng(3)
    drawn = rng.multivariate_normal([0.004] * 3, np.eye(3) * 1e-6 + 1e-6, 100_000)
    slopes = np.array([0.002, 0.004, 0.009])
    usual, percentiles = (
        pool(slopes, drawn, 10, np.ones(3), ("",) * 3, spread=spread)
        for spread in ("variance", "percentile")
    )
    assert percentiles.pace.variance == pytest.approx(usual.pace.variance, rel=0.02)
    assert percentiles.tau == pytest.approx(usual.tau, rel=0.02)
    # One resample in a thousand is a hundred times as far off.
    drawn[::1000] *= 100
    usual, again = (
        pool(slopes, drawn, 10, np.ones(3), ("",) * 3, spread=spread)
        for spread in ("variance", "percentile")
    )
    assert usual.pace.variance > 5 * percentiles.pace.variance
    assert again.pace.variance == pytest.approx(percentiles.pace.variance, rel=0.02)


def test_the_monte_carlo_error_is_what_ends_differ_by_between_seeds():
    rng = np.random.default_rng(5)
    found = [
        pool(np.full(3, 0.004), rng.normal(0.004, 1e-3, (400, 3)), 9, np.ones(3), ("",) * 3)
        for _ in range(200)
    ]
    differ = np.std([one.pace.interval(LEVEL)[1] for one in found])
    told = np.mean([monte_carlo_error(one)[1] for one in found])
    assert told == pytest.approx(differ, rel=0.25)
    assert monte_carlo_error(found[0]._replace(drawn=found[0].drawn[:39])) is None


def test_curved_scores_give_back_their_bend_and_the_pace():
    of = made_up()
    scaled = (of.logits - of.logits.mean(axis=0)) * 0.3
    curved = of._replace(logits=np.log1p(0.4 * scaled) / 0.4)
    found = pooled_growth(curved, draws=20, seed=1, bend="common")
    assert found.bends == pytest.approx([0.4] * 3, abs=0.1)
    assert found.pace.slope == pytest.approx(PACE, rel=0.03)


def test_a_pooled_row_says_what_it_is_the_mean_of(rows):
    row = rows[ALL_BENCHMARKS, "total", "all"]
    each = [rows[name, "total", "all"] for name in ("MMLU", "BBH", "MATH", "HumanEval", "MBPP")]
    assert row["growth_per_year"] == pytest.approx(
        np.mean([one["growth_per_year"] for one in each])
    )
    assert row["reason"].startswith(
        f"mean of the growth on each benchmark (MMLU {each[0]['growth_per_year']:.2f}"
    )
    assert row["n_models"] >= max(one["n_models"] for one in each)
    assert "(guessing) and 0.9994" in each[0]["reason"]


def test_a_window_has_the_models_of_its_days(rows):
    since, recent = (
        rows[ALL_BENCHMARKS, "total", name] for name in ("since-2023-02", "last-24-months")
    )
    assert since["first_release"] >= date(2023, 2, 1)
    newest = days_since_zero(recent["newest_release"])
    assert days_since_zero(recent["first_release"]) >= newest - 730
    assert recent["n_models"] < since["n_models"] < rows[ALL_BENCHMARKS, "total", "all"]["n_models"]


def test_a_night_without_scores_has_rows_with_the_reason(models_and_scores):
    models, scores = models_and_scores
    empty = pooled_scores(scores).clear()
    found = pooled_rows(
        models, empty, score_ranges(facts.load("reference_coefficients")),
        as_of=date(2026, 11, 23), draws=20, seed=0,
    )  # fmt: skip
    table = DENSITY_GROWTH.validate(density_growth(found))
    assert set(table["verdict"]) == {"insufficient"}
    assert table["reason"].str.contains("needed: ").all()


def test_a_pooled_row_carries_its_simulated_coverage(rows):
    for window in ("all", "since-2023-02", "last-24-months"):
        row = rows[ALL_BENCHMARKS, "total", window]
        found = coverage_of(POOLED, "total", window)
        assert found is not None
        assert row["simulated_coverage"] == found.simulated_coverage
        assert row["lowest_coverage_world"] == found.lowest_coverage_world
    assert rows["MMLU", "total", "all"]["simulated_coverage"] is None


@pytest.mark.parametrize("name", ["MMLU", "MATH"])
def test_lines_with_higher_scores_rise_less_with_size(name):
    """As docs/statistics.md says: the logit is not quite a line in ln N, so the pooled pace errs towards slow."""
    of = bundled_panel("total")
    lines = size_lines(of, of.benchmarks.index(name))
    logits = of.logits[lines.rows, of.benchmarks.index(name)]
    once = np.ones((1, of.days.size))
    mean = np.bincount(lines.member, logits) / np.bincount(lines.member)
    low, high = (
        (slope_weights(_some(lines, kept), once) @ logits[kept]).item()
        for kept in (mean[lines.member] < np.median(mean), mean[lines.member] >= np.median(mean))
    )
    assert high < low


def _some(lines: SizeLines, kept: np.ndarray) -> SizeLines:
    _, member = np.unique(lines.member[kept], return_inverse=True)
    return SizeLines(lines.rows[kept], member, lines.ln_params[kept], int(member.max()) + 1)
