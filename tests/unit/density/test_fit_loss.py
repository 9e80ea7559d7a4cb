"""The fit of the loss law finds every minimum of the paper's points, and known truths."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.fit_loss import FitError, fit_loss_law, refine_loss_law
from densing_pipeline.density.law import LossLaw, ReferenceLaw

ALL = (*AVERAGED, "AVERAGE")


def losses(points: pl.DataFrame, benchmark: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    runs = points.filter(
        (pl.col("reference_id") == "nmi-2025")
        & (pl.col("benchmark") == benchmark)
        & pl.col("score").is_null()
    )
    assert runs.height == 33
    params, tokens, loss = (
        runs[name].cast(pl.Float64).to_numpy()
        for name in ("params", "tokens", "loss_nats_per_token")
    )
    return params, tokens, loss


def published(coefficients: pl.DataFrame, benchmark: str) -> LossLaw:
    row = coefficients.filter(
        (pl.col("reference_id") == "nmi-2025") & (pl.col("benchmark") == benchmark)
    )
    return ReferenceLaw.from_row(row.row(0, named=True)).loss_law


@pytest.mark.parametrize("benchmark", ALL)
def test_a_refit_from_the_published_start_returns_the_published_coefficients(
    points, coefficients, benchmark
):
    start = published(coefficients, benchmark)
    law = refine_loss_law(start, *losses(points, benchmark)).law
    assert law.a == pytest.approx(start.a, rel=0.01)
    assert law.alpha == pytest.approx(start.alpha, rel=0.01)
    assert law.beta == pytest.approx(start.beta, rel=0.01)
    # b is the least determined: on MMLU four digits of the figure leave it 1.25 % away.
    assert law.b == pytest.approx(start.b, rel=0.013 if benchmark == "MMLU" else 0.01)


def test_the_average_from_the_published_start(points, coefficients):
    fit = refine_loss_law(published(coefficients, "AVERAGE"), *losses(points, "AVERAGE"))
    assert fit.law.a == pytest.approx(2.033, abs=5e-4)
    assert fit.law.alpha == pytest.approx(0.1154, abs=5e-5)
    assert fit.law.b == pytest.approx(100.2, abs=0.05)
    assert fit.law.beta == pytest.approx(0.2770, abs=5e-5)
    assert fit.sse == pytest.approx(0.00097, abs=5e-6)


@pytest.mark.parametrize(
    ("benchmark", "alpha", "beta", "sse"),
    [
        ("AVERAGE", 0.3644, 0.1676, 0.000852),
        ("MMLU", 0.347, 0.139, 0.000558),
        ("MATH", 0.498, 0.138, 0.000674),
    ],
)
def test_the_published_minimum_is_not_the_global_one(
    points, coefficients, benchmark, alpha, beta, sse
):
    best, *others = fit_loss_law(*losses(points, benchmark))
    assert best.law.alpha == pytest.approx(alpha, abs=5e-4)
    assert best.law.beta == pytest.approx(beta, abs=5e-4)
    assert best.sse == pytest.approx(sse, abs=5e-7)
    assert [fit.law.alpha for fit in others] == [
        pytest.approx(published(coefficients, benchmark).alpha, rel=0.01)
    ]


def test_the_global_minimum_of_the_average(points):
    best = fit_loss_law(*losses(points, "AVERAGE"))[0].law
    assert best.a == pytest.approx(55.1, abs=0.05)
    assert best.b == pytest.approx(16.0, abs=0.05)


@pytest.mark.parametrize("benchmark", ["BBH", "MBPP", "HumanEval"])
def test_the_published_minimum_is_the_global_one(points, coefficients, benchmark):
    best = fit_loss_law(*losses(points, benchmark))[0].law
    assert best.alpha == pytest.approx(published(coefficients, benchmark).alpha, rel=0.01)


def synthetic(law: LossLaw, noise: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    """240 runs in the design of Hoffmann et al. 2022, with multiplicative noise."""
    rng = np.random.default_rng(seed)
    params = 10 ** rng.uniform(7.8, 10.2, 240)
    tokens = 10 ** rng.uniform(9.3, 11.5, 240)
    return params, tokens, law.loss(params, tokens) * np.exp(rng.normal(0, noise, 240))


CHINCHILLA = LossLaw(482.0, 0.348, 2085.4, 0.366, 1.817)


@pytest.mark.parametrize("objective", ["least_squares", "huber_log"])
def test_an_exact_law_with_irreducible_term_is_returned_exactly(objective):
    best = fit_loss_law(*synthetic(CHINCHILLA, 0.0), irreducible=True, objective=objective)[0]
    for name in ("a", "alpha", "b", "beta", "irreducible"):
        assert getattr(best.law, name) == pytest.approx(getattr(CHINCHILLA, name), rel=1e-5)


def test_the_huber_fit_shrugs_off_wild_runs():
    params, tokens, loss = synthetic(CHINCHILLA, 0.002)
    loss[::40] *= 1.3
    huber, squares = (
        fit_loss_law(params, tokens, loss, irreducible=True, objective=objective)[0].law
        for objective in ("huber_log", "least_squares")
    )
    assert huber.irreducible == pytest.approx(1.817, abs=0.02)
    assert abs(huber.irreducible - 1.817) < abs(squares.irreducible - 1.817)


def test_the_search_reaches_what_many_random_starts_reach(points):
    params, tokens, loss = losses(points, "AVERAGE")
    rng = np.random.default_rng(0)
    reached = []
    for _ in range(30):
        start = LossLaw(*np.exp(rng.uniform((-1, -3, -1, -3), (8, 0, 8, 0))))
        try:
            reached.append(refine_loss_law(start, params, tokens, loss).objective)
        except FitError:
            continue
    best = fit_loss_law(params, tokens, loss)[0].objective
    assert best <= min(reached) * (1 + 1e-9)


def test_runs_that_determine_no_law_are_refused_with_the_reason():
    few = np.array([1e8, 2e8, 4e8])
    with pytest.raises(FitError, match="3 points cannot determine the loss law"):
        fit_loss_law(few, few * 20, np.array([3.0, 2.5, 2.2]))
    six = np.geomspace(1e8, 1e9, 6)
    with pytest.raises(FitError, match="loss must be positive"):
        fit_loss_law(six, six * 20, np.array([3.0, 2.5, 2.2, 2.0, 0.0, 1.0]))
    with pytest.raises(FitError, match="vectors of one length"):
        fit_loss_law(six, six[:5], six)
    with pytest.raises(FitError, match="no minimum"):
        fit_loss_law(six, six * 20, np.linspace(1, 2, 6))
