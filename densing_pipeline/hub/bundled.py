"""The `models` table from the facts bundled with the package."""

import polars as pl

from densing_pipeline.tables.published import MODELS


def models(base_models: pl.DataFrame, nmi_models: pl.DataFrame) -> pl.DataFrame:
    """Join the bundled base models and the models of the paper's Fig. 1.

    The paper's rows keep their own ids (`nmi-2025/<label>`), dates and parameter counts, because
    the figure differs from the public record for several models and the paper's numbers must be
    reproducible from the paper's values.

    Args:
        base_models: the fact table of that name.
        nmi_models: the fact table of that name.

    Returns:
        The `models` table.
    """
    public = base_models.with_columns(
        params_source=pl.lit("report"),
        is_base=pl.lit(value=True),
        relation=pl.lit("base"),
        base_evidence=pl.lit("listed as a pretrained model by its publisher"),
        canonical_id="model_id",
    )
    plotted = nmi_models.select(
        "model_id",
        "model",
        "organisation",
        "family",
        "release_date",
        "params_nonembedding",
        "params_active",
        "is_moe",
        "quantisation",
        "parent_id",
        "relation",
        "canonical_id",
        "source",
        release_date_basis=pl.lit("figure"),
        params_source=pl.lit("figure"),
        is_base=pl.col("relation") == "base",
        base_evidence=pl.lit("plotted among the base models of the paper's Fig. 1"),
    )
    # The figure's counts all leave out embeddings, and have no total.
    embeddings = (pl.col("params_total") - pl.col("params_nonembedding")).cast(pl.Int64)
    active = pl.col("params_active").cast(pl.Int64)
    return MODELS.cast(
        pl.concat([public, plotted], how="diagonal").with_columns(
            params_active_nonembedding=pl.when(pl.col("params_source") == "figure")
            .then(active)
            .when(active > embeddings)
            .then(active - embeddings)
        )
    )
