"""The paper's models under the reference laws, and made-up series."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.densities import densities
from densing_pipeline.density.reference_laws import reference_laws
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.hub import bundled
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import DENSITIES, REFERENCE_POINTS


@pytest.fixture(scope="session")
def models_and_scores() -> tuple[pl.DataFrame, pl.DataFrame]:
    """The `models` and `scores` tables of the bundled facts."""
    base, plotted = facts.load("base_models"), facts.load("nmi_models")
    return (
        bundled.models(base, plotted),
        reported_scores.scores(
            facts.load("reported_scores"), plotted, base, facts.load("score_documents")
        ),
    )


@pytest.fixture(scope="session")
def real_densities(models_and_scores: tuple[pl.DataFrame, pl.DataFrame]) -> pl.DataFrame:
    laws = reference_laws(
        REFERENCE_POINTS.cast(facts.load("reference_points")), facts.load("reference_coefficients")
    )
    return densities(*models_and_scores, laws)


SeriesMaker = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def headline_series() -> SeriesMaker:
    """Makes a `densities` frame of the headline series from days, ln densities and families."""

    def make(
        days: Sequence[float], values: Sequence[float | None], families: Sequence[str] | None = None
    ) -> pl.DataFrame:
        density = [None if value is None else float(np.exp(value)) for value in values]
        return DENSITIES.cast(
            pl.DataFrame(
                {
                    "model_id": [f"org/m{i:04d}" for i in range(len(days))],
                    "family": families or [f"family {i % 7}" for i in range(len(days))],
                    "release_date": [DAY_ZERO + timedelta(days=int(day)) for day in days],
                    "reference_id": "nmi-2025",
                    "score_set": "nmi-2025-average",
                    "params_basis": "nonembedding",
                    "params": 1e9,
                    "score": 0.5,
                    "effective_params": [None if d is None else d * 1e9 for d in density],
                    "density": density,
                    "censored": ["high" if d is None else "none" for d in density],
                    "is_record": False,
                },
                schema_overrides={
                    "release_date": pl.Date, "density": pl.Float64, "effective_params": pl.Float64
                },
            )
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def as_of() -> date:
    return date(2026, 11, 23)
