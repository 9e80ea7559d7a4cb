"""How well the models do."""

import polars as pl

from densing_pipeline import facts
from densing_pipeline.evaluation import reported
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.tables.published import SCORES


@table_asset(SCORES, group="evaluation")
def scores() -> pl.DataFrame:
    """Benchmark scores with protocol and source: reported ones, and averages read off the paper."""
    return reported.scores(facts.load("reported_scores"), facts.load("nmi_models"))
