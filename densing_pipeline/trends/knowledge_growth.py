"""Growth of the density of knowledge: mean and frontier of instruct and thinking models, and two rivals.

A row's growth is the ratio of two coefficients of one regression of the score on ln N, years and thinking
(`density.knowledge_probes`): what a year brings over what ln N brings, which is the growth of
ln(N_eff / N) a year. The frontier is the 0.9 quantile of the same regression. Beside it stand the source's own
regression and the constant of the Densing Law.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from densing_pipeline import paper
from densing_pipeline.density.knowledge_probes import (
    PARAMS,
    RULER,
    SIZE,
    YEARS,
    Features,
    features,
    mean_lines,
    source_regression,
)
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import cluster_weights
from densing_pipeline.stats.smoothed_quantile import smoothed_quantile
from densing_pipeline.tables.dates import DAY_ZERO, newest
from densing_pipeline.trends.growth_rows import (
    GrowthRow,
    Made,
    Sample,
    Subject,
    from_draws,
    refused,
    stated,
)
from densing_pipeline.trends.series import FEWEST_DAYS, FEWEST_FAMILIES, FEWEST_MODELS

GROUP, POPULATION = "knowledge", "instruct-and-thinking"

TAU = 0.9

ABOVE_MEAN = 1.2816
"""Standard deviations from the mean to the 0.9 quantile of a normal distribution: where its search starts."""

SOURCE_REGRESSION, PAPER_CONSTANT = "source-regression", "paper-constant"
"""Estimators of the rivals."""


def knowledge_growth(probes: pl.DataFrame, *, draws: int, seed: int) -> Iterator[GrowthRow]:
    """Growth of the density of knowledge by total and active parameters, with intervals by vendor.

    Args:
        probes: a `knowledge_probes` frame.
        draws: resamples of vendors behind each interval.
        seed: seed of the resamples.
    """
    made = Made(newest(probes["observed_at"], otherwise=DAY_ZERO), draws, seed)
    used = probes.filter("used_in_fit").sort("release_date", "model")
    sample = Sample.of(used.rename({"model": "model_id"}), "vendor")
    lacking = _missing(used)
    constant = 12 / paper.DENSITY_DOUBLING_MONTHS * float(np.log(2))
    for basis in PARAMS:
        subject = Subject(RULER, GROUP, POPULATION, basis, "")
        told = f"the Densing Law's {paper.DENSITY_DOUBLING_MONTHS} months"
        yield stated(subject._replace(estimator=PAPER_CONSTANT), made, constant, told)
        if lacking:
            for estimator in ("ols-all", "quantile-0.9"):
                yield refused(subject._replace(estimator=estimator), sample, made, lacking)
            continue
        found = features(probes, basis)
        weights = np.vstack(
            [np.ones((1, used.height)), cluster_weights(tuple(used["vendor"]), draws, seed)]
        )
        means = mean_lines(found, weights)
        for estimator, lines in (
            ("ols-all", means),
            ("quantile-0.9", frontier_lines(found, weights, means)),
        ):
            growth = growth_of(lines)
            yield from_draws(
                subject._replace(estimator=estimator),
                sample,
                made,
                float(growth[0]),
                growth[1:],
                reason="instruct and thinking models; dates of variants are those of their family",
            )
    if not lacking:
        yield _source_row(probes, made)


def growth_of(lines: FloatArray) -> FloatArray:
    """Growth a year of ln density by regressions, shape (B,); NaN where the score does not rise with size."""
    rises = lines[:, SIZE] > 0
    growth = np.full(len(lines), np.nan)
    growth[rises] = lines[rises, YEARS] / lines[rises, SIZE]
    return growth


def frontier_lines(found: Features, weights: FloatArray, means: FloatArray) -> FloatArray:
    """Coefficients of the 0.9 quantile for every weighting, shape (B, 4), NaN where none is determined.

    Args:
        found: the regression.
        weights: shape (B, n).
        means: the least-squares coefficients of the same weightings, shape (B, 4).
    """
    determined = np.isfinite(means).all(axis=1)
    scale = float(np.std(found.score - found.features @ means[0]))
    start = means[determined] + np.array([ABOVE_MEAN * scale, 0, 0, 0])
    shape = (int(determined.sum()), *found.features.T.shape)
    lines = np.full(means.shape, np.nan)
    lines[determined] = smoothed_quantile(
        np.broadcast_to(found.features.T, shape),
        np.broadcast_to(found.score, (shape[0], shape[2])),
        TAU,
        weights[determined],
        start=start,
        scale=np.full(shape[0], scale),
    )
    return lines


def _missing(used: pl.DataFrame) -> str:
    """Why the models do not determine a growth; empty if they do."""
    for what, found, needed in (
        ("models with enough answers", used.height, FEWEST_MODELS),
        ("release days", used["release_date"].n_unique(), FEWEST_DAYS),
        ("vendors", used["vendor"].n_unique(), FEWEST_FAMILIES),
    ):
        if found < needed:
            return f"{what}: {found}, needed: {needed}"
    return ""


def _source_row(probes: pl.DataFrame, made: Made) -> GrowthRow:
    """The growth that the source's own regression implies."""
    own = source_regression(probes, paper.DENSITY_DOUBLING_MONTHS)
    told = (
        f"the source's own regression, of all its models: {own.per_month:+.5f} of the score a month, "
        f"{own.per_log10_params:.4f} per log10 N without the date; "
        f"the law would need {own.constant_per_month:+.5f}"
    )
    subject = Subject(RULER, GROUP, POPULATION, "total", SOURCE_REGRESSION)
    sample = Sample.of(probes.rename({"model": "model_id"}), "vendor")
    # Its author does not tell it from zero, so it has no doubling time.
    return stated(subject, made, own.growth_per_year, told, sample) | {"doubling_days": None}
