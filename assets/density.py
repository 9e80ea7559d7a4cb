"""How dense the models are, and how fast density grows."""

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.density import compression as pairs
from densing_pipeline.density import densities as per_model
from densing_pipeline.density import laws
from densing_pipeline.hub.models import current
from densing_pipeline.orchestration.metadata import figure_metadata, headline_metadata
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.publication.figures import density_figure
from densing_pipeline.settings import Settings
from densing_pipeline.tables import published
from densing_pipeline.tables.dates import newest
from densing_pipeline.trends import densing_law as trend


@table_asset(published.REFERENCE_POINTS, group="density")
def reference_points() -> pl.DataFrame:
    """Losses and scores of the reference models that density is measured against."""
    return facts.load("reference_points")


@table_asset(published.REFERENCE_LAWS, group="density", kinds=frozenset({"scipy"}))
def reference_laws(reference_points: pl.DataFrame) -> pl.DataFrame:
    """Scaling laws that turn a score into effective parameters: published and refitted."""
    return laws.reference_laws(reference_points, facts.load("reference_coefficients"))


@table_asset(published.DENSITIES, group="density")
def densities(
    models: pl.DataFrame, scores: pl.DataFrame, reference_laws: pl.DataFrame
) -> pl.DataFrame:
    """Capacity density of every model under every reference law and parameter basis."""
    return per_model.densities(current(models), scores, reference_laws)


@table_asset(published.COMPRESSION, group="density")
def compression(densities: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """Density of pruned, distilled and quantised models beside that of their parents."""
    return pairs.compression(densities, current(models), facts.load("compression_pairs"))


@table_asset(published.DENSING_LAW, group="density", kinds=frozenset({"scipy"}))
def densing_law(
    densities: pl.DataFrame, scores: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[pl.DataFrame]:
    """Doubling time of capacity density by reference law, score set, window and estimator."""
    law = trend.densing_law(
        densities,
        as_of=newest(scores["observed_at"]),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )
    tables = {"densities": densities, "densing_law": law}
    return dg.MaterializeResult(
        value=law, metadata=headline_metadata(law) | figure_metadata(density_figure(tables))
    )
