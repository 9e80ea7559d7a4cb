"""The sums of the likelihood as machine code, against the same sums in numpy and in Python."""

from typing import Any

import numpy as np
import pytest
from scipy.special import log_ndtr

from densing_pipeline.trends import frontier_sums
from densing_pipeline.trends.frontier_sums import Models, Sums, sums

RNG = np.random.default_rng(0)
MODELS = Models.of(
    np.linspace(-1.7, 1.7, 12),
    RNG.normal(size=(2, 12)) + np.array([[0.0], [60.0]]),
    RNG.poisson(1, (3, 12)).astype(float),
    np.array([0, 1, 0]),
)
THETA = np.array([[0.5, 0.1, np.log(0.3), 0.2], [0.2, -0.4, -0.7, 0.3], [0.0, 0.0, 0.4, -4.0]])
WHICH = np.array([2, 1, 0])


def test_sums_are_those_over_all_models_with_a_weight():
    found = sums(MODELS, THETA, WHICH)
    for k, b in enumerate(WHICH):
        weights, y = MODELS.weights[b], MODELS.y[MODELS.rows[b]]
        noise, shortfall = np.exp(THETA[k, 2:])
        error = (y - THETA[k, 0] - THETA[k, 1] * MODELS.x) / noise
        z = -error - noise / shortfall
        mills = np.exp(-(z**2) / 2 - log_ndtr(z)) / np.sqrt(2 * np.pi)
        bend = -mills * (z + mills)
        expected = Sums(
            weight=1.0 + 0 * z, moment=MODELS.x, error=error, square=error**2,
            log=log_ndtr(z) + z**2 / 2 + np.log(2),
            mills_0=mills, mills_1=mills * MODELS.x, mills_error=mills * error,
            bend_0=bend, bend_1=bend * MODELS.x, bend_2=bend * MODELS.x**2,
            bend_error_0=bend * error, bend_error_1=bend * error * MODELS.x, bend_square=bend * error**2,
        )  # fmt: skip
        for name, part in expected._asdict().items():
            assert getattr(found, name)[k] == pytest.approx(weights @ part, rel=1e-6), name


def test_far_above_the_line_the_logarithm_goes_on():
    """There erfcx itself is too large for a number."""
    above = Models.of(np.zeros(2), np.full((1, 2), -60.0), np.ones((1, 2)), np.zeros(1, np.intp))
    found = sums(above, np.array([[0.0, 0.0, 0.0, 0.0]]), np.zeros(1, np.intp))
    assert found.log[0] == pytest.approx(2 * (np.log(2) + 59.0**2 / 2))
    assert found.mills_0[0] == pytest.approx(0, abs=1e-200)


def test_machine_code_adds_what_the_same_loop_in_python_adds(monkeypatch):
    loops: Any = frontier_sums
    in_machine_code = sums(MODELS, THETA, WHICH)
    for name in ("_fill_arguments", "_fill_sums"):
        monkeypatch.setattr(loops, name, getattr(loops, name).py_func)
    np.testing.assert_allclose(sums(MODELS, THETA, WHICH), in_machine_code, rtol=1e-14)


def test_parts_change_no_sum(monkeypatch):
    together = sums(MODELS, THETA, WHICH)
    monkeypatch.setattr(frontier_sums, "MODELS_AT_ONCE", 12)
    np.testing.assert_array_equal(sums(MODELS, THETA, WHICH), together)
