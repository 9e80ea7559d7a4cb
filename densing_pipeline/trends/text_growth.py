"""Growth of density by compression of fresh text, and of density on benchmarks over the same models.

Not here: the ruler and the densities (`density.text_ruler`).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from densing_pipeline.density.drawn_law import DrawnLaws
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.text_ruler import ALL_TEXTS, RULER, Texts, fit_ruler
from densing_pipeline.headline import HEADLINE
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.trends.benchmark_growth import BASE, ESTIMATORS, rows_of_series
from densing_pipeline.trends.growth_rows import GrowthRow, Made, Sample, Subject, refused
from densing_pipeline.trends.series import Series, from_frame

ON_BOTH = "base-on-both"
"""Population: base models with a density on fresh text and on the benchmark beside it."""

BENCHMARK_SET, BENCHMARK_GROUP = "mmlu", "knowledge"
"""The score set that most of these models have, and the group of its benchmark."""

BASIS = "total"

CAVEAT = "models as their source chose them; text after their release, its month not stated"


def text_growth(
    texts: Sequence[Texts], densities: pl.DataFrame, laws: DrawnLaws, *, draws: int, seed: int
) -> Iterator[GrowthRow]:
    """Growth on every group of texts, and on text and benchmark over the bundled models that have both.

    Intervals hold the error of the ruler.

    Args:
        texts: the models on each group of texts (`density.text_ruler`).
        densities: a `densities` frame.
        laws: draws of the reference laws.
        draws: resamples of families behind each interval.
        seed: seed of the resamples and of the ruler's draws.
    """
    for one in texts:
        for basis in one.bases:
            yield from _rows(one, basis, BASE, one.models, Made(one.as_of, draws, seed), seed)
    bundled = next((one for one in texts if (one.ruler, one.group) == (RULER, ALL_TEXTS)), None)
    if bundled is None:
        return
    made = Made(bundled.as_of, draws, seed)
    benchmark = densities.filter(
        pl.col("reference_id") == HEADLINE.reference_id,
        pl.col("score_set") == BENCHMARK_SET,
        pl.col("params_basis") == BASIS,
        pl.col("density").is_not_null(),
        pl.col("model_id").is_in(bundled.models["model_id"].to_list()),
    )
    both = bundled.models.filter(pl.col("model_id").is_in(benchmark["model_id"].to_list()))
    yield from _rows(bundled, BASIS, ON_BOTH, both, made, seed)
    yield from rows_of_series(
        from_frame(benchmark, laws.get((HEADLINE.reference_id, BENCHMARK_SET))),
        Sample.of(benchmark),
        Subject(HEADLINE.reference_id, BENCHMARK_GROUP, ON_BOTH, BASIS, ""),
        made,
        reason="MMLU, over the models that have a density on fresh text",
    )


def _rows(
    texts: Texts, basis: str, population: str, chosen: pl.DataFrame, made: Made, seed: int
) -> Iterator[GrowthRow]:
    """Growth of some of the models on one group of texts, by a ruler fitted to the line among all of them."""
    counts = texts.params.filter(params_basis=basis).select("model_id", "params")
    models = chosen.join(counts, on="model_id", maintain_order="left")
    subject = Subject(texts.ruler, texts.group, population, basis, "")
    sample = Sample.of(models)
    try:
        ruler = fit_ruler(texts.models, texts.group, seed=seed)
    except FitError as error:
        for estimator in ESTIMATORS:
            yield refused(subject._replace(estimator=estimator), sample, made, str(error))
        return
    ln_effective = ruler.ln_effective(models["bits_per_byte"].to_numpy())
    ln_density = ln_effective - np.log(models["params"].to_numpy())
    days = (models["release_date"] - DAY_ZERO).dt.total_days().cast(pl.Float64).to_numpy()
    series = Series(days, ln_density[0], tuple(models["family"]), ln_density[1:])
    largest = models["params"].max()
    told = f"models of at most {float(largest or 0) / 1e9:.0f} B parameters"  # type: ignore[arg-type]
    caveat = CAVEAT if texts.ruler == RULER else "text of one month after their release"
    yield from rows_of_series(series, sample, subject, made, reason=f"{told}; {caveat}")
