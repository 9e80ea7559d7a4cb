"""The step bootstrap of curves whose changes have no exact day."""

import numpy as np
import pytest
from scipy import special

from densing_pipeline.cost import curves, step_bootstrap

RNG = np.random.default_rng(0)


def test_days_are_drawn_evenly_within_their_intervals_and_exact_ones_stay():
    latest = np.tile([0.0, 50.0, 100.0], (4000, 1))
    earliest = np.tile([0.0, 10.0, 100.0], (4000, 1))
    drawn = step_bootstrap.drawn_times(earliest, latest, RNG)
    assert set(drawn[:, 0]) == {0.0}
    assert set(drawn[:, 2]) == {100.0}
    assert (drawn[:, 1].min() >= 10, drawn[:, 1].max() <= 50) == (True, True)
    assert drawn[:, 1].mean() == pytest.approx(30, abs=1)
    assert drawn[:, 1].std() == pytest.approx(40 / np.sqrt(12), rel=0.05)


def test_a_price_that_a_later_one_overtakes_did_not_hold():
    times = step_bootstrap.ordered(np.array([[0.0, 50.0, 40.0, 90.0]]))
    assert times.tolist() == [[0.0, 40.0, 40.0, 90.0]]
    assert step_bootstrap.held(times).tolist() == [[True, False, True, True]]
    steps = step_bootstrap.steps_of(times, np.array([[3.0, 2.0, 1.0, 0.0]]))
    assert steps.lengths.tolist() == [2]
    assert steps.waits[0, :2].tolist() == [40.0, 50.0]
    assert steps.falls[0, :2].tolist() == [-2.0, -1.0]


def test_the_last_hold_is_a_step_without_a_change():
    steps = step_bootstrap.Steps(
        np.array([[4.0, 6.0], [7.0, np.nan]]), np.full((2, 2), -1.0), np.array([2, 1])
    )
    longer = step_bootstrap.with_last_hold(steps, np.array([5.0, 8.0]))
    assert longer.lengths.tolist() == [3, 2]
    assert longer.waits[0].tolist() == [4.0, 6.0, 5.0]
    assert longer.waits[1, :2].tolist() == [7.0, 8.0]
    assert (longer.falls[0, 2], longer.falls[1, 1]) == (0.0, 0.0)


def test_resampled_curves_are_made_of_the_steps_that_count():
    steps = step_bootstrap.Steps(
        np.array([[10.0, 20.0, 99.0]] * 200), np.array([[-1.0, -2.0, 7.0]] * 200), np.full(200, 2)
    )
    times, logs = step_bootstrap.resampled(steps, 5, RNG)
    assert times.shape == logs.shape == (200, 6)
    assert set(np.unique(np.diff(times))) == {10.0, 20.0}
    assert np.allclose(np.diff(logs), -np.diff(times) / 10)


def test_slopes_over_the_changes_that_count():
    times, logs = np.array([[0.0, 10, 20, 30]]), np.array([[0.0, -1, -2, 90]])
    used = np.array([[True, True, True, False]])
    assert curves.event_slope(times, logs, used) == pytest.approx([-0.1])
    assert np.isnan(curves.event_slope(times, logs, used & (times == 0)))


def test_a_running_minimum_has_no_interval_beyond_zero():
    slopes = -np.exp(np.random.default_rng(1).normal(-7, 1.5, 2000))[None]
    steep, flat = step_bootstrap.slope_intervals(slopes, 4, is_running_minimum=True)[0]
    assert steep < flat < 0
    assert step_bootstrap.slope_intervals(slopes, 4, is_running_minimum=False)[0, 1] > 0


def test_an_interval_of_a_running_minimum_that_may_not_fall_ends_at_zero():
    slopes = np.concatenate([np.zeros(50), np.full(950, -0.01)])[None]
    assert step_bootstrap.slope_intervals(slopes, 6, is_running_minimum=True)[0, 1] == 0


@pytest.mark.parametrize("flat", [490, 499, 500, 501, 900, 1000])
def test_an_interval_of_a_curve_that_hardly_falls_is_finite_and_ends_at_zero(flat):
    slopes = np.concatenate([np.zeros(flat), np.full(1000 - flat, -0.01)])[None]
    steep, shallow = step_bootstrap.slope_intervals(slopes, 3, is_running_minimum=True)[0]
    assert np.isfinite(steep)
    assert steep <= shallow == 0


def steps(waits: list[float], falls: list[float]) -> step_bootstrap.Steps:
    """The steps of one curve, and one beyond them without a meaning."""
    return step_bootstrap.Steps(
        np.array([[*waits, np.nan]]), np.array([[*falls, 1e9]]), np.array([len(waits)])
    )


def test_spread_of_equal_steps_has_all_degrees_of_freedom():
    assert step_bootstrap.degrees_of_freedom(steps([10.0] * 6, [-1.0] * 6)).tolist() == [5]


def test_spread_of_steps_as_of_a_normal_sample_has_all_degrees_of_freedom():
    quantiles = special.ndtri((np.arange(200) + 0.5) / 200)
    found = step_bootstrap.degrees_of_freedom(steps([10.0] * 200, (-10 - quantiles).tolist()))
    assert found[0] == pytest.approx(199, rel=0.05)


def test_one_fall_that_makes_up_the_decline_leaves_few_degrees_of_freedom():
    large = step_bootstrap.degrees_of_freedom(steps([10.0] * 8, [-0.1] * 7 + [-5.0]))
    larger_sample = step_bootstrap.degrees_of_freedom(steps([10.0] * 20, [-0.1] * 19 + [-5.0]))
    # The kurtosis of one value that stands out of n is n - 2 + 1 / (n - 1).
    kurtosis = (8 - 2 + 1 / 7) * 9 / 7
    assert large == pytest.approx(2 * 7 / (kurtosis - 1))
    assert larger_sample < large < 7


def test_a_falling_curve_may_be_as_much_steeper_than_its_resamples_as_flatter():
    rng = np.random.default_rng(1)
    logs = rng.normal(-7, 1, 4000)
    long_flat, long_steep = (
        np.where(logs < -7, -7 + wide * (logs + 7), -7 + (logs + 7) / wide) for wide in (2, 0.5)
    )
    ends = [
        np.log(-step_bootstrap.slope_intervals(
            -np.exp(one)[None], 20, is_running_minimum=True, degrees=np.array([19.0])
        )[0])
        for one in (long_flat, long_steep)
    ]  # fmt: skip
    steep, flat = ends[0] - np.median(long_flat)
    assert steep == pytest.approx(-flat)
    steep, flat = ends[1] - np.median(long_steep)
    assert steep == pytest.approx(-4 * flat, rel=0.1), "a long steep side stays as it is"


def test_an_interval_that_reaches_prices_that_do_not_fall_has_a_finite_steep_end():
    slopes = np.concatenate([np.zeros(50), np.full(950, -0.01)])[None]
    steep, flat = step_bootstrap.slope_intervals(
        slopes, 6, is_running_minimum=True, degrees=np.array([2.0])
    )[0]
    assert (steep, flat) == (pytest.approx(-0.01), 0)
