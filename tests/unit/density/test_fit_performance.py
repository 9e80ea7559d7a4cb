"""The fit of the performance law returns the published sigmoids, and known truths."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.fit_performance import (
    fit_bounded_performance_law,
    fit_performance_law,
)
from densing_pipeline.density.law import PerformanceLaw


def scored(points: pl.DataFrame, benchmark: str) -> tuple[np.ndarray, np.ndarray]:
    models = points.filter(
        (pl.col("reference_id") == "nmi-2025")
        & (pl.col("benchmark") == benchmark)
        & pl.col("score").is_not_null()
        & pl.col("used_in_fit")
    )
    assert models.height == 10
    return models["loss_nats_per_token"].to_numpy(), models["score"].to_numpy()


@pytest.mark.parametrize("benchmark", [*AVERAGED, "AVERAGE"])
def test_the_anchored_fit_returns_the_published_sigmoid(points, coefficients, benchmark):
    row = coefficients.filter(
        (pl.col("reference_id") == "nmi-2025") & (pl.col("benchmark") == benchmark)
    ).row(0, named=True)
    law = fit_performance_law(*scored(points, benchmark)).law
    assert law.c == pytest.approx(row["c"], rel=0.002)
    assert law.gamma == pytest.approx(row["gamma"], rel=0.002)
    assert law.l == pytest.approx(row["l"], rel=0.002)
    assert law.d == pytest.approx(row["d"], abs=1e-4)


def test_without_the_anchor_the_ceiling_falls_below_frontier_models(points):
    loss, score = scored(points, "AVERAGE")
    assert fit_performance_law(loss, score).law.ceiling > 0.99
    assert fit_performance_law(loss, score, anchor=False).law.ceiling < 0.8


def test_the_floor_is_not_negative(points):
    assert fit_performance_law(*scored(points, "HumanEval")).law.d == 0


TRUTH = PerformanceLaw(0.75, -13.0, 0.54, 0.25)


def test_an_exact_sigmoid_is_returned_exactly():
    loss = np.linspace(0.1, 1.0, 12)
    free = fit_performance_law(loss, TRUTH.score(loss), anchor=False)
    bounded = fit_bounded_performance_law(loss, TRUTH.score(loss), floor=0.25)
    for fit in (free, bounded):
        assert fit.sse < 1e-20
        assert (fit.law.c, fit.law.gamma, fit.law.l, fit.law.d) == pytest.approx(
            (0.75, -13.0, 0.54, 0.25), rel=1e-6
        )


def test_points_that_determine_no_sigmoid_are_refused_with_the_reason():
    loss = np.array([0.2, 0.3, 0.4, 0.5])
    with pytest.raises(FitError, match="2 points cannot determine"):
        fit_performance_law(loss[:2], np.array([0.5, 0.4]))
    with pytest.raises(FitError, match="differ in loss and in score"):
        fit_performance_law(loss, np.full(4, 0.5))
    with pytest.raises(FitError, match="must be numbers"):
        fit_performance_law(loss, np.array([0.5, 0.4, np.nan, 0.2]))
    with pytest.raises(FitError, match="one length"):
        fit_bounded_performance_law(loss, np.array([0.5]), floor=0.25)
