"""Which models exist."""

import polars as pl

from densing_pipeline import facts
from densing_pipeline.hub import bundled
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.tables.published import MODELS


@table_asset(MODELS, group="hub")
def models() -> pl.DataFrame:
    """Base models with release date, parameter counts and licence, and the paper's 51 models."""
    return bundled.models(facts.load("base_models"), facts.load("nmi_models"))
