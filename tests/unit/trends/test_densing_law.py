"""The densing law over the paper's models, over bundled models, and over bad input."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.drawn_law import COEFFICIENTS, DrawnLaw
from densing_pipeline.density.law import ReferenceLaw
from densing_pipeline.density.score_sets import SCORE_SETS
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import DENSING_LAW
from densing_pipeline.trends.densing_law import SHORT, SHORT_WINDOWS, densing_law
from densing_pipeline.trends.estimators import TREND_ESTIMATORS
from densing_pipeline.trends.series import LONGEST_DAYS

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="session")
def law(real_densities: pl.DataFrame, as_of: date) -> pl.DataFrame:
    return densing_law(real_densities, as_of=as_of, draws=100, seed=0, simulations=20)


def row(law: pl.DataFrame, estimate_id: str) -> dict:
    return law.row(by_predicate=pl.col("estimate_id") == estimate_id, named=True)


def test_the_table_is_valid(law):
    DENSING_LAW.validate(law)
    assert law["is_headline"].sum() == 1


def test_the_papers_number_comes_out(law):
    paper = row(law, "nmi-2025/nmi-2025-average/nonembedding/all/paper")
    assert paper["verdict"] == "ok"
    assert (paper["n_models"], paper["n_points"]) == (51, 9)
    assert paper["slope_per_day"] == pytest.approx(0.006529, abs=5e-6)
    assert paper["intercept"] == pytest.approx(-2.6113, abs=5e-4)
    assert paper["r_squared"] == pytest.approx(0.9340, abs=5e-5)
    assert paper["doubling_days"] == pytest.approx(106.2, abs=0.05)


def test_the_window_of_the_paper_holds_all_of_its_models(law):
    everything, own = (
        row(law, f"nmi-2025/nmi-2025-average/nonembedding/{window}/paper")
        for window in ("all", "nmi-2025")
    )
    assert own["slope_per_day"] == everything["slope_per_day"]


def test_at_one_trillion_reference_tokens_density_doubles_in_94_days(law):
    paper = row(law, "nmi-2025-v2/nmi-2025-average/nonembedding/all/paper")
    assert paper["doubling_days"] == pytest.approx(94, abs=0.5)


def test_the_other_minimum_doubles_in_147_days(law):
    paper = row(law, "nmi-2025-refit/nmi-2025-average/nonembedding/all/paper")
    assert paper["doubling_days"] == pytest.approx(147, abs=1)


def test_a_refit_in_the_published_minimum_changes_little(law):
    paper = row(law, "nmi-2025-refit-local/nmi-2025-average/nonembedding/all/paper")
    assert paper["doubling_days"] == pytest.approx(106.2, abs=0.5)


def test_every_series_has_a_row_for_every_window_and_estimator(law):
    windows = law["window"].n_unique()
    main = law.filter(pl.col("score_set").is_in(list(SCORE_SETS)), pl.col("population") == "all")
    series = main.select("reference_id", "score_set", "params_basis").n_unique()
    assert main.height == series * windows * len(TREND_ESTIMATORS)
    unknown = row(law, "nmi-2025/nmi-2025-average/total/all/paper")
    assert unknown["verdict"] == "insufficient"
    assert "no model in the window has both" in unknown["reason"]


def test_single_benchmarks_have_three_estimators_over_two_windows(law):
    single = law.filter(pl.col("score_set") == "math", pl.col("population") == "all")
    assert set(single["estimator"]) == set(SHORT)
    assert set(single["window"]) == set(SHORT_WINDOWS)
    assert single["reference_id"].unique().to_list() == ["nmi-2025"]


def test_mmlu_reaches_2026_and_its_pace_depends_on_the_parameters_counted(law):
    """Method 4: 198 days by total and 128 by active parameters, within what pooling of scores moves."""
    total, active = (
        row(law, f"nmi-2025/mmlu/{basis}/all/quantile-0.9") for basis in ("total", "active")
    )
    assert total["newest_release"] == active["newest_release"] == date(2026, 8, 26)
    assert total["n_models"] >= 205
    assert total["doubling_days"] == pytest.approx(198, rel=0.05)
    assert active["doubling_days"] == pytest.approx(128, rel=0.05)


def test_open_weights_are_a_population_of_their_own(law):
    everything = row(law, "nmi-2025/mmlu/total/all/quantile-0.9")
    open_weights = row(law, "nmi-2025/mmlu/total/all/quantile-0.9/open-weights")
    assert open_weights["population"] == "open-weights"
    assert 0 < everything["n_models"] - open_weights["n_models"] < 20
    assert open_weights["newest_release"] < everything["newest_release"]
    assert not open_weights["is_headline"]
    populations = law.filter(pl.col("score_set") == "nmi-2025-average")["population"]
    assert populations.unique().to_list() == ["all"], "all of the paper's models are open"


def test_an_insufficient_row_carries_no_number(law):
    insufficient = law.filter(pl.col("verdict") == "insufficient")
    assert insufficient.height > 0
    numbers = ["slope_per_day", "slope_low", "slope_high", "intercept", "doubling_days",
               "doubling_days_low", "doubling_days_high", "r_squared", "simulated_bias"]  # fmt: skip
    assert insufficient.select(pl.all_horizontal(pl.col(numbers).is_null()).all()).item()
    assert (insufficient["reason"].str.len_chars() > 0).all()


def test_the_doubling_interval_inverts_the_slope_interval(law):
    """Beyond ten years it is open."""
    ok = law.filter(pl.col("verdict") == "ok")
    slowest = np.log(2) / LONGEST_DAYS
    told = ok.filter(pl.col("slope_low") >= slowest)
    assert np.allclose(told["doubling_days_high"], np.log(2) / told["slope_low"])
    assert np.allclose(told["doubling_days_low"], np.log(2) / told["slope_high"])
    is_open = ok.filter(pl.col("slope_low") < slowest)
    assert is_open.height > 0
    assert is_open["doubling_days_high"].null_count() == is_open.height


def test_every_estimate_says_how_good_it_is(law):
    simulated = law.filter(pl.col("verdict") == "ok")
    assert simulated["simulated_coverage_law_known"].null_count() == 0
    assert simulated["window"].n_unique() > 1
    headline = law.filter("is_headline").row(0, named=True)
    assert abs(headline["simulated_bias"]) < 0.1
    assert headline["simulated_coverage_law_known"] > 0.8
    assert headline["slope_low"] < headline["slope_low_80"] < headline["slope_high_80"]


def test_the_same_seed_gives_the_same_table(headline_series, as_of):
    rng = np.random.default_rng(0)
    frame = headline_series(range(0, 700, 10), rng.normal(size=70))
    first, again, other = (
        densing_law(frame, as_of=as_of, draws=50, seed=seed, simulations=2) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first["slope_low"].equals(other["slope_low"])


def test_models_released_after_the_day_are_unknown(headline_series):
    days = list(range(0, 700, 10))
    frame = headline_series(days, [0.006 * day for day in days])
    known = densing_law(
        frame, as_of=DAY_ZERO + timedelta(days=300), draws=40, seed=0, simulations=2
    )
    assert known.filter("is_headline")["n_models"].item() == 31


HEADLINE = "nmi-2025/nmi-2025-average/nonembedding/all/"

BAD_SERIES = {
    "no model": ([], []),
    "one model": ([0], [0.0]),
    "two models": ([0, 100], [0.0, 1.0]),
    "all on one day": ([50] * 20, list(np.linspace(0, 1, 20))),
    "identical scores": (list(range(0, 200, 10)), [0.3] * 20),
    "all censored": (list(range(0, 200, 10)), [None] * 20),
}


@pytest.fixture(scope="module", params=BAD_SERIES)
def bad(request, headline_series, as_of):
    """A bad series by name, and the table made of it."""
    series = headline_series(*BAD_SERIES[request.param])
    return request.param, densing_law(series, as_of=as_of, draws=40, seed=0, simulations=2)


@pytest.mark.parametrize("estimator", TREND_ESTIMATORS)
def test_a_series_that_carries_no_trend_says_why(bad, estimator):
    name, law = bad
    DENSING_LAW.validate(law)
    found = row(law, HEADLINE + estimator)
    assert found["verdict"] == "insufficient"
    assert found["slope_per_day"] is None
    reasons = {
        "no model": "no model", "one model": "density: 1, needed: 8", "two models": "density: 2, needed: 8",
        "all on one day": "release days: 1, needed: 3", "identical scores": "same density",
        "all censored": "all 20 models are censored",
    }  # fmt: skip
    assert reasons[name] in found["reason"]


def test_too_few_families_carry_no_interval(headline_series, as_of):
    days = list(range(0, 700, 10))
    frame = headline_series(days, [0.006 * day for day in days], ["one", "two"] * 35)
    found = row(
        densing_law(frame, as_of=as_of, draws=40, seed=0, simulations=2), HEADLINE + "quantile-0.9"
    )
    assert found["reason"] == "model families: 2, needed: 5"


def test_without_a_record_after_the_first_only_the_paper_has_nothing_to_say(headline_series, as_of):
    days = list(range(0, 700, 10))
    frame = headline_series(days, [-0.001 * day for day in days])
    law = densing_law(frame, as_of=as_of, draws=50, seed=0, simulations=2)
    paper = row(law, HEADLINE + "paper")
    assert paper["verdict"] == "insufficient"
    assert paper["reason"] == "records in the window: 1, needed: 6"
    falling = row(law, HEADLINE + "quantile-0.9")
    assert falling["verdict"] == "ok"
    assert falling["slope_per_day"] == pytest.approx(-0.001)
    assert falling["doubling_days"] is None
    assert falling["doubling_days_high"] is None


def test_a_known_trend_is_recovered(headline_series, as_of):
    days = list(range(0, 700, 10))
    law = densing_law(
        headline_series(days, [np.log(2) / 105 * day for day in days]),
        as_of=as_of,
        draws=50,
        seed=0,
        simulations=2,
    )
    for estimator in TREND_ESTIMATORS.keys() - {"monthly-max", "frontier-exponential"}:
        assert row(law, HEADLINE + estimator)["doubling_days"] == pytest.approx(105)
    # A month counts on its middle day, whichever day its densest model came out.
    assert row(law, HEADLINE + "monthly-max")["doubling_days"] == pytest.approx(105, rel=1e-3)


def test_models_that_all_lie_on_the_line_have_no_frontier_above_them(headline_series, as_of):
    days = list(range(0, 700, 10))
    frame = headline_series(days, [0.006 * day for day in days])
    law = densing_law(frame, as_of=as_of, draws=40, seed=0, simulations=2)
    found = row(law, HEADLINE + "frontier-exponential")
    assert found["verdict"] == "insufficient"
    assert found["reason"] == "the models of the window fix no line by this estimator"


def test_the_frontier_is_estimated_over_all_models_only(law):
    frontiers = law.filter(pl.col("estimator") == "frontier-exponential")
    assert set(frontiers.filter(pl.col("verdict") == "ok")["window"]) == {"all"}
    headline = row(law, HEADLINE + "frontier-exponential")
    assert headline["slope_low"] < headline["slope_per_day"] < headline["slope_high"]


def test_an_interval_that_covers_too_little_carries_a_warning(law):
    known = law.filter(pl.col("simulated_coverage_law_known").is_not_null())
    narrow = known["simulated_coverage_law_known"] < 0.92
    warned = known["reason"].str.contains("warning: with the law known the interval is too narrow")
    assert (warned == narrow).all()
    assert warned.any()
    wide = known["simulated_coverage_law_known"] > 0.98
    assert (
        known["reason"].str.contains("warning: with the law known the interval is too wide") == wide
    ).all()


def test_four_records_are_no_trend(headline_series, as_of):
    """A line through four records covers a quarter of the time on simulated frontiers, and says 95 %."""
    days = list(range(0, 700, 10))
    values = [float(min(day // 150, 3)) - 0.01 * (day % 150 > 0) for day in days]
    law = densing_law(headline_series(days, values), as_of=as_of, draws=50, seed=0, simulations=2)
    assert row(law, HEADLINE + "paper")["reason"] == "records in the window: 4, needed: 6"


def test_the_error_of_the_reference_law_widens_the_interval(headline_series, as_of):
    """Every resample goes with a draw of the law; the slope goes with 1 / alpha."""
    rng = np.random.default_rng(0)
    days = list(range(0, 700, 10))
    frame = headline_series(days, [0.0066 * day - rng.exponential(0.5) for day in days])
    law = facts.load("reference_coefficients").row(
        by_predicate=(pl.col("reference_id") == "nmi-2025") & (pl.col("benchmark") == "AVERAGE"),
        named=True,
    )
    own = ReferenceLaw.from_row(law)
    scores = own.score(frame["effective_params"].to_numpy())
    frame = frame.with_columns(score=pl.Series(scores))
    coefficients = np.array([[law[name] for name in COEFFICIENTS]] * 40)
    exact = {("nmi-2025", "nmi-2025-average"): DrawnLaw(coefficients, own.reference_tokens)}
    coefficients = coefficients.copy()
    coefficients[:, 1] *= np.linspace(0.7, 1.3, 40)
    drawn = {("nmi-2025", "nmi-2025-average"): DrawnLaw(coefficients, own.reference_tokens)}
    tables = [
        densing_law(frame, as_of=as_of, draws=100, seed=0, laws=laws, simulations=2)
        for laws in ({}, exact, drawn)
    ]
    without, same, whole = (row(table, HEADLINE + "quantile-0.9") for table in tables)
    DENSING_LAW.validate(tables[2])
    for known in (same, whole):
        assert known["slope_low_law_known"] == pytest.approx(without["slope_low"])
        assert known["slope_high_law_known"] == pytest.approx(without["slope_high"])
    assert same["slope_low"] == pytest.approx(without["slope_low"], rel=1e-6)
    width = whole["slope_high"] - whole["slope_low"]
    assert width > 1.2 * (whole["slope_high_law_known"] - whole["slope_low_law_known"])
    assert "its error is left out" in without["reason"]
    assert "its error is left out" not in whole["reason"]


def test_the_interval_is_published_without_draws_of_another_minimum_too(headline_series, as_of):
    """Every second draw of the law is a steep one in another minimum, which triples the slope."""
    rng = np.random.default_rng(0)
    days = list(range(0, 700, 10))
    frame = headline_series(days, [0.0066 * day - rng.exponential(0.5) for day in days])
    law = facts.load("reference_coefficients").row(
        by_predicate=(pl.col("reference_id") == "nmi-2025") & (pl.col("benchmark") == "AVERAGE"),
        named=True,
    )
    own = ReferenceLaw.from_row(law)
    frame = frame.with_columns(score=pl.Series(own.score(frame["effective_params"].to_numpy())))
    coefficients = np.array([[law[name] for name in COEFFICIENTS]] * 40)
    coefficients[1::2, 1] /= 3
    key = ("nmi-2025", "nmi-2025-average")
    rows = []
    for jumped in (np.arange(40) % 2 == 1, np.zeros(40, dtype=bool), None):
        laws = {key: DrawnLaw(coefficients, own.reference_tokens, jumped)}
        made = densing_law(frame, as_of=as_of, draws=200, seed=0, laws=laws, simulations=2)
        DENSING_LAW.validate(made)
        rows.append(row(made, HEADLINE + "quantile-0.9"))
    half, nobody, unknown = rows
    assert half["slope_high"] > 2 * half["slope_high_own_minimum"]
    assert half["slope_high_own_minimum"] == pytest.approx(half["slope_high_law_known"], rel=0.1)
    assert nobody["slope_high_own_minimum"] == nobody["slope_high"] == half["slope_high"]
    assert half["doubling_days_low_own_minimum"] == pytest.approx(
        np.log(2) / half["slope_high_own_minimum"]
    )
    assert unknown["slope_high_own_minimum"] is None


def test_the_headline_says_how_far_its_ends_are_drawn(headline_series, as_of):
    rng = np.random.default_rng(0)
    days = list(range(0, 700, 10))
    frame = headline_series(days, [0.0066 * day - rng.exponential(0.5) for day in days])
    seeds = [
        densing_law(frame, as_of=as_of, draws=100, seed=seed, simulations=2)
        for seed in (1, 2, 3, 4)
    ]
    rows = [row(law, HEADLINE + "quantile-0.9") for law in seeds]
    assert {one["draws"] for one in rows} == {2000}
    spread = np.std([one["slope_low"] for one in rows], ddof=1)
    assert spread < 5 * np.mean([one["slope_low_mc_error"] for one in rows])
    others = seeds[0].filter(~pl.col("is_headline"))
    assert others["slope_low_mc_error"].null_count() == others.height


def test_differences_of_rounding_are_no_trend(headline_series, as_of):
    days = list(range(0, 700, 10))
    frame = headline_series(days, [1.0 + 1e-13 * day for day in days])
    law = densing_law(frame, as_of=as_of, draws=40, seed=0, simulations=2)
    assert row(law, HEADLINE + "quantile-0.9")["reason"] == "all models have the same density"


def test_densities_that_are_no_numbers_are_left_out(headline_series, as_of):
    rng = np.random.default_rng(0)
    days = list(range(0, 700, 10))
    good = headline_series(days, [0.0066 * day - rng.exponential(0.5) for day in days])
    bad = good.head(3).with_columns(
        density=pl.Series([float("nan"), float("inf"), 0.0]),
        model_id=pl.format("{}-bad", "model_id"),
    )
    with_bad = densing_law(pl.concat([good, bad]), as_of=as_of, draws=40, seed=0, simulations=2)
    DENSING_LAW.validate(with_bad)
    alone = densing_law(good, as_of=as_of, draws=40, seed=0, simulations=2)
    columns = ["slope_per_day", "slope_low", "slope_high", "n_models"]
    assert with_bad.select(columns).equals(alone.select(columns))
