"""Resamples draw whole families, reproducibly."""

import numpy as np
import pytest

from densing_pipeline.trends.bootstrap import cluster_weights, percentile_interval

FAMILIES = ("Llama", "Qwen", "Llama", "Phi", "Qwen")


def test_models_of_a_family_are_drawn_together():
    weights = cluster_weights(FAMILIES, 200, seed=0)
    assert weights.shape == (200, 5)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, 1], weights[:, 4])
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_a_seed_fixes_the_draws():
    same = cluster_weights(FAMILIES, 50, seed=7)
    np.testing.assert_array_equal(same, cluster_weights(FAMILIES, 50, seed=7))
    assert not np.array_equal(same, cluster_weights(FAMILIES, 50, seed=8))


def test_the_interval_is_the_central_95_percent():
    assert percentile_interval(np.linspace(0, 1, 1001)) == pytest.approx((0.025, 0.975))


def test_an_interval_resting_on_too_few_resamples_is_refused():
    draws = np.arange(100.0)
    draws[:5] = np.nan
    assert percentile_interval(draws) is not None
    draws[:6] = np.nan
    assert percentile_interval(draws) is None
    assert percentile_interval(np.full(10, np.nan)) is None
