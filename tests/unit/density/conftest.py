"""Reference points and published coefficients as bundled."""

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.reference_laws import reference_laws
from densing_pipeline.tables.published import REFERENCE_POINTS


@pytest.fixture(scope="session")
def points() -> pl.DataFrame:
    return REFERENCE_POINTS.cast(facts.load("reference_points"))


@pytest.fixture(scope="session")
def coefficients() -> pl.DataFrame:
    return facts.load("reference_coefficients")


@pytest.fixture(scope="session")
def laws(points: pl.DataFrame, coefficients: pl.DataFrame) -> pl.DataFrame:
    return reference_laws(points, coefficients)
