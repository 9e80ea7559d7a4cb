"""Reference laws fitted to losses and scores that we measured.

The models are listed in `facts/ladders.csv` (or a file of that form): some give losses by
parameters and tokens, some scores by loss. They are measured with the same suite as every other
model, so these laws do not depend on the paper's protocol. A law is named after its ladder and the
suite version, so that laws of two versions are never mixed. If the measurements do not determine a
law, `own_rulers` gives the reason.

Not here: the fits (`fit_loss`, `fit_performance`), published laws and refits (`reference_laws`),
and the measurement of models (`evaluation`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.fit_loss import FitError, LossFit, fit_loss_law, loss_sse
from densing_pipeline.density.fit_performance import fit_performance_law
from densing_pipeline.density.law import LossLaw, ReferenceLaw
from densing_pipeline.density.reference_laws import fitted_points, law_row, loss_step, score_step
from densing_pipeline.paper import NMI_TOKENS
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.tables.published import OWN_RULERS, REFERENCE_LAWS, REFERENCE_POINTS

PREFIX = "own"

LOSSES = "ScalingBench"
"""The benchmark whose items have the paper's conditional loss; its subjects are the five
benchmarks."""

REFERENCE_TOKENS = NMI_TOKENS
"""D0 in tokens: that of `nmi-2025`, so that the laws differ only in their reference models."""

FEWEST_LOSSES = 8
FEWEST_RUNGS = 3
LEAST_SPREAD = 2.0
"""Twice the four coefficients, three sizes, and tokens per parameter that differ twofold: on a line of
constant D / N size and tokens cannot be told apart."""

FEWEST_SCALED = 3
"""Fewest losses to which a published loss law is scaled."""

FEWEST_SCORES = 6
"""Fewest models of the score step: one more than the four coefficients and the anchor determine."""


@dataclass(frozen=True)
class Ruler:
    """Result of the fits of one ladder on one benchmark.

    Attributes:
        law: a row of `reference_laws`; None if the points do not determine a law.
        reason: the basis of the law, or what is missing.
        n_points: points of the loss step.
        n_score_points: points of the score step.
    """

    law: dict[str, Any] | None
    reason: str
    n_points: int
    n_score_points: int


def reference_id(ladder: str, suite: str) -> str:
    """Name of a ladder's law."""
    return f"{PREFIX}-{ladder}-{suite}"


def own_points(
    ladders: pl.DataFrame, eval_items: pl.DataFrame, scores: pl.DataFrame, suite_version: str
) -> pl.DataFrame:
    """Measured losses and scores of the models of every ladder.

    The loss of a benchmark, in nats per token, is the mean over its items of the mean over the
    tokens of the answer; the loss of the average is the mean over the five benchmarks.

    Args:
        ladders: a `ladders` frame.
        eval_items: an `eval_items` frame.
        scores: a `scores` frame.
        suite_version: the current version; measurements of other versions and trials are left out.

    Returns:
        A `reference_points` frame: per benchmark one row for the loss step and one for the score
        step of each model in that step.
    """
    measured = scores.filter(
        pl.col("source_kind") == "measured",
        pl.col("suite_version") == suite_version,
        pl.col("item_limit").is_null(),
        pl.col("benchmark").is_in(AVERAGED),
    )
    whole = eval_items.join(measured, on=["model_id", "revision"], how="semi")
    losses = _with_average(_losses(whole, suite_version), "loss_nats_per_token")
    scored = _with_average(measured.select("model_id", "revision", "benchmark", "score"), "score")
    rungs = _measured_rungs(ladders, losses)
    of_loss = rungs.filter(pl.col("used_for") != "score").join(losses, on=["model_id", "revision"])
    of_score = (
        rungs.filter(pl.col("used_for") != "loss")
        .join(losses, on=["model_id", "revision"])
        .join(scored, on=["model_id", "revision", "benchmark"])
        .with_columns(run_id=pl.format("{} score", "run_id"))
    )
    points = pl.concat([of_loss, of_score], how="diagonal").with_columns(
        reference_id=pl.format(f"{PREFIX}-{{}}-{suite_version}", "ladder"),
        used_in_fit=pl.lit(value=True),
        source=pl.format(f"measured, suite {suite_version}, revision {{}}", "revision"),
    )
    return REFERENCE_POINTS.cast(
        points.select(name for name in REFERENCE_POINTS.names if name in points.columns)
    )


def own_laws(
    ladders: pl.DataFrame, points: pl.DataFrame, coefficients: pl.DataFrame, suite_version: str
) -> pl.DataFrame:
    """The laws determined by the measured points, as a `reference_laws` frame.

    Args:
        ladders: a `ladders` frame.
        points: a `reference_points` frame.
        coefficients: a `reference_coefficients` frame, for ladders of a published reference's runs.
        suite_version: the version in force.
    """
    rows = [
        ruler.law
        for _, _, ruler in _rulers(ladders, points, coefficients, suite_version)
        if ruler.law is not None
    ]
    return REFERENCE_LAWS.cast(pl.DataFrame(rows)) if rows else REFERENCE_LAWS.empty()


def own_rulers(
    ladders: pl.DataFrame, points: pl.DataFrame, coefficients: pl.DataFrame, suite_version: str
) -> pl.DataFrame:
    """Whether each ladder gives a law on each benchmark, and why not: an `own_rulers` frame."""
    rows = [
        {
            "reference_id": reference_id(ladder, suite_version),
            "benchmark": benchmark,
            "ladder": ladder,
            "suite_version": suite_version,
            "n_rungs": rungs.height,
            "n_measured": _n_measured(rungs, points, suite_version),
            "n_points": ruler.n_points,
            "n_score_points": ruler.n_score_points,
            "verdict": "insufficient" if ruler.law is None else "ok",
            "reason": ruler.reason,
        }
        for benchmark, (ladder, rungs), ruler in _rulers(
            ladders, points, coefficients, suite_version
        )
    ]
    return OWN_RULERS.cast(pl.DataFrame(rows)) if rows else OWN_RULERS.empty()


def _losses(eval_items: pl.DataFrame, suite_version: str) -> pl.DataFrame:
    """Conditional loss of each model on each benchmark."""
    items = eval_items.filter(
        pl.col("suite_version") == suite_version,
        pl.col("benchmark") == LOSSES,
        pl.col("subject").is_in(AVERAGED),
    )
    return (
        items.group_by("model_id", "revision", benchmark="subject")
        .agg(loss_nats_per_token=pl.col("answer_nll_nats_per_token").mean())
        .filter(pl.col("loss_nats_per_token") > 0)
    )


def _with_average(frame: pl.DataFrame, value: str) -> pl.DataFrame:
    """The frame with the mean of the five benchmarks added, for models that have all five."""
    average = (
        frame.group_by("model_id", "revision")
        .agg(pl.col(value).mean(), n=pl.col("benchmark").n_unique())
        .filter(pl.col("n") == len(AVERAGED))
        .select("model_id", "revision", pl.lit("AVERAGE").alias("benchmark"), value)
    )
    return pl.concat([frame.select(average.columns), average])


def _measured_rungs(ladders: pl.DataFrame, losses: pl.DataFrame) -> pl.DataFrame:
    """The measured models of the ladders, each with one revision.

    For a model without a revision in the file, the revision with the most benchmarks is used; of
    several, the last by name.
    """
    known = losses.group_by("model_id", "revision").agg(n=pl.len())
    return (
        ladders.join(known, on="model_id", suffix="_measured")
        .filter(pl.col("revision").fill_null(pl.col("revision_measured")) == pl.col("revision_measured"))
        .sort("ladder", "model_id", "revision", "n", "revision_measured", nulls_last=True)
        .unique(["ladder", "model_id", "revision"], keep="last", maintain_order=True)
        .select(
            "ladder", "model_id", "params", "tokens", "used_for",
            run_id=pl.concat_str("model_id", "revision", separator="@", ignore_nulls=True),
            revision="revision_measured",
        )
    )  # fmt: skip


def _n_measured(rungs: pl.DataFrame, points: pl.DataFrame, suite_version: str) -> int:
    """Number of ladder models with any point."""
    ids = points.filter(pl.col("reference_id") == reference_id(rungs["ladder"][0], suite_version))[
        "run_id"
    ].str.strip_suffix(" score")
    named = rungs.select(
        pl.concat_str("model_id", "revision", separator="@", ignore_nulls=True)
    ).to_series()
    return int(named.is_in(ids.unique().to_list()).sum())


def _rulers(
    ladders: pl.DataFrame, points: pl.DataFrame, coefficients: pl.DataFrame, suite_version: str
) -> Iterator[tuple[str, tuple[str, pl.DataFrame], Ruler]]:
    """The result of the fits for each ladder x benchmark."""
    for (ladder,), rungs in ladders.sort("ladder", "model_id").partition_by(
        "ladder", as_dict=True
    ).items():  # fmt: skip
        name = reference_id(str(ladder), suite_version)
        scales = rungs["scales"].drop_nulls().unique().to_list()
        for benchmark in (*AVERAGED, "AVERAGE"):
            published = coefficients.filter(
                pl.col("reference_id").is_in(scales), pl.col("benchmark") == benchmark
            )
            start = (
                ReferenceLaw.from_row(published.row(0, named=True)) if published.height else None
            )
            fitted = fitted_points(points, name, benchmark)
            yield benchmark, (str(ladder), rungs), _ruler(name, benchmark, fitted, start)


def _ruler(
    name: str, benchmark: str, fitted: pl.DataFrame, published: ReferenceLaw | None
) -> Ruler:
    """Fit both steps of one ladder and benchmark; without enough points, give the reason."""
    runs, scored = loss_step(fitted), score_step(fitted)
    n_points, n_scores = runs[0].size, scored[0].size
    if n_scores < FEWEST_SCORES:
        reason = f"{n_scores} models of the score step measured, {FEWEST_SCORES} needed"
        return Ruler(None, reason, n_points, n_scores)
    missing = _undetermined(*runs)
    try:
        if not missing:
            minima = fit_loss_law(*runs)
            loss, fit, n_minima = minima[0], "global", len(minima)
            said = f"fitted on {n_points} losses: global minimum"
        elif published is not None and n_points >= FEWEST_SCALED:
            loss, scale = _scaled(published.loss_law, *runs)
            fit, n_minima = "scaled", 1
            said = (
                f"loss law as published times {scale:.4f}, by {n_points} losses of its own runs "
                f"({missing})"
            )
        else:
            return Ruler(None, missing, n_points, n_scores)
        performance = fit_performance_law(*scored)
    except FitError as error:
        return Ruler(None, str(error), n_points, n_scores)
    reason = f"{said}; score step on {n_scores} models; both measured"
    law = law_row(
        name, benchmark, loss, performance, REFERENCE_TOKENS, n_points, n_minima, fit, reason
    )
    return Ruler(law, reason, n_points, n_scores)


def _undetermined(params: FloatArray, tokens: FloatArray, loss: FloatArray) -> str:
    """Reason why these runs do not determine a loss law; empty if they do."""
    if loss.size < FEWEST_LOSSES:
        return f"{loss.size} losses of known size and tokens measured, {FEWEST_LOSSES} needed"
    if np.unique(params).size < FEWEST_RUNGS:
        return f"{np.unique(params).size} sizes measured, {FEWEST_RUNGS} needed"
    ratio = tokens / params
    if ratio.max() < LEAST_SPREAD * ratio.min():
        return "tokens in proportion to parameters: the terms of the loss law cannot be told apart"
    return ""


def _scaled(
    published: LossLaw, params: FloatArray, tokens: FloatArray, loss: FloatArray
) -> tuple[LossFit, float]:
    """A published loss law multiplied by the factor that fits the losses best (least squares)."""
    scale = scale_of(published, params, tokens, loss, np.ones((1, loss.size)))[0]
    law = LossLaw(
        scale * published.a, published.alpha, scale * published.b, published.beta,
        scale * published.irreducible,
    )  # fmt: skip
    sse = loss_sse(law, params, tokens, loss)
    return LossFit(law, sse, sse), float(scale)


def scale_of(
    law: LossLaw, params: FloatArray, tokens: FloatArray, loss: FloatArray, weights: FloatArray
) -> FloatArray:
    """Factor between a loss law and losses in every resample, shape (B,).

    Args:
        law: the law that is scaled.
        params: N of each run, shape (n,).
        tokens: D of each run, shape (n,).
        loss: loss of each run in nats per token, shape (n,).
        weights: number of copies of each run in each resample, shape (B, n).
    """
    expected = law.loss(params, tokens)
    return np.asarray((weights @ (expected * loss)) / (weights @ expected**2))
