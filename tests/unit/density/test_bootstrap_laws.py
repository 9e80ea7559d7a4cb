"""Thousands of resamples at once reach what scipy reaches one by one."""

import numpy as np
import pytest

from densing_pipeline.density.bootstrap_laws import bootstrap_loss_law
from densing_pipeline.density.fit_loss import FitError, fit_loss_law, refine_loss_law
from densing_pipeline.density.law import LossLaw
from densing_pipeline.density.reference_laws import fitted_points, loss_step

CHINCHILLA = LossLaw(482.0, 0.348, 2085.4, 0.366, 1.817)


def chinchilla_runs(n: int = 120, seed: int = 0):
    """Runs along compute budgets, with heavy-tailed errors, as in Besiroglu et al. 2024."""
    rng = np.random.default_rng(seed)
    params = np.exp(rng.uniform(np.log(5e7), np.log(1.6e10), n))
    tokens = np.exp(rng.uniform(np.log(1e18), np.log(3e21), n)) / 6 / params
    loss = CHINCHILLA.loss(params, tokens) * np.exp(0.005 * rng.standard_t(3, n))
    return params, tokens, loss


def resamples(n: int, count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=count).astype(float)


@pytest.mark.parametrize("objective", ["least_squares", "huber_log"])
@pytest.mark.parametrize("irreducible", [False, True])
def test_no_resample_is_worse_off_than_with_scipy(objective, irreducible):
    runs = chinchilla_runs()
    form = {"irreducible": irreducible, "objective": objective}
    start = fit_loss_law(*runs, **form)[0].law
    weights = resamples(runs[0].size, 8)
    drawn = bootstrap_loss_law([start], *runs, weights, **form)
    for row, ours in zip(weights.astype(int), drawn.objective, strict=True):
        peer = refine_loss_law(start, *(np.repeat(column, row) for column in runs), **form)
        assert ours <= peer.objective * (1 + 1e-6)


def test_all_runs_once_is_the_fit_itself():
    runs = chinchilla_runs()
    fit = fit_loss_law(*runs, irreducible=True, objective="huber_log")[0]
    once = bootstrap_loss_law(  # type: ignore[misc]
        [fit.law], *runs, np.ones((1, runs[0].size)), irreducible=True, objective="huber_log"
    )
    assert once.objective[0] == pytest.approx(fit.objective, rel=1e-9)
    assert once.alpha[0] == pytest.approx(fit.law.alpha, rel=1e-4)
    assert once.irreducible[0] == pytest.approx(fit.law.irreducible, rel=1e-4)


def test_a_draw_has_the_objective_it_states():
    params, tokens, loss = chinchilla_runs()
    weights = resamples(loss.size, 3)
    drawn = bootstrap_loss_law([CHINCHILLA], params, tokens, loss, weights, irreducible=True)
    for k in range(3):
        law = LossLaw(*(float(field[k]) for field in drawn[:5]))
        squares = weights[k] @ (law.loss(params, tokens) - loss) ** 2
        assert drawn.objective[k] == pytest.approx(squares, rel=1e-9)


def test_resamples_of_the_papers_points_disagree_about_the_lower_minimum(points):
    runs = loss_step(fitted_points(points, "nmi-2025", "AVERAGE"))
    minima = [fit.law for fit in fit_loss_law(*runs)]
    drawn = bootstrap_loss_law(minima, *runs, resamples(33, 300))
    near_published = np.mean(drawn.alpha < 0.2)
    assert 0.05 < near_published < 0.5


def test_several_starts_give_the_best_of_each(points):
    runs = loss_step(fitted_points(points, "nmi-2025", "AVERAGE"))
    minima = [fit.law for fit in fit_loss_law(*runs)]
    weights = resamples(33, 50)
    best = bootstrap_loss_law(minima, *runs, weights).objective
    alone = [bootstrap_loss_law([law], *runs, weights).objective for law in minima]
    np.testing.assert_allclose(best, np.nanmin(alone, axis=0), rtol=1e-12)


def test_a_loss_that_does_not_vary_with_tokens_has_no_draws():
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 10, 20), 10 ** rng.uniform(9, 12, 20)
    loss = 10 * params**-0.1
    drawn = bootstrap_loss_law([LossLaw(10, 0.1, 1, 0.2)], params, tokens, loss, np.ones((1, 20)))
    law = LossLaw(*(float(field[0]) for field in drawn[:5]))
    assert np.isnan(law.b) or law.loss(1e9, 1e10) == pytest.approx(10 * 1e9**-0.1, rel=1e-3)


def test_bad_arguments_are_named():
    runs = chinchilla_runs(10)
    with pytest.raises(ValueError, match=r"weights of shape \(B, 10\)"):
        bootstrap_loss_law([CHINCHILLA], *runs, np.ones((2, 9)))
    with pytest.raises(FitError, match="3 points cannot"):
        fit_loss_law(*(column[:3] for column in runs))
