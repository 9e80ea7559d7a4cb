"""Assets of models: polls of the Hub, and the `models` table."""

import dagster as dg
import polars as pl

from densing_pipeline import clock, facts
from densing_pipeline.hub import bundled, client, poll, watermark
from densing_pipeline.hub import models as known
from densing_pipeline.hub.claimed_scores import table as claims
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.tables import table_asset, tables_asset
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import CLAIMED_SCORES, HUB_NIGHTS, MODEL_QUARANTINE, MODELS


@table_asset(HUB_NIGHTS, group="hub")
def hub_nights(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
) -> pl.DataFrame:
    """Every poll of the Hub for new models: period read, number of requests, and outcome."""
    zone = LandingZone(settings.landing_dir)
    if settings.hub_poll:
        night = poll.poll(
            zone,
            settings.hub_cache_dir,
            client.Hub.of(settings, settings.hub_poll_seconds),
            poll.Limits.of(settings),
            facts.load("base_models")["model_id"],
            clock.now,
        )
        context.log.info(f"poll of the Hub: {night.outcome}; {night.message}")
    return watermark.table(zone)


@tables_asset(
    (MODELS, MODEL_QUARANTINE),
    (
        "Base models with release date, parameter counts, licence and state on the Hub, and the "
        "paper's 51 models.",
        "Repositories of the Hub that something cannot be right about, with the reason.",
    ),
    group="hub",
    deps=("hub_nights",),
)
def models(settings: dg.ResourceParam[Settings]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The bundled models joined with the landed records of the Hub."""
    zone = LandingZone(settings.landing_dir)
    base_models = facts.load("base_models")
    found, refused = known.landed(zone, settings.hub_cache_dir, set(base_models["model_id"]))
    return known.models(bundled.models(base_models, facts.load("nmi_models")), found, refused)


@table_asset(CLAIMED_SCORES, group="hub", deps=("hub_nights",))
def claimed_scores(models: pl.DataFrame, settings: dg.ResourceParam[Settings]) -> pl.DataFrame:
    """Scores that repositories of base models claim on the Hub, and why they do not enter scores."""
    return claims.claimed_scores(LandingZone(settings.landing_dir), models)
