"""The `reference_laws` table: the points, form and minimum of each reference law.

Published coefficients and our fits have separate names, and every density names its law.

Not here: the fits themselves (`fit_loss`, `fit_performance`).
"""

from typing import Any

import polars as pl

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.density.fit_loss import (
    FitError,
    LossFit,
    fit_loss_law,
    loss_sse,
    refine_loss_law,
)
from densing_pipeline.density.fit_performance import (
    PerformanceFit,
    fit_bounded_performance_law,
    fit_performance_law,
    score_sse,
)
from densing_pipeline.density.law import LossLaw, PerformanceLaw, ReferenceLaw
from densing_pipeline.paper import NMI, NMI_TOKENS, PREPRINT
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.tables.published import REFERENCE_LAWS

PUBLISHED_POINTS = {NMI: NMI, PREPRINT: NMI}
"""Reference points to which each set of published coefficients was fitted."""

REFITTED = NMI
LADDER = "olmo-ladder"
LADDER_FLOOR = REGISTRY["MMLU"].chance
"""Score of guessing on the ladder's four-way multiple choice."""
LADDER_TOKENS = NMI_TOKENS
"""D0 of the ladder in tokens: the paper's, so that the laws differ only in their reference
models."""


def reference_laws(points: pl.DataFrame, coefficients: pl.DataFrame) -> pl.DataFrame:
    """Every reference law x benchmark.

    - `nmi-2025`, `nmi-2025-v2`: the published coefficients at D0 = 5T and 1T.
    - `nmi-2025-refit`: our fit of the same points, global minimum of the loss step.
    - `nmi-2025-refit-local`: the local minimum next to the published coefficients.
    - `olmo-ladder`: MMLU; loss step on the ladder runs in the paper's form (no irreducible term),
      score step between guessing and 1, D0 = 5T.

    Args:
        points: a `reference_points` frame. Points used in the fit belong to the score step if they
            have a score, else to the loss step; the others are held out.
        coefficients: a `reference_coefficients` frame.

    Returns:
        A `reference_laws` frame; sums of squares are over the points of the fit, without the anchor.

    Raises:
        FitError: the points do not determine a law; the message names reference and benchmark.
    """
    rows = [_published(row, points) for row in coefficients.iter_rows(named=True)]
    for row in coefficients.filter(pl.col("reference_id") == REFITTED).iter_rows(named=True):
        if fitted_points(points, REFITTED, row["benchmark"]).height:
            rows += _refits(row, points)
    if fitted_points(points, LADDER, "MMLU").height:
        rows.append(_ladder(points))
    return (
        REFERENCE_LAWS.cast(pl.DataFrame(rows, infer_schema_length=None))
        if rows
        else REFERENCE_LAWS.empty()
    )


def laws_of(frame: pl.DataFrame) -> dict[tuple[str, str], ReferenceLaw]:
    """The laws of a `reference_laws` frame by (reference, benchmark)."""
    return {
        (row["reference_id"], row["benchmark"]): ReferenceLaw.from_row(row)
        for row in frame.iter_rows(named=True)
    }


def _published(coefficients: dict[str, Any], points: pl.DataFrame) -> dict[str, Any]:
    """The row of a published law, with its sums of squares at the points it was fitted to."""
    reference_id = coefficients["reference_id"]
    fitted = fitted_points(
        points, PUBLISHED_POINTS.get(reference_id, reference_id), coefficients["benchmark"]
    )
    law = ReferenceLaw.from_row(coefficients)
    params, tokens, loss = loss_step(fitted)
    return coefficients | {
        "loss_sse": loss_sse(law.loss_law, params, tokens, loss) if loss.size else None,
        "score_sse": score_sse(law.performance_law, *score_step(fitted)) if loss.size else None,
        "n_points": loss.size or None,
        "n_minima": None,
        "fit": "published",
    }


def _refits(published: dict[str, Any], points: pl.DataFrame) -> list[dict[str, Any]]:
    """Our fits to the points of a published law: the global minimum, and the published minimum."""
    benchmark = published["benchmark"]
    fitted = fitted_points(points, REFITTED, benchmark)
    start = ReferenceLaw.from_row(published)
    try:
        minima = fit_loss_law(*loss_step(fitted))
        local = refine_loss_law(start.loss_law, *loss_step(fitted))
        performance = fit_performance_law(*score_step(fitted))
    except FitError as error:
        raise FitError(f"reference {REFITTED}, {benchmark}: {error}") from error
    n_points, tokens = loss_step(fitted)[0].size, start.reference_tokens
    return [
        law_row(
            f"{REFITTED}-refit", benchmark, minima[0], performance, tokens, n_points, len(minima),
            "global", f"fitted on the {n_points} loss points of {REFITTED}: global minimum",
        ),
        law_row(
            f"{REFITTED}-refit-local", benchmark, local, performance, tokens, n_points, len(minima),
            "published-start",
            f"fitted on the {n_points} loss points of {REFITTED}: the minimum reached from the "
            "published coefficients",
        ),
    ]  # fmt: skip


def _ladder(points: pl.DataFrame) -> dict[str, Any]:
    """The law of the OLMo ladder on MMLU (Bhagia et al. 2024)."""
    fitted = fitted_points(points, LADDER, "MMLU")
    try:
        minima = fit_loss_law(*loss_step(fitted))
        performance = fit_bounded_performance_law(*score_step(fitted), floor=LADDER_FLOOR)
    except FitError as error:
        raise FitError(f"reference {LADDER}, MMLU: {error}") from error
    n_points = loss_step(fitted)[0].size
    return law_row(
        LADDER, "MMLU", minima[0], performance, LADDER_TOKENS, n_points, len(minima), "global",
        f"fitted on {n_points} ladder runs (loss) and {fitted.height - n_points} checkpoints "
        "(score), Bhagia et al. 2024, without irreducible term: global minimum",
    )  # fmt: skip


def law_row(
    reference_id: str,
    benchmark: str,
    loss: LossFit,
    performance: PerformanceFit,
    reference_tokens: float,
    n_points: int,
    n_minima: int,
    fit: str,
    source: str,
) -> dict[str, Any]:
    """A row of `reference_laws` from the fits of both steps."""
    return {
        "reference_id": reference_id,
        "benchmark": benchmark,
        **_fields(loss.law),
        **_fields(performance.law),
        "reference_tokens": reference_tokens,
        "loss_sse": loss.sse,
        "score_sse": performance.sse,
        "n_points": n_points,
        "n_minima": n_minima,
        "fit": fit,
        "source": source,
    }


def _fields(law: LossLaw | PerformanceLaw) -> dict[str, float]:
    return {name: getattr(law, name) for name in type(law).__slots__}


def fitted_points(points: pl.DataFrame, reference_id: str, benchmark: str) -> pl.DataFrame:
    """The points of one reference and benchmark that are used in the fit."""
    return points.filter(
        pl.col("used_in_fit")
        & (pl.col("reference_id") == reference_id)
        & (pl.col("benchmark") == benchmark)
    )


def loss_step(fitted: pl.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Parameters, tokens and loss of the runs of the loss step."""
    runs = fitted.filter(
        pl.col("score").is_null() & pl.col("params").is_not_null() & pl.col("tokens").is_not_null()
    )
    return _vector(runs, "params"), _vector(runs, "tokens"), _vector(runs, "loss_nats_per_token")


def score_step(fitted: pl.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Loss and score of the models of the score step."""
    models = fitted.filter(pl.col("score").is_not_null())
    return _vector(models, "loss_nats_per_token"), _vector(models, "score")


def _vector(frame: pl.DataFrame, column: str) -> FloatArray:
    return frame[column].cast(pl.Float64).to_numpy()
