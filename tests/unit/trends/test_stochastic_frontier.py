"""The stochastic frontier against scipy and against frontiers whose truth is known."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import exponnorm

from densing_pipeline.trends.frontier_sums import Models
from densing_pipeline.trends.stochastic_frontier import (
    _negative_log_likelihood,
    frontier_line,
)


def made_up(n: int, seed: int, shortfall: float = 1.0, noise: float = 0.3):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 800, n))
    y = 1 + 0.0066 * x + noise * rng.normal(size=n) - rng.exponential(shortfall, n)
    return x, y


def likelihood(theta, x, y):
    """Density of noise minus an exponential shortfall, by scipy."""
    noise, shortfall = np.exp(theta[2:])
    error = y - theta[0] - theta[1] * x / 100
    return -exponnorm.logpdf(-error, shortfall / noise, scale=noise).sum()


def test_nothing_is_likelier_than_our_line():
    x, y = made_up(80, seed=0)
    slope, intercept = frontier_line(x, y, np.ones((1, 80)))
    start = [intercept[0], 100 * slope[0], np.log(0.3), 0.0]
    best = minimize(likelihood, start, args=(x, y), method="Nelder-Mead",
                    options={"maxiter": 4000, "xatol": 1e-8, "fatol": 1e-10})  # fmt: skip
    assert slope[0] == pytest.approx(best.x[1] / 100, rel=1e-3)
    assert intercept[0] == pytest.approx(best.x[0], abs=5e-3)


def test_a_known_frontier_is_recovered():
    x, y = made_up(2000, seed=1)
    slope, intercept = frontier_line(x, y, np.ones((1, 2000)))
    assert slope[0] == pytest.approx(0.0066, rel=0.03)
    assert intercept[0] == pytest.approx(1, abs=0.1)


def test_without_a_shortfall_the_line_is_least_squares():
    rng = np.random.default_rng(3)
    x = np.linspace(0, 800, 60)
    y = 0.005 * x + rng.normal(size=60) + 0.5 * rng.exponential(size=60)
    slope, _ = frontier_line(x, y, np.ones((1, 60)))
    assert slope[0] == pytest.approx(np.polyfit(x, y, 1)[0], rel=0.02)


def test_a_weight_of_two_is_a_model_twice():
    x, y = made_up(40, seed=4)
    twice = np.concatenate([np.arange(40), [5, 11, 12]])
    weighted = frontier_line(x, y, np.bincount(twice).astype(float)[None])
    doubled = frontier_line(x[twice], y[twice], np.ones((1, 43)))
    assert weighted[0] == pytest.approx(doubled[0], rel=1e-3)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.empty(0), np.empty(0)),
        (np.array([5.0]), np.array([1.0])),
        (np.full(9, 5.0), np.arange(9.0)),
        (np.arange(9.0), 2 * np.arange(9.0)),
        (np.arange(9.0), np.zeros(9)),
    ],
)
def test_models_that_leave_no_shortfall_to_see_carry_no_frontier(x, y):
    slope, intercept = frontier_line(x, y, np.ones((3, x.size)))
    assert np.isnan(slope).all()
    assert np.isnan(intercept).all()


def test_a_resample_on_one_day_carries_no_frontier():
    x, y = made_up(20, seed=5)
    weights = np.zeros((2, 20))
    weights[0, 3] = 20
    weights[1] = 1
    slope, _ = frontier_line(x, y, weights)
    assert np.isnan(slope[0])
    assert np.isfinite(slope[1])


@pytest.mark.parametrize("noise", [0.01, 0.3, 3.0])
@pytest.mark.parametrize("shortfall", [0.01, 1.0, 5.0])
def test_derivatives_are_those_of_the_likelihood_to_its_bounds(noise, shortfall):
    x = np.linspace(-1.7, 1.7, 30)
    y = np.random.default_rng(7).normal(size=(1, 30))
    weights = np.random.default_rng(8).poisson(1, (1, 30)).astype(float)
    theta = np.array([0.5, 0.1, np.log(noise), np.log(shortfall)])
    models, only = Models.of(x, y, weights, np.zeros(1, np.intp)), np.zeros(1, np.intp)
    _, gradient, curvature = _negative_log_likelihood(models, theta[None], only)
    for i in range(4):
        above, below = (
            _negative_log_likelihood(models, (theta + step * np.eye(4)[i])[None], only)
            for step in (1e-5, -1e-5)
        )
        rise = (above[0] - below[0])[0] / 2e-5
        assert gradient[0, i] == pytest.approx(rise, rel=1e-6, abs=1e-4)
        bend = (above[1] - below[1])[0] / 2e-5
        assert curvature[0, i] == pytest.approx(bend, rel=1e-6, abs=1e-3 * abs(bend).max())
