"""Growth of density by compression of fresh text, and of density on benchmarks over the same models.

Not here: the ruler and the densities (`density.text_ruler`).
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from densing_pipeline.density.drawn_law import DrawnLaws
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.text_ruler import ALL_TEXTS, GROUPS, RULER, fit_ruler, of_group
from densing_pipeline.headline import HEADLINE
from densing_pipeline.tables.dates import DAY_ZERO, newest
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
    fresh_text: pl.DataFrame, densities: pl.DataFrame, laws: DrawnLaws, *, draws: int, seed: int
) -> Iterator[GrowthRow]:
    """Growth on every group of texts over all models, and on text and benchmark over those that have both.

    All models are dense, so rows are by total parameters, which are the active ones too. Intervals hold the
    error of the ruler.

    Args:
        fresh_text: a `reported_fresh_text` frame.
        densities: a `densities` frame.
        laws: draws of the reference laws.
        draws: resamples of families behind each interval.
        seed: seed of the resamples and of the ruler's draws.
    """
    as_of = newest(fresh_text["observed_at"], otherwise=DAY_ZERO)
    made = Made(as_of, draws, seed)
    benchmark = densities.filter(
        pl.col("reference_id") == HEADLINE.reference_id,
        pl.col("score_set") == BENCHMARK_SET,
        pl.col("params_basis") == BASIS,
        pl.col("density").is_not_null(),
        pl.col("model_id").is_in(of_group(fresh_text, ALL_TEXTS)["model_id"].to_list()),
    )
    for group in GROUPS:
        models = of_group(fresh_text, group)
        both = models.filter(pl.col("model_id").is_in(benchmark["model_id"].to_list()))
        for population, chosen in ((BASE, models), (ON_BOTH, both)):
            if population == ON_BOTH and group != ALL_TEXTS:
                continue
            subject = Subject(RULER, group, population, BASIS, "")
            sample = Sample.of(chosen)
            try:
                series = _series(chosen, models, group, seed)
            except FitError as error:
                for estimator in ESTIMATORS:
                    yield refused(subject._replace(estimator=estimator), sample, made, str(error))
                continue
            largest = chosen["params_total"].max()
            told = f"models of at most {float(largest or 0) / 1e9:.0f} B parameters"  # type: ignore[arg-type]
            yield from rows_of_series(series, sample, subject, made, reason=f"{told}; {CAVEAT}")
    yield from rows_of_series(
        from_frame(benchmark, laws.get((HEADLINE.reference_id, BENCHMARK_SET))),
        Sample.of(benchmark),
        Subject(HEADLINE.reference_id, BENCHMARK_GROUP, ON_BOTH, BASIS, ""),
        made,
        reason="MMLU, over the models that have a density on fresh text",
    )


def _series(chosen: pl.DataFrame, models: pl.DataFrame, group: str, seed: int) -> Series:
    """Logarithm of density of the chosen models by a ruler fitted to the line among all of them."""
    ruler = fit_ruler(models, group, seed=seed)
    ln_density = ruler.ln_effective(chosen["bits_per_byte"].to_numpy()) - np.log(
        chosen["params_total"].cast(pl.Float64).to_numpy()
    )
    days = (chosen["release_date"] - DAY_ZERO).dt.total_days().cast(pl.Float64).to_numpy()
    return Series(days, ln_density[0], tuple(chosen["family"]), ln_density[1:])
