"""On frontiers whose truth is known the estimators do what the documentation says."""

import numpy as np
import pytest

from densing_pipeline.trends.simulate import design, frontier, simulated


def test_shortfalls_are_exponential_and_shared_within_a_family():
    rng = np.random.default_rng(0)
    families = np.repeat([f"family {i}" for i in range(20_000)], 2)
    shortfall = -frontier(np.zeros(40_000), tuple(families), rng, noise=0.0)
    assert shortfall.min() > 0
    assert shortfall.mean() == pytest.approx(1, abs=0.02)
    assert shortfall.std() == pytest.approx(1, abs=0.03)
    within = np.corrcoef(shortfall[::2], shortfall[1::2])[0, 1]
    assert within == pytest.approx(1 / 3, abs=0.03)


def test_a_result_is_reproducible_and_remembered():
    few = {"seed": 3, "simulations": 5, "resamples": 20}
    first = simulated("quantile-0.9", *design(20, seed=1), **few)
    assert simulated("quantile-0.9", *design(20, seed=1), **few) is first
    simulated.cache_clear()
    assert simulated("quantile-0.9", *design(20, seed=1), **few) == first


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("n", [51, 100])
def test_the_headline_interval_covers_a_known_doubling_time_at_its_stated_rate(n, noise):
    bias, coverage = simulated(
        "quantile-0.9", *design(n, seed=n), seed=0, noise=noise, simulations=300, resamples=400
    )
    assert abs(bias) < 0.03
    assert 0.90 <= coverage <= 0.99


@pytest.mark.slow
def test_the_papers_estimator_is_too_steep_and_too_sure():
    bias, coverage = simulated(
        "paper", *design(100, seed=100), seed=0, noise=0.6, simulations=300, resamples=200
    )
    assert bias > 0.08
    assert coverage < 0.8
