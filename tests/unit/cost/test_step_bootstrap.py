"""The step bootstrap of curves whose changes have no exact day."""

import numpy as np
import pytest

from densing_pipeline.cost import curves, step_bootstrap

RNG = np.random.default_rng(0)

MEAN_WAIT = 1e9
"""So long that changes lie evenly in their intervals."""


def fixed(waits: list[float], gaps: list[float], rows: int) -> step_bootstrap.Steps:
    """Rows of equal steps, each of which falls by 1, with the gaps of the first price and of each change."""
    falls = [-1.0] * len(waits)
    parts = [waits, falls, gaps, [MEAN_WAIT]]
    tiled = (np.tile(np.array(part, dtype=float), (rows, 1)) for part in parts)
    return step_bootstrap.Steps(*tiled, np.full(rows, len(waits)))


@pytest.mark.parametrize("gap", [3.0, 60.0, 180.0, 2000.0])
def test_the_last_of_changes_at_random_times_is_expected_as_long_before_the_look(gap):
    before = RNG.exponential(60, 200_000)
    before = before[before < gap]
    expected = step_bootstrap.days_before_found(np.array(gap), np.array(60.0))
    assert before.mean() == pytest.approx(expected, rel=0.01)
    drawn = step_bootstrap.drawn_before_found(np.full(100_000, gap), np.array(60.0), RNG)
    assert 0 <= drawn.min() < drawn.max() <= gap
    shares = [0.1, 0.5, 0.9]
    assert np.quantile(drawn, shares) == pytest.approx(np.quantile(before, shares), rel=0.05)


def test_the_mean_wait_is_that_between_changes_as_they_happened():
    exact = np.array([[0.0, 60.0, 120.0, 180.0]])
    assert step_bootstrap.mean_waits(exact, exact) == pytest.approx(60)
    happened = np.cumsum(RNG.exponential(60, (20, 3000)), axis=1)
    looks = np.ceil(happened / 200) * 200
    is_late = looks - happened < 100  # of 200 days the last 100 are not watched
    latest = np.where(is_late, looks, happened)
    waits = [
        step_bootstrap.mean_waits(np.where(late, days - 100, days)[None, seen], days[None, seen])
        for days, late, seen in zip(latest, is_late, step_bootstrap.held(latest), strict=True)
    ]
    assert np.mean(waits) == pytest.approx(60, rel=0.02)


def test_intervals_that_fill_the_whole_time_still_give_a_mean_wait():
    days = np.array([[0.0, 30.0, 60.0, 90.0]])
    waits = step_bootstrap.mean_waits(days - 30, days)
    assert 0 < waits < 30
    same_day = np.zeros((1, 3))
    assert step_bootstrap.mean_waits(same_day - 9, same_day) == 0
    assert step_bootstrap.expected_days(same_day - 9, same_day).tolist() == [[0.0] * 3]


@pytest.mark.parametrize(
    ("gap", "wait", "before"),
    [(0.0, 60.0, 0.0), (0.0, 0.0, 0.0), (90.0, 0.0, 0.0), (90.0, np.inf, 45.0), (1e-4, 60.0, 5e-5), (1e6, 60.0, 60.0)],
)  # fmt: skip
def test_a_change_is_in_the_middle_of_a_short_interval_and_one_wait_before_the_end_of_a_long_one(
    gap, wait, before
):
    found = step_bootstrap.days_before_found(np.array([gap]), np.array([wait]))
    assert found == pytest.approx(before, abs=1e-9)
    drawn = step_bootstrap.drawn_before_found(np.full(2000, gap), np.array([wait]), RNG)
    assert drawn.mean() == pytest.approx(before, rel=0.1)


def test_a_price_alone_is_dated_in_the_middle_of_its_interval():
    assert step_bootstrap.expected_days(np.array([[10.0]]), np.array([[20.0]])).tolist() == [[15.0]]


def test_days_are_drawn_within_their_intervals_and_exact_ones_stay():
    exact, _ = step_bootstrap.resampled(fixed([100.0] * 3, [0.0] * 4, 10), 3, RNG)
    assert exact.tolist() == [[0.0, 100.0, 200.0, 300.0]] * 10
    drawn, _ = step_bootstrap.resampled(fixed([100.0] * 3, [0.0, 40.0, 40.0, 40.0], 4000), 3, RNG)
    assert set(drawn[:, 0]) == {0.0}
    assert (drawn[:, 1].min() >= 80, drawn[:, 1].max() <= 120) == (True, True)
    assert drawn[:, 1].mean() == pytest.approx(100, abs=1)
    assert drawn[:, 1].std() == pytest.approx(40 / np.sqrt(12), rel=0.05)


def test_an_error_of_a_day_lengthens_one_wait_and_shortens_the_next():
    drawn, _ = step_bootstrap.resampled(fixed([100.0] * 3, [40.0] * 4, 4000), 3, RNG)
    waits = np.diff(drawn)
    assert np.corrcoef(waits[:, 0], waits[:, 1])[0, 1] == pytest.approx(-0.5, abs=0.05)
    spread = (drawn[:, -1] - drawn[:, 0]).std()
    assert spread == pytest.approx(40 * np.sqrt(2 / 12), rel=0.05), "of the two ends alone"


def test_a_step_that_is_drawn_brings_the_interval_of_its_own_change():
    steps = fixed([10.0, 1000.0], [0.0, 0.0, 100.0], 4000)
    drawn, _ = step_bootstrap.resampled(steps, 1, RNG)
    short = drawn[:, 1] < 500
    assert set(drawn[short, 1]) == {10.0}
    assert drawn[~short, 1].std() == pytest.approx(100 / np.sqrt(12), rel=0.05)


def test_a_price_that_a_later_one_overtakes_did_not_hold():
    times = step_bootstrap.ordered(np.array([[0.0, 50.0, 40.0, 90.0]]))
    assert times.tolist() == [[0.0, 40.0, 40.0, 90.0]]
    assert step_bootstrap.held(times).tolist() == [[True, False, True, True]]
    earliest, latest = np.array([[0.0, 20.0, 40.0, 90.0]]), np.array([[0.0, 80.0, 40.0, 90.0]])
    steps = step_bootstrap.steps_of(earliest, latest, np.array([[3.0, 2.0, 1.0, 0.0]]))
    assert steps.lengths.tolist() == [2]
    assert steps.waits[0, :2].tolist() == [40.0, 50.0]
    assert steps.falls[0, :2].tolist() == [-2.0, -1.0]
    assert steps.gaps[0, :3].tolist() == [0.0, 0.0, 0.0]


def test_slopes_of_curves_with_other_numbers_of_steps_are_drawn_together():
    times, logs = np.array([[0.0, 10, 20, 30], [0, 10, 10, 20]]), np.array([[0.0, -1, -2, -3]] * 2)
    slopes = step_bootstrap.event_slopes(times, times, logs, 50, RNG)
    assert slopes.shape == (2, 50)
    assert slopes[0] == pytest.approx(-0.1)
    assert np.unique(slopes[1].round(9)).tolist() == [-0.2, -0.15, -0.1]


def test_the_last_hold_is_a_step_without_a_change():
    steps = step_bootstrap.Steps(
        np.array([[4.0, 6.0], [7.0, np.nan]]),
        np.full((2, 2), -1.0),
        np.full((2, 3), 5.0),
        np.full((2, 1), MEAN_WAIT),
        np.array([2, 1]),
    )
    longer = step_bootstrap.with_last_hold(steps, np.array([5.0, 8.0]))
    assert longer.lengths.tolist() == [3, 2]
    assert longer.waits[0].tolist() == [4.0, 6.0, 5.0]
    assert longer.waits[1, :2].tolist() == [7.0, 8.0]
    assert (longer.falls[0, 2], longer.falls[1, 1]) == (0.0, 0.0)
    assert longer.gaps[0].tolist() == [5.0, 5.0, 5.0, 0.0]
    assert longer.gaps[1, :3].tolist() == [5.0, 5.0, 0.0]


def test_resampled_curves_are_made_of_the_steps_that_count():
    steps = step_bootstrap.Steps(
        np.array([[10.0, 20.0, 99.0]] * 200),
        np.array([[-1.0, -2.0, 7.0]] * 200),
        np.zeros((200, 4)),
        np.full((200, 1), MEAN_WAIT),
        np.full(200, 2),
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


def test_a_falling_curve_may_be_as_much_steeper_than_its_resamples_as_flatter():
    rng = np.random.default_rng(1)
    logs = rng.normal(-7, 1, 4000)
    long_flat, long_steep = (
        np.where(logs < -7, -7 + wide * (logs + 7), -7 + (logs + 7) / wide) for wide in (2, 0.5)
    )
    ends = [
        np.log(-step_bootstrap.slope_intervals(
            -np.exp(one)[None], 20, is_running_minimum=True, is_balanced=True
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
        slopes, 6, is_running_minimum=True, is_balanced=True
    )[0]
    assert (steep, flat) == (pytest.approx(-0.01), 0)
