"""Smoothed quantile regression: near the exact line, exact where the points lie on a curve."""

import numpy as np
import pytest

from densing_pipeline.stats.quantile import quantile_line
from densing_pipeline.stats.smoothed_quantile import BANDWIDTH, smoothed_quantile


def problems(x: np.ndarray, *others: np.ndarray, times: int) -> np.ndarray:
    features = np.stack([np.ones_like(x), x, *others])
    return np.broadcast_to(features, (times, *features.shape))


def test_it_is_near_the_exact_line_for_every_weighting():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-2, 2, 150))
    y = 1.5 * x - rng.exponential(1.0, x.size) + rng.normal(0, 0.3, x.size)
    weights = rng.multinomial(x.size, np.full(x.size, 1 / x.size), size=50).astype(np.float64)
    slope, intercept = quantile_line(x, y, 0.9, weights)
    found = smoothed_quantile(
        problems(x, times=50), np.tile(y, (50, 1)), 0.9, weights,
        start=np.tile([0.0, 1.0], (50, 1)), scale=np.ones(50),
    )  # fmt: skip
    spread = np.std(slope)
    assert np.abs(found[:, 1] - slope).mean() < spread
    assert np.abs(found[:, 1].mean() - slope.mean()) < 0.25 * spread
    assert np.abs(found[:, 0].mean() - intercept.mean()) < BANDWIDTH


def test_points_on_a_bent_curve_give_the_curve_shifted_by_less_than_the_bandwidth():
    x = np.linspace(0, 4, 60)
    bend = np.maximum(x - 2, 0)
    y = 1 + 2 * x - 1.5 * bend
    found = smoothed_quantile(
        problems(x, bend, times=1), y[None], 0.9, np.ones((1, x.size)),
        start=np.zeros((1, 3)), scale=np.ones(1),
    )[0]  # fmt: skip
    assert found[1:] == pytest.approx([2, -1.5], abs=1e-6)
    # All residuals are equal, so the 0.9 quantile is where the kernel has 0.9 of its weight below.
    assert found[0] == pytest.approx(1 + 0.8 * BANDWIDTH, abs=1e-6)


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_it_follows_a_change_of_unit(factor):
    rng = np.random.default_rng(1)
    x = np.linspace(0, 4, 60)
    y = x - rng.exponential(1.0, x.size)

    def fitted(unit: float) -> np.ndarray:
        return smoothed_quantile(
            problems(x, times=1), unit * y[None], 0.9, np.ones((1, x.size)),
            start=np.zeros((1, 2)), scale=np.full(1, unit),
        )[0]  # fmt: skip

    assert fitted(factor) == pytest.approx(factor * fitted(1.0))


def test_a_problem_without_weight_has_no_coefficients():
    x = np.linspace(0, 4, 10)
    found = smoothed_quantile(
        problems(x, times=2), np.tile(x, (2, 1)), 0.9, np.stack([np.ones(10), np.zeros(10)]),
        start=np.zeros((2, 2)), scale=np.ones(2),
    )  # fmt: skip
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
