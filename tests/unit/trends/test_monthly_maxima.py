"""The densest model of every month."""

import numpy as np
import pytest

from densing_pipeline.trends.monthly_maxima import monthly_maximum_lines


def test_the_densest_model_of_each_month_counts():
    # Day zero is 24 February 2023: days 5..35 are March, 36..65 April, 66..96 May.
    days = np.array([6.0, 20.0, 40.0, 60.0, 70.0, 90.0])
    values = np.array([0.0, 1.0, 2.0, -9.0, 3.0, -9.0])
    lines, count = monthly_maximum_lines(days, values, np.ones((1, 6), bool))
    assert count.tolist() == [3]
    middles = np.array([5 + 15.5, 36 + 15, 66 + 15.5])
    assert lines.slope[0] == pytest.approx(np.polyfit(middles, [1, 2, 3], 1)[0])


def test_a_month_without_a_model_is_left_out():
    days, values = np.array([6.0, 40.0, 70.0, 100.0]), np.array([0.0, 1.0, 2.0, 3.0])
    present = np.array([[True] * 4, [True, False, True, True], [True, False, False, True]])
    lines, count = monthly_maximum_lines(days, values, present)
    assert count.tolist() == [4, 3, 2]
    assert np.isfinite(lines.slope).tolist() == [True, True, False]


def test_no_model_carries_no_line():
    lines, count = monthly_maximum_lines(np.empty(0), np.empty(0), np.ones((2, 0), bool))
    assert count.tolist() == [0, 0]
    assert np.isnan(lines.slope).all()
