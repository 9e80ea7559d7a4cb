"""No kink is looked for where there is no line on the other side."""

import numpy as np

from densing_pipeline.trends.breakpoints import candidates, f_statistics


def test_many_models_on_the_newest_day_are_no_break():
    days = np.array([0.0, 10, 20, 30, 40, 50, 60, 70, 70, 70, 70])
    found = candidates(days)
    assert found.max() < 70
    assert found.min() > 0
    values = np.random.default_rng(0).normal(size=(3, days.size))
    assert np.isfinite(f_statistics(days, values, found)).all()


def test_two_days_leave_no_candidate():
    assert candidates(np.array([0.0, 0, 0, 5, 5, 5])).size == 0
