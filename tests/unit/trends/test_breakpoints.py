"""The kink test against textbook formulas, and on frontiers whose truth is known."""

import numpy as np
import pytest

from densing_pipeline.trends.breakpoints import (
    bootstrap_p,
    candidates,
    f_statistics,
    kinked_slopes,
    rates,
    webb,
)
from densing_pipeline.trends.simulate import spread_design


@pytest.fixture
def sample():
    rng = np.random.default_rng(3)
    days = np.sort(rng.integers(0, 700, 60)).astype(float)
    return days, 0.005 * days + rng.normal(0, 0.5, 60)


def test_f_is_that_of_two_nested_regressions(sample):
    days, values = sample
    dates = np.array([200.0, 350.0])
    line = np.stack([np.ones_like(days), days], axis=1)
    for date, f in zip(dates, f_statistics(days, values[None], dates)[0], strict=True):
        kink = np.column_stack([line, np.maximum(days - date, 0)])
        straight, bent = (np.linalg.lstsq(x, values)[1][0] for x in (line, kink))
        assert f == pytest.approx((straight - bent) / (bent / (days.size - 3)))


def test_kinked_slopes_are_weighted_least_squares_at_the_best_date(sample):
    days, values = sample
    weights = np.random.default_rng(0).integers(0, 3, (5, days.size)).astype(float)
    dates = candidates(days)
    before, after, at = kinked_slopes(days, values, weights, dates)
    for row, weight in enumerate(weights):
        fits = []
        for date in dates:
            x = np.stack([np.ones_like(days), days, np.maximum(days - date, 0)], axis=1)
            root = np.sqrt(weight)
            found, rss, *_ = np.linalg.lstsq(x * root[:, None], values * root)
            fits.append((rss[0], date, found))
        _, date, (_, slope, change) = min(fits, key=lambda fit: fit[0])
        assert at[row] == date
        assert before[row] == pytest.approx(slope)
        assert after[row] == pytest.approx(slope + change)


def test_models_of_one_side_alone_fix_no_kink(sample):
    days, values = sample
    weights = (days < 300).astype(float)[None]
    before, after, _ = kinked_slopes(days, values, weights, np.array([400.0]))
    assert np.isnan([before[0], after[0]]).all()


def test_candidates_leave_15_percent_of_the_models_on_either_side():
    days = np.arange(100.0)
    assert candidates(days)[[0, -1]].tolist() == [15, 85]
    assert candidates(np.full(20, 5.0)).size == 0
    assert candidates(np.empty(0)).size == 0


def test_a_line_that_doubles_its_slope_is_found_and_a_straight_one_is_not():
    days = np.arange(0, 700, 7.0)
    families = [f"family {i % 10}" for i in range(days.size)]
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.2, days.size)
    weights = webb(families, 499, rng)
    bent = 0.005 * days + 0.005 * np.maximum(days - 350, 0) + noise
    assert bootstrap_p(days, bent, families, candidates(days), weights)[1] < 0.01
    assert bootstrap_p(days, 0.005 * days + noise, families, candidates(days), weights)[1] > 0.05


def test_webb_weights_have_mean_zero_and_variance_one():
    weights = webb(["a", "b", "c"] * 4, 20_000, np.random.default_rng(0))
    assert weights.shape == (20_000, 3)
    assert np.allclose(weights.mean(axis=0), 0, atol=0.03)
    assert np.allclose(weights.var(axis=0), 1, atol=0.03)


def test_the_searched_test_holds_its_size_and_has_little_power_at_51_models():
    """An F table would reject a straight line 45 % of the time."""
    design = spread_design(51, 51)
    size, power = rates(design.days, design.families, None, 0)
    assert 0.02 < size < 0.09
    assert size < power < 0.4
