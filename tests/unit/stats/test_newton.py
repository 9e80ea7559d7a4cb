"""Descents of a batch against minima that are known."""

import numpy as np
import pytest

from densing_pipeline.stats.newton import Damping, downhill, minimise

UNDAMPED = Damping(first=0.0, least=0.0)


def quadratic(theta, matrix, centre):
    """(theta - centre)' matrix (theta - centre) / 2."""
    away = theta - centre
    gradient = np.einsum("bij,bj->bi", matrix, away)
    return 0.5 * (away * gradient).sum(axis=1), gradient, matrix


def rosenbrock(theta, a, b):
    """(a - x)^2 + b (y - x^2)^2, with its minimum 0 at (a, a^2) in a curved valley."""
    x, y = theta.T
    above = y - x**2
    gradient = np.stack([-2 * (a - x) - 4 * b * x * above, 2 * b * above], axis=1)
    curvature = np.empty((len(theta), 2, 2))
    curvature[:, 0, 0] = 2 - 4 * b * above + 8 * b * x**2
    curvature[:, 0, 1] = curvature[:, 1, 0] = -4 * b * x
    curvature[:, 1, 1] = 2 * b
    return (a - x) ** 2 + b * above**2, gradient, curvature


def rosenbrock_residuals(theta, a, b):
    """The same sum of squares with Gauss-Newton second derivatives, halved as its value is."""
    x, y = theta.T
    root = np.sqrt(b)
    residual = np.stack([a - x, root * (y - x**2)], axis=1)
    slopes = np.stack(
        [np.stack([-1 + 0 * x, 0 * x], axis=1), np.stack([-2 * root * x, root], axis=1)], axis=1
    )
    gradient = np.einsum("bri,br->bi", slopes, residual)
    return 0.5 * (residual**2).sum(axis=1), gradient, slopes.swapaxes(1, 2) @ slopes


def decay(theta):
    """Falls for ever, by the same share in every step."""
    value = np.exp(-theta[:, 0])
    return value, -value[:, None], value[:, None, None]


def valleys(count: int = 50):
    rng = np.random.default_rng(0)
    start = rng.uniform(-2, 2, (count, 2))
    return start, rng.uniform(0.5, 1.5, count), rng.uniform(1, 100, count)


def test_one_step_ends_at_the_minimum_of_a_quadratic():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(7, 3, 3))
    matrix, centre = root @ root.swapaxes(1, 2) + np.eye(3), rng.normal(size=(7, 3))
    reached = minimise(quadratic, np.zeros((7, 3)), matrix, centre, most_steps=1, damping=UNDAMPED)
    np.testing.assert_allclose(reached.theta, centre, rtol=1e-9)
    np.testing.assert_allclose(reached.value, 0, atol=1e-15)
    assert not reached.converged.any()


@pytest.mark.parametrize("function", [rosenbrock, rosenbrock_residuals])
@pytest.mark.parametrize("takes_last_step", [True, False])
def test_every_problem_reaches_its_own_minimum(function, takes_last_step):
    start, a, b = valleys()
    reached = minimise(
        function, start, a, b,
        most_steps=200, relative=1e-12, absolute=1e-18, takes_last_step=takes_last_step,
    )  # fmt: skip
    assert reached.converged.all()
    np.testing.assert_allclose(reached.theta, np.stack([a, a**2], axis=1), rtol=1e-6)
    np.testing.assert_array_equal(reached.value, function(reached.theta, a, b)[0])


def test_a_problem_does_not_depend_on_the_others_of_its_batch():
    start, a, b = valleys()
    settings = {"most_steps": 200, "absolute": 1e-12}
    together = minimise(rosenbrock, start, a, b, **settings)
    for k in range(0, 50, 7):
        one = slice(k, k + 1)
        alone = minimise(rosenbrock, start[one], a[one], b[one], **settings)
        np.testing.assert_array_equal(alone.theta, together.theta[one])


def test_an_objective_never_rises_from_one_step_to_the_next():
    start, a, b = valleys()
    values = [
        minimise(rosenbrock, start, a, b, most_steps=steps, absolute=1e-12).value
        for steps in range(1, 12)
    ]
    assert (np.diff([rosenbrock(start, a, b)[0], *values], axis=0) <= 0).all()


def test_the_last_step_is_left_out_on_request():
    calls = []

    def counted(theta, centre):
        calls.append(len(theta))
        return quadratic(theta, np.tile(np.eye(1), (len(theta), 1, 1)), centre)

    centre = np.array([[1.0]])
    at_minimum = minimise(
        counted, centre, centre, most_steps=9, absolute=1e-6, takes_last_step=False
    )
    assert at_minimum.converged.all()
    assert calls == [1]


def test_problems_that_do_not_converge_are_marked():
    start, a, b = valleys()
    few = minimise(rosenbrock, start, a, b, most_steps=2, absolute=1e-12)
    assert not few.converged.all()
    assert not few.stuck.any()
    endless = minimise(decay, np.ones((3, 1)), most_steps=30, relative=1e-6)
    assert not endless.converged.any()


def test_a_problem_that_no_step_improves_is_stuck():
    def wrong_way(theta):
        value, gradient, curvature = quadratic(theta, np.tile(np.eye(2), (len(theta), 1, 1)), 0.0)
        return value, -gradient, curvature

    reached = minimise(wrong_way, np.ones((2, 2)), most_steps=100)
    assert reached.stuck.all()
    np.testing.assert_array_equal(reached.theta, np.ones((2, 2)))


def test_a_problem_without_numbers_spoils_no_other():
    start, a, b = valleys(4)
    a[1] = np.nan
    reached = minimise(rosenbrock, start, a, b, most_steps=200, absolute=1e-18)
    assert reached.converged.tolist() == [True, False, True, True]


def test_singular_second_derivatives_lead_to_one_of_the_minima():
    matrix = np.array([[[1.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 1.0]]])
    centre = np.array([[1.0, 2.0], [3.0, 4.0]])
    reached = minimise(quadratic, np.zeros((2, 2)), matrix, centre, most_steps=50, absolute=1e-16)
    assert reached.converged.all()
    assert reached.theta[0].sum() == pytest.approx(3.0, abs=1e-6)
    np.testing.assert_allclose(reached.theta[1], [3.0, 4.0], atol=1e-6)


def test_a_singular_matrix_leaves_the_steps_of_the_others_as_they_were():
    gradient = np.array([[1.0, 1.0], [2.0, -3.0]])
    matrices = np.array([[[1.0, 1.0], [1.0, 1.0]], [[4.0, 1.0], [1.0, 3.0]]])
    steps = downhill(gradient, matrices)
    np.testing.assert_allclose(steps[0], [-0.5, -0.5])
    np.testing.assert_allclose(steps[1], -np.linalg.solve(matrices[1], gradient[1]))


def test_where_the_objective_bends_downwards_the_step_still_leads_down():
    gradient = np.array([[1.0, -2.0]])
    saddle = np.array([[[-1.0, 0.5], [0.5, -3.0]]])
    assert (gradient @ np.linalg.solve(saddle[0], gradient[0])).item() < 0
    assert (gradient * downhill(gradient, saddle)).sum() < 0


def test_flat_directions_are_bounded_by_the_steepest():
    gradient, curvature = np.array([[1.0, 1.0]]), np.array([[[-1.0, 0.0], [0.0, 1e-20]]])
    step = downhill(gradient, -curvature, flattest=1e-3)
    assert step[0, 1] == pytest.approx(-1e3)


def test_no_problems_are_no_minima():
    none = np.empty(0)
    reached = minimise(rosenbrock, np.empty((0, 2)), none, none, most_steps=5)
    assert reached.theta.shape == (0, 2)
    assert reached.value.size == reached.converged.size == reached.stuck.size == 0
