"""Records and the least-squares line through them."""

import numpy as np
import pytest

from densing_pipeline.stats.lines import ols_lines
from densing_pipeline.trends.record_setters import daily_records, record_lines


def present(n: int) -> np.ndarray:
    return np.ones((1, n), dtype=bool)


def test_the_densest_of_a_day_counts_and_a_tie_is_no_record():
    days = np.array([0.0, 0.0, 5.0, 9.0, 9.0])
    values = np.array([1.0, 2.0, 2.0, 1.5, 3.0])
    distinct, highest, record = daily_records(days, values, present(5))
    assert distinct.tolist() == [0, 5, 9]
    assert highest[0].tolist() == [2, 2, 3]
    assert record[0].tolist() == [True, False, True]


def test_the_order_of_models_does_not_matter():
    rng = np.random.default_rng(0)
    days, values = rng.integers(0, 50, 30).astype(float), rng.normal(size=30)
    order = rng.permutation(30)
    (line, count), (shuffled, count_shuffled) = (
        record_lines(days[index], values[index], present(30)) for index in (np.arange(30), order)
    )
    assert line.slope == pytest.approx(shuffled.slope)
    assert count.tolist() == count_shuffled.tolist()


def test_a_model_left_out_of_a_resample_sets_no_record():
    days, values = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 10.0, 1.0, 2.0])
    subsets = np.array([[True, True, True, True], [True, False, True, True]])
    lines, count = record_lines(days, values, subsets)
    assert count.tolist() == [2, 3]
    assert np.isnan(lines.slope[0])
    assert lines.slope[1] == pytest.approx(9 / 14)


def test_a_window_keeps_the_records_to_beat():
    days = np.array([0.0, 10.0, 11.0, 12.0, 13.0])
    values = np.array([5.0, 1.0, 6.0, 7.0, 8.0])
    lines, count = record_lines(days, values, present(5), window=(10.0, 13.0))
    assert count.tolist() == [3]
    assert lines.slope[0] == pytest.approx(1)


def test_no_record_after_the_first_carries_no_line():
    lines, count = record_lines(np.arange(9.0), -np.arange(9.0), present(9))
    assert count.tolist() == [1]
    assert np.isnan(lines.slope).all()


def test_least_squares_agrees_with_a_textbook_fit():
    rng = np.random.default_rng(1)
    x, y = rng.random(40), rng.normal(size=40)
    lines = ols_lines(x, y, np.ones((1, 40)))
    slope, intercept = np.polyfit(x, y, 1)
    assert lines.slope[0] == pytest.approx(slope)
    assert lines.intercept[0] == pytest.approx(intercept)
    assert lines.r_squared[0] == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)


def test_a_weight_on_one_day_or_none_carries_no_line():
    weights = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    lines = ols_lines(np.array([0.0, 0.0, 1.0]), np.array([1.0, 2.0, 3.0]), weights)
    assert np.isnan(lines.slope).all()
