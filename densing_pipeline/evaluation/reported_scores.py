"""Rows of `scores` that come from published reports and from the paper's figure."""

import polars as pl

from densing_pipeline.benchmarks import AVERAGE_PROTOCOL
from densing_pipeline.facts.documents import with_days
from densing_pipeline.facts.score_rules import below_guessing
from densing_pipeline.tables.published import SCORES


def scores(
    reported_scores: pl.DataFrame,
    nmi_models: pl.DataFrame,
    base_models: pl.DataFrame,
    documents: pl.DataFrame,
) -> pl.DataFrame:
    """Reported scores that are not far below guessing, and the averages implied by the paper's figure.

    Args:
        reported_scores: the fact table of that name.
        nmi_models: the fact table of that name; its score is recomputed from density times
            parameters through the published curve, for the figure prints no scores. It counts as
            known from the release of its model.
        base_models: the fact table of that name.
        documents: the fact table `score_documents`.

    Returns:
        The `scores` table.
    """
    reported = (
        with_days(reported_scores, documents, base_models)
        .filter(~below_guessing())
        .with_columns(source_kind=pl.lit("reported"))
    )
    figure = nmi_models.select(
        "model_id",
        "score",
        "source",
        benchmark=pl.lit("AVERAGE"),
        protocol=pl.lit(AVERAGE_PROTOCOL),
        is_paper_protocol=pl.lit(value=True),
        source_kind=pl.lit("figure"),
        known_from="release_date",
        known_from_basis=pl.lit("figure"),
        observed_at=pl.lit(reported_scores["observed_at"].max()),
    )
    columns = [name for name in SCORES.names if name in reported.columns]
    return SCORES.cast(pl.concat([reported.select(columns), figure], how="diagonal"))
