"""Rows of `scores` that come from published reports and from the paper's figure."""

import polars as pl

from densing_pipeline.benchmarks import AVERAGE_PROTOCOL
from densing_pipeline.tables.published import SCORES


def scores(
    reported_scores: pl.DataFrame, nmi_models: pl.DataFrame, base_models: pl.DataFrame
) -> pl.DataFrame:
    """Reported scores, and the averages implied by the paper's figure.

    Args:
        reported_scores: the fact table of that name.
        nmi_models: the fact table of that name; its score is recomputed from density times
            parameters through the published curve, for the figure prints no scores.
        base_models: the fact table of that name. A document cannot be older than the newest model it
            scores, nor than the month of its arXiv number; `known_from` is the later of the two. A score
            of the figure counts as known from its model's release.

    Returns:
        The `scores` table.
    """
    released = base_models.select("model_id", "release_date")
    reported = reported_scores.join(released, on="model_id", how="left").with_columns(
        source_kind=pl.lit("reported"),
        known_from=pl.max_horizontal(
            pl.col("release_date").max().over("source_url"), _arxiv_month()
        ),
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
        observed_at=pl.lit(reported_scores["observed_at"].max()),
    )
    return SCORES.cast(pl.concat([reported.drop("release_date"), figure], how="diagonal"))


def _arxiv_month() -> pl.Expr:
    """First day of the month that an arXiv number in the source or its address begins with, else null."""
    number = pl.concat_str("source", "source_url", separator=" ").str.extract(
        r"(?i)arxiv\D{0,8}(\d{4})\.\d{5}"
    )
    return pl.concat_str(pl.lit("20"), number, pl.lit("01")).str.to_date("%Y%m%d", strict=False)
