"""Resamples draw whole families, reproducibly."""

import numpy as np
import pytest

from densing_pipeline.stats.intervals import (
    cluster_weights,
    clustered_interval,
    percentile_interval,
    small_cluster_factor,
)

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
    """The k-th of m draws stands at k / (m + 1): 39 draws are just enough, and their ends the interval."""
    assert percentile_interval(np.linspace(0, 1, 1001)) == pytest.approx((0.025, 0.975), abs=1e-3)
    assert percentile_interval(np.arange(39.0)) == pytest.approx((0, 38))


def test_an_interval_resting_on_too_few_resamples_is_refused():
    draws = np.arange(100.0)
    draws[:5] = np.nan
    assert percentile_interval(draws) is not None
    draws[:6] = np.nan
    assert percentile_interval(draws) is None
    assert percentile_interval(np.full(10, np.nan)) is None


def test_few_families_need_a_wider_interval_and_many_do_not():
    factors = [small_cluster_factor(clusters) for clusters in (5, 10, 40, 4000)]
    assert factors == pytest.approx([1.584, 1.217, 1.045, 1.0005], abs=1e-3)
    with pytest.raises(ValueError, match="1 clusters carry no interval"):
        small_cluster_factor(1)


def test_the_interval_is_stretched_about_the_median():
    draws = np.linspace(-1, 3, 1001)
    low, high = percentile_interval(draws)
    wide = clustered_interval(draws, 10)
    assert wide == pytest.approx(
        (1 - small_cluster_factor(10) * (1 - low), 1 + small_cluster_factor(10) * (high - 1))
    )
    assert clustered_interval(np.full(100, np.nan), 10) is None


def test_a_narrower_interval_has_its_own_quantiles_and_its_own_factor():
    assert clustered_interval(np.arange(999.0), 4000, 0.8) == pytest.approx((99, 899), abs=0.2)
    assert small_cluster_factor(5, 0.8) == pytest.approx(1.533 / 1.2816 * (5 / 4) ** 0.5, abs=1e-3)
