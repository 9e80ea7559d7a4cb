"""Draws of the reference laws."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline.density.bootstrap_scores import bootstrap_performance_law
from densing_pipeline.density.fit_performance import fit_performance_law
from densing_pipeline.density.reference_law_draws import reference_law_draws, score_clusters
from densing_pipeline.density.reference_laws import fitted_points, score_step
from densing_pipeline.tables.published import REFERENCE_LAW_DRAWS


@pytest.fixture(scope="module")
def draws(laws, points):
    chosen = laws.filter(pl.col("benchmark").is_in(["AVERAGE", "MMLU"]))
    return reference_law_draws(chosen, points, seed=0, draws=60)


def exponents(draws, reference_id, benchmark="AVERAGE"):
    return draws.filter(reference_id=reference_id, benchmark=benchmark)["alpha"].to_numpy()


def test_every_law_has_its_draws(draws):
    REFERENCE_LAW_DRAWS.validate(draws)
    counts = draws.group_by("reference_id", "benchmark").len()
    assert counts.height == 9
    headline = pl.struct("reference_id", "benchmark") == pl.struct(
        reference_id=pl.lit("nmi-2025"), benchmark=pl.lit("AVERAGE")
    )
    assert counts.filter(headline)["len"].to_list() == [600], "ten times as many for the headline"
    assert (counts.filter(~headline)["len"] == 60).all()


def test_draws_lie_about_the_published_law(draws):
    alpha = exponents(draws, "nmi-2025")
    assert np.quantile(alpha, 0.025) < 0.11531 < np.quantile(alpha, 0.975)


def test_draws_of_the_global_fit_jump_between_both_minima(draws):
    alpha = exponents(draws, "nmi-2025-refit")
    assert (alpha < 0.2).any()
    assert (alpha > 0.3).any()


def test_each_draw_says_whether_it_lies_in_another_minimum(draws):
    """The minima of AVERAGE are at alpha .115 and .364; resamples without the first slide into the second."""
    shares = {}
    for reference_id, own in (("nmi-2025", 0.1153), ("nmi-2025-refit", 0.3644)):
        of_law = draws.filter(reference_id=reference_id, benchmark="AVERAGE")
        for is_other in (True, False):
            alphas = of_law.filter(is_other_minimum=is_other)["alpha"]
            assert ((alphas < 0.22) == (is_other == (own > 0.2))).mean() > 0.95
        shares[reference_id] = of_law["is_other_minimum"].mean()
    assert 0 < shares["nmi-2025"] < 0.1 < shares["nmi-2025-refit"] < 0.6


def test_another_d0_changes_no_draw(draws):
    other = exponents(draws, "nmi-2025-v2")
    np.testing.assert_allclose(exponents(draws, "nmi-2025")[: other.size], other)


def test_the_ladders_sigmoid_keeps_its_known_ends(draws):
    ladder = draws.filter(reference_id="olmo-ladder")
    assert (ladder["d"] == 0.25).all()
    assert np.allclose(ladder["c"], 0.75)
    assert ladder["gamma"].n_unique() > 50


def test_a_law_without_points_has_no_draws(laws, points):
    assert reference_law_draws(laws, points.clear(), seed=0).is_empty()


def test_the_same_seed_gives_the_same_draws(laws, points):
    one = laws.filter(reference_id="nmi-2025", benchmark="MATH")
    first, again, other = (
        reference_law_draws(one, points, seed=seed, draws=20) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_all_models_once_is_the_performance_fit_itself(points):
    loss, score = score_step(fitted_points(points, "nmi-2025", "AVERAGE"))
    law = fit_performance_law(loss, score).law
    once = bootstrap_performance_law(law, loss, score, np.ones((1, loss.size)))[0]
    assert once == pytest.approx([law.c, law.gamma, law.l, law.d], rel=1e-5)


def test_a_resampled_sigmoid_is_what_scipy_fits(points):
    loss, score = score_step(fitted_points(points, "nmi-2025", "MMLU"))
    law = fit_performance_law(loss, score).law
    weights = np.random.default_rng(3).multinomial(10, np.full(10, 0.1), size=6)
    drawn = bootstrap_performance_law(law, loss, score, weights.astype(float))
    for row, ours in zip(weights, drawn, strict=True):
        peer = fit_performance_law(np.repeat(loss, row), np.repeat(score, row)).law
        assert ours[:3] == pytest.approx([peer.c, peer.gamma, peer.l], rel=1e-3)
        assert ours[3] == pytest.approx(peer.d, abs=1e-4)


@pytest.mark.parametrize(("runs", "clusters"), [(4, 4 * 10), (5, 5 * 20)])
def test_checkpoints_are_resampled_one_by_one_from_five_runs_on(runs, clusters):
    checkpoints = pl.DataFrame(
        {"params": [1e9 * run for run in range(1, runs + 1) for _ in range(20)],
         "tokens": [1e9 * step for _ in range(runs) for step in range(1, 21)]}
    ).with_columns(score=pl.lit(0.5))  # fmt: skip
    assert np.unique(score_clusters(checkpoints)).size == clusters
