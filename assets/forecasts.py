"""Assets of forecasts: implications of the trends, forecasts, and their scores."""

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.density.density_history import DensityHistory
from densing_pipeline.density.drawn_law import drawn_laws
from densing_pipeline.forecasts import claims, skill
from densing_pipeline.forecasts import forecasts as every_month
from densing_pipeline.forecasts import implications as consequences
from densing_pipeline.forecasts import pace_skill as pace_forecasts
from densing_pipeline.forecasts import scores as scoring
from densing_pipeline.forecasts.inputs import ForecastInputs, forecast_market
from densing_pipeline.forecasts.pooled_pace import PooledPaces
from densing_pipeline.hub.models import current
from densing_pipeline.orchestration.metadata import figure_metadata, skill_metadata
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.publication.charts.forecasts import forecasts as forecasts_chart
from densing_pipeline.publication.release import published_before
from densing_pipeline.settings import Settings
from densing_pipeline.tables import published
from densing_pipeline.tables.dates import newest_or_day_zero


@table_asset(published.IMPLICATIONS, group="forecasts")
def implications(
    densities: pl.DataFrame,
    compression: pl.DataFrame,
    reference_laws: pl.DataFrame,
    reference_law_draws: pl.DataFrame,
    price_frontier: pl.DataFrame,
    density_growth: pl.DataFrame,
    scores: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Implications of the growth of density: with hardware trends, for sizes, costs, compression."""
    return consequences.implications(
        densities,
        compression,
        reference_laws,
        drawn_laws(reference_laws, reference_law_draws),
        price_frontier,
        density_growth,
        as_of=newest_or_day_zero(scores["observed_at"]),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )


@table_asset(published.FORECASTS, group="forecasts", deps=["earlier_releases"])
def forecasts(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    prices: pl.DataFrame,
    price_polls: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Densest model and cheapest price 1 to 12 months ahead: as published, and rebuilt for every month end."""
    behind = (densities, models, scores, reference_laws)
    known = _known(behind, (prices, model_links, capability_levels, capability_index, price_polls))
    paces = PooledPaces(_history(models, scores, reference_laws), settings.seed)
    return every_month.forecasts(
        known._replace(pooled_pace=paces.as_of, prepare=paces.prepare),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
        previous=published_before(settings.publish_dir, "forecasts"),
    )


@table_asset(published.FORECAST_SCORES, group="forecasts", kinds=frozenset({"scoringrules"}))
def forecast_scores(
    forecasts: pl.DataFrame,
    densities: pl.DataFrame,
    models: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    prices: pl.DataFrame,
    price_polls: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame,
    price_frontier: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Scores of each forecast whose date has passed: CRPS, pinball losses, coverage."""
    known = _known(
        (densities, models, scores, reference_laws),
        (prices, model_links, capability_levels, capability_index, price_polls),
    )
    scored = scoring.forecast_scores(forecasts, known, price_frontier)
    figure = forecasts_chart({"forecasts": forecasts, "forecast_scores": scored})
    return dg.MaterializeResult(value=scored, metadata=figure_metadata(figure))


@table_asset(published.FORECAST_SKILL, group="forecasts")
def forecast_skill(
    forecast_scores: pl.DataFrame, prices: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[pl.DataFrame]:
    """Skill of each method relative to no change, the paper's constants and the last year's slope."""
    table = skill.forecast_skill(
        forecast_scores,
        as_of=newest_or_day_zero(prices["observed_from"]),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )
    return dg.MaterializeResult(value=table, metadata=skill_metadata(table))


@table_asset(published.CONTEXT_RATES, group="forecasts")
def context_rates() -> pl.DataFrame:
    """Rates of progress that others state of other quantities, to set beside density's, not to compare."""
    return facts.load("context_rates")


@table_asset(published.PACE_SKILL, group="forecasts", kinds=frozenset({"scoringrules"}))
def pace_skill(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """How well each growth curve, fitted at past month ends, forecast the models of the next months."""
    return pace_forecasts.pace_skill(
        densities,
        _history(models, scores, reference_laws).as_of,
        as_of=newest_or_day_zero(scores["observed_at"]),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )


@table_asset(published.PAPER_CLAIMS, group="forecasts")
def paper_claims(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    prices: pl.DataFrame,
    price_polls: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame,
    price_frontier: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Claims of the paper of December 2024, compared with the data since."""
    return claims.paper_claims(
        _known(
            (densities, models, scores, reference_laws),
            (prices, model_links, capability_levels, capability_index, price_polls),
        ),
        price_frontier,
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )


def _known(
    density_tables: tuple[pl.DataFrame, ...], price_tables: tuple[pl.DataFrame, ...]
) -> ForecastInputs:
    """Densities with what past days are rebuilt from, and the market."""
    densities, models, scores, reference_laws = density_tables
    history = _history(models, scores, reference_laws)
    market = forecast_market(*price_tables)
    return ForecastInputs.up_to_now(densities, history.as_of, market, history.prepare)


def _history(
    models: pl.DataFrame, scores: pl.DataFrame, reference_laws: pl.DataFrame
) -> DensityHistory:
    """The densities of past days, of the present weights of each model."""
    return DensityHistory.of(current(models), scores, reference_laws)
