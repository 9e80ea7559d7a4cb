"""Quantile lines are exact: a linear program finds nothing better."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from densing_pipeline.stats import descent
from densing_pipeline.stats.quantile import quantile_line


def check_loss(x, y, tau, weights, slope, intercept) -> float:
    residual = y - intercept - slope * x
    return float(np.sum(weights * np.maximum(tau * residual, (tau - 1) * residual)))


def least_loss(x, y, tau, weights) -> float:
    """The optimum of the linear program of Koenker and Bassett."""
    n = x.size
    rows = np.hstack([np.stack([np.ones(n), -np.ones(n), x, -x], axis=1), np.eye(n), -np.eye(n)])
    cost = np.concatenate([np.zeros(4), tau * weights, (1 - tau) * weights])
    solution = linprog(cost, A_eq=rows, b_eq=y, bounds=(0, None), method="highs")
    assert solution.success
    return float(solution.fun)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95]))
def test_no_line_has_a_smaller_loss(seed, tau):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    # Days and values on a lattice: duplicated days, ties and collinear points are the rule.
    x = rng.integers(0, rng.integers(2, 700), n).astype(float)
    y = np.round(rng.normal(size=n), int(rng.integers(0, 8)))
    weights = rng.multinomial(n, np.full(n, 1 / n), size=3).astype(float)
    slopes, intercepts = quantile_line(x, y, tau, weights)
    for w, slope, intercept in zip(weights, slopes, intercepts, strict=True):
        if np.unique(x[w > 0]).size < 2:
            assert np.isnan(slope)
            assert np.isnan(intercept)
        else:
            ours = check_loss(x, y, tau, w, slope, intercept)
            assert ours == pytest.approx(least_loss(x, y, tau, w), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("orders", [1, 7])
def test_room_for_the_slopes_through_few_points_changes_no_line(monkeypatch, orders):
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 800, 60).astype(float), rng.normal(size=(3, 60))
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=50).astype(float)
    versions = np.arange(50) % 3
    together = quantile_line(x, y, 0.9, weights, versions)
    monkeypatch.setattr(descent, "ORDERS_AT_ONCE", 60 * orders)
    np.testing.assert_array_equal(together, quantile_line(x, y, 0.9, weights, versions))


def test_machine_code_finds_what_the_same_steps_in_python_find():
    rng = np.random.default_rng(6)
    x, y = rng.integers(0, 30, 20).astype(float), rng.normal(size=(4, 20))
    weights = rng.multinomial(20, np.full(20, 1 / 20), size=8).astype(float)
    loops: Any = descent
    order, slopes = np.tile(np.arange(20), (20, 1)), np.empty(20)
    loops._order_slopes.py_func(x, y[2], 5, order[5], slopes)
    is_other = x[order[5]] != x[5]
    expected = (y[2] - y[2, 5])[order[5]][is_other] / (x - x[5])[order[5]][is_other]
    np.testing.assert_array_equal(slopes[is_other], np.sort(expected))
    found = loops._next_point(x, weights[0], order[5], 5, 0.3)
    assert loops._next_point.py_func(x, weights[0], order[5], 5, 0.3) == found
    arguments = (x, y, np.array([0.5, 0.9]), weights, np.arange(8) % 4, np.arange(8))
    guesses = np.zeros((2, 4), np.intp)
    both = []
    for descend in (loops._descend, loops._descend.py_func):
        points = np.empty((2, 2, 8), np.intp)
        kept = order, np.full(20, -1), np.full(20, -1), slopes
        descend(*arguments, guesses, *kept, points[0], points[1])
        both.append(points)
    np.testing.assert_array_equal(*both)


def test_the_median_ignores_an_outlier():
    x = np.arange(9.0)
    y = 2 * x + 1
    y[4] = 1000.0
    slope, intercept = quantile_line(x, y, 0.5)
    assert slope[0] == pytest.approx(2)
    assert intercept[0] == pytest.approx(1)


def test_the_ninth_decile_leaves_a_tenth_above():
    rng = np.random.default_rng(2)
    x, y = rng.random(1000), rng.normal(size=1000)
    slope, intercept = quantile_line(x, y, 0.9)
    above = np.sum(y > intercept[0] + slope[0] * x + 1e-12)
    assert 98 <= above <= 100


def test_a_weight_of_two_is_a_point_twice():
    rng = np.random.default_rng(3)
    x, y = rng.random(20), rng.normal(size=20)
    twice = np.concatenate([np.arange(20), [3, 7]])
    weights = np.bincount(twice).astype(float)[None]
    line = [part[0] for part in quantile_line(x, y, 0.8, weights)]
    doubled = [part[0] for part in quantile_line(x[twice], y[twice], 0.8)]
    assert line == pytest.approx(doubled)


def test_constant_values_give_a_flat_line():
    slope, intercept = quantile_line(np.arange(6.0), np.full(6, 3.0), 0.9)
    assert slope[0] == 0
    assert intercept[0] == 3


@pytest.mark.parametrize("x", [[], [1.0], [1.0, 1.0, 1.0]])
def test_points_on_one_day_carry_no_line(x):
    slope, intercept = quantile_line(np.array(x), np.zeros(len(x)), 0.9)
    assert np.isnan(slope).all()
    assert np.isnan(intercept).all()


def test_bad_arguments_are_named():
    x = np.arange(3.0)
    with pytest.raises(ValueError, match="tau must lie inside"):
        quantile_line(x, x, 1.0)
    with pytest.raises(ValueError, match="must be finite"):
        quantile_line(x, np.array([0, np.nan, 1]), 0.5)
    with pytest.raises(ValueError, match=r"weights \(B, n\)"):
        quantile_line(x, x, 0.5, np.ones((2, 4)))


@pytest.mark.parametrize("points", [3, 10, 60])
def test_values_of_each_weighting_give_the_line_of_each(points):
    """Ties in x and y, weights of 0: the loss is that of one line at a time."""
    rng = np.random.default_rng(points)
    x = np.sort(rng.integers(0, 30, points)).astype(float)
    y = rng.normal(size=(40, points)).round(1) - 0.05 * x
    weights = rng.multinomial(points, np.full(points, 1 / points), 40).astype(float)
    slopes, intercepts = quantile_line(x, y, 0.9, weights, np.arange(40))
    for row in range(40):
        slope, intercept = quantile_line(x, y[row], 0.9, weights[row : row + 1])
        if np.isnan(slope[0]):
            assert np.isnan(slopes[row])
            continue
        own = check_loss(x, y[row], 0.9, weights[row], slopes[row], intercepts[row])
        assert own == pytest.approx(
            check_loss(x, y[row], 0.9, weights[row], slope[0], intercept[0]), abs=1e-9
        )


@pytest.mark.parametrize("versions", [[0, 1], [0, -1]])
def test_every_weighting_needs_a_version_that_is_there(versions):
    with pytest.raises(ValueError, match="must be"):
        quantile_line(np.arange(4.0), np.ones((1, 4)), 0.9, np.ones((2, 4)), np.array(versions))
