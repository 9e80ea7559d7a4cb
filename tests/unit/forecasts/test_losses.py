"""Scores of forecasts against the package scoringrules, which compiles for seconds when it is imported."""

import numpy as np
import pytest

from densing_pipeline.forecasts.losses import crps_of_draws, crps_of_quantiles, pinball_loss

RNG = np.random.default_rng(0)
ACTUAL, FORECASTS = RNG.normal(size=50), np.sort(RNG.normal(size=(50, 9)), axis=1)
LEVELS = np.arange(1, 10) / 10


@pytest.mark.heavy
def test_scores_are_those_of_scoringrules():
    import scoringrules

    def theirs(name, *arguments, **options):
        return getattr(scoringrules, name)(*arguments, backend="numpy", **options)

    ACTUAL[0] = FORECASTS[0, 3]  # a forecast that is met exactly
    for level, forecast in zip(LEVELS, FORECASTS.T, strict=True):
        expected = theirs("quantile_score", ACTUAL, forecast, level)
        np.testing.assert_array_equal(pinball_loss(ACTUAL, forecast, level), expected)
    expected = theirs("crps_quantile", ACTUAL, FORECASTS, LEVELS)
    np.testing.assert_array_equal(crps_of_quantiles(ACTUAL, FORECASTS, LEVELS), expected)
    expected = theirs("crps_ensemble", ACTUAL, FORECASTS, estimator="qd", sorted_ensemble=True)
    found = [crps_of_draws(*pair) for pair in zip(ACTUAL, FORECASTS, strict=True)]
    assert found == pytest.approx(expected, rel=1e-14)


def test_the_crps_of_one_draw_is_the_absolute_error():
    assert crps_of_draws(1.5, np.array([4.0])) == 2.5


def test_too_high_a_ninth_decile_costs_a_ninth_of_too_low_a_one():
    assert pinball_loss(np.array([1.0]), np.array([2.0]), 0.9) == pytest.approx(0.1)
    assert pinball_loss(np.array([2.0]), np.array([1.0]), 0.9) == pytest.approx(0.9)


def test_no_forecasts_have_no_scores():
    assert crps_of_quantiles(np.empty(0), np.empty((0, 9)), LEVELS).shape == (0,)
