"""Growth of density by group of benchmarks: knowledge, reasoning, mathematics, code.

The density of a model on a group is the geometric mean of its densities on the group's benchmarks, of
models that have them all; the estimators are those of `densing_law`. Not here: which benchmark belongs to
which group (`benchmarks`), and other rulers.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import polars as pl

from densing_pipeline.benchmarks import AVERAGED, REGISTRY
from densing_pipeline.density.drawn_law import DrawnLaws
from densing_pipeline.headline import HEADLINE
from densing_pipeline.stats.intervals import cluster_weights
from densing_pipeline.tables.dates import DAYS_PER_YEAR
from densing_pipeline.trends.estimate import NoEstimateError, estimate
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.growth_rows import (
    GrowthRow,
    Made,
    Sample,
    Subject,
    from_draws,
    refused,
)
from densing_pipeline.trends.series import Series, from_frame, missing

BASE = "base"
"""Population: base models, as opposed to instruct and thinking models."""

BASES = ("total", "active")
"""Parameter bases: those whose answers differ."""

ESTIMATORS = ("quantile-0.9", "ols-all")
"""Estimators: the frontier as in the headline, and the mean."""

GROUPS: dict[str, tuple[str, ...]] = {
    group: tuple(name for name in AVERAGED if REGISTRY[name].group == group)
    for group in dict.fromkeys(REGISTRY[name].group for name in AVERAGED)
}
"""Benchmarks of the paper's suite by group."""


def benchmark_growth(
    densities: pl.DataFrame, laws: DrawnLaws, *, as_of: date, draws: int, seed: int
) -> Iterator[GrowthRow]:
    """Growth of density of base models on every group of benchmarks, under the headline's reference law.

    Args:
        densities: a `densities` frame.
        laws: draws of the reference laws, so that intervals hold the law's error.
        as_of: last release day that counts.
        draws: resamples of families behind each interval.
        seed: seed of the resamples.
    """
    ruler, made = HEADLINE.reference_id, Made(as_of, draws, seed)
    known = densities.filter(
        pl.col("reference_id") == ruler,
        pl.col("density").is_not_null(),
        pl.col("release_date") <= as_of,
    )
    for group, benchmarks in GROUPS.items():
        score_sets = [name.lower() for name in benchmarks]
        for basis in BASES:
            models = known.filter(
                pl.col("score_set").is_in(score_sets), pl.col("params_basis") == basis
            )
            models = models.filter(pl.len().over("model_id") == len(score_sets))
            yield from rows_of_series(
                grouped(models, score_sets, ruler, laws),
                Sample.of(models),
                Subject(ruler, group, BASE, basis, ""),
                made,
                reason=f"geometric mean of the densities on {' and '.join(benchmarks)}"
                if len(benchmarks) > 1
                else benchmarks[0],
            )


def grouped(
    models: pl.DataFrame, score_sets: Sequence[str], reference_id: str, laws: DrawnLaws
) -> Series:
    """The mean of ln density over several score sets, of models that have a density on all of them.

    Args:
        models: rows of `densities`, of one reference law and parameter basis; every model in each of
            the score sets.
        score_sets: the score sets.
        reference_id: the reference law.
        laws: draws of the reference laws; draw k belongs to one resample of the training runs on all
            benchmarks.
    """
    parts = [
        from_frame(models.filter(score_set=name), laws.get((reference_id, name)))
        for name in score_sets
    ]
    fewest = min(len(part.drawn) for part in parts)
    with np.errstate(invalid="ignore"):  # a draw too low on one benchmark and too high on another
        drawn = np.mean([part.drawn[:fewest] for part in parts], axis=0)
    values = np.mean([part.values for part in parts], axis=0)
    return Series(parts[0].days, values, parts[0].families, drawn)


def rows_of_series(
    series: Series, sample: Sample, subject: Subject, made: Made, *, reason: str
) -> Iterator[GrowthRow]:
    """Growth of one series by each estimator of `ESTIMATORS`.

    Args:
        series: the models.
        sample: what is said of them.
        subject: what the growth is of; its estimator is replaced.
        made: resamples and their seed.
        reason: what the densities are of, and caveats.
    """
    lacking = missing(series)
    for name in ESTIMATORS:
        own = subject._replace(estimator=name)
        if lacking:
            yield refused(own, sample, made, lacking)
            continue
        try:
            weights = cluster_weights(series.families, made.draws, made.seed)
            found = estimate(TREND_ESTIMATORS[name], series, ALWAYS, weights)
        except NoEstimateError as error:
            yield refused(own, sample, made, str(error))
            continue
        told = reason if found.whole else f"{reason}; the error of the ruler is left out"
        slopes = found.lines.slope * DAYS_PER_YEAR
        yield from_draws(own, sample, made, found.slope * DAYS_PER_YEAR, slopes, reason=told)
