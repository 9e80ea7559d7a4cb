"""On frontiers whose truth is known the estimators do what the documentation says."""

import numpy as np
import pytest

from densing_pipeline.trends.simulate import (
    NOISES,
    SIZES,
    Design,
    frontiers,
    simulated,
    spread_design,
)

pytestmark = pytest.mark.heavy


def test_shortfalls_are_exponential_and_shared_within_a_family():
    rng = np.random.default_rng(0)
    families = np.repeat([f"family {i}" for i in range(20_000)], 2)
    shortfall = -frontiers(np.zeros(40_000), tuple(families), rng, 1, noise=0.0)[0]
    assert shortfall.min() > 0
    assert shortfall.mean() == pytest.approx(1, abs=0.02)
    assert shortfall.std() == pytest.approx(1, abs=0.03)
    within = np.corrcoef(shortfall[::2], shortfall[1::2])[0, 1]
    assert within == pytest.approx(1 / 3, abs=0.03)


def test_a_result_is_reproducible_and_remembered():
    few = {"seed": 3, "simulations": 5, "resamples": 20}
    first = simulated("quantile-0.9", spread_design(20, seed=1), **few)
    assert simulated("quantile-0.9", spread_design(20, seed=1), **few) is first
    simulated.cache_clear()
    assert simulated("quantile-0.9", spread_design(20, seed=1), **few) == first


def test_a_design_is_the_same_for_all_series_that_share_their_dates_and_families():
    days, families = np.array([0.0, 10.0, 10.0]), ("a", "c", "b")
    assert Design.of(days, families) == Design.of(days[[0, 2, 1]], ("a", "b", "c"), (0.0, 10.0))
    assert Design.of(days, families, (5.0, 10.0)).window == (5.0, 10.0)


def test_only_the_families_of_the_window_count_for_how_wide_an_interval_must_be():
    """Twenty families before the window and five in it are five clusters, not twenty-five."""
    rng = np.random.default_rng(0)
    days = np.sort(np.concatenate([rng.integers(-600, 0, 40), rng.integers(0, 600, 40)]))
    families = [f"old {i % 20}" if day < 0 else f"new {i % 5}" for i, day in enumerate(days)]
    design = Design.of(days.astype(float), families, (0.0, 600.0))
    with_history = simulated("ols-all", design, seed=0, simulations=60)
    own = days >= 0
    alone = Design.of(
        days[own].astype(float), [f for f, kept in zip(families, own, strict=True) if kept]
    )
    # Weights of the window's families differ, for history takes part in the draw; the width does not.
    assert (
        with_history.coverage >= simulated("ols-all", alone, seed=0, simulations=60).coverage - 0.1
    )


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("n", SIZES)
def test_the_headline_interval_covers_a_known_doubling_time_at_its_stated_rate(n, noise):
    """The study of docs/statistics.md, with as many frontiers as decide it (standard error .007)."""
    bias, coverage = simulated(
        "quantile-0.9", spread_design(n, n), seed=0, noise=noise, simulations=1000, resamples=200
    )
    assert abs(bias) < 0.03
    assert 0.92 <= coverage <= 0.985


@pytest.mark.slow
def test_the_papers_estimator_is_too_steep_and_too_sure():
    bias, coverage = simulated(
        "paper", spread_design(100, seed=100), seed=0, noise=0.6, simulations=300, resamples=200
    )
    assert bias > 0.08
    assert coverage < 0.8
