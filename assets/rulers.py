"""Assets of rulers that are no benchmark: fresh text and obscure facts, and the gap to benchmarks."""

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.density import benchmark_gap as gaps
from densing_pipeline.density import knowledge_probes as probes
from densing_pipeline.density import text_ruler as texts
from densing_pipeline.density.drawn_law import drawn_laws
from densing_pipeline.hub.models import current
from densing_pipeline.orchestration.metadata import charted
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.publication.charts.fresh_text import fresh as fresh_text_chart
from densing_pipeline.settings import Settings
from densing_pipeline.tables import published
from densing_pipeline.tables.width import with_told_ends


@table_asset(published.REPORTED_FRESH_TEXT, group="density")
def reported_fresh_text(benchmark_reports: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """How well base models compress text that was written after their release, in bits per byte."""
    return texts.with_polls(facts.load("reported_fresh_text"), benchmark_reports, current(models))


@table_asset(published.KNOWLEDGE_PROBES, group="density")
def knowledge_probes(benchmark_reports: pl.DataFrame) -> pl.DataFrame:
    """Share of obscure facts that instruct and thinking models know, by the newest poll of the source."""
    return probes.with_polls(facts.load("knowledge_probes"), benchmark_reports)


@table_asset(published.RULER_DENSITIES, group="density")
def ruler_densities(
    reported_fresh_text: pl.DataFrame,
    fresh_text: pl.DataFrame,
    models: pl.DataFrame,
    knowledge_probes: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Density of each model by compression of fresh text, and by knowledge of obscure facts."""
    on_texts = texts.known_texts(reported_fresh_text, fresh_text, current(models))
    rows = [
        *texts.text_densities(on_texts, seed=settings.seed),
        *probes.knowledge_densities(knowledge_probes),
    ]
    if not rows:
        return published.RULER_DENSITIES.empty()
    made = pl.DataFrame(rows, infer_schema_length=None)
    return with_told_ends(
        published.RULER_DENSITIES, made, "density_low", "density_high", of="density"
    )


@table_asset(published.BENCHMARK_GAP, group="density")
def benchmark_gap(
    densities: pl.DataFrame,
    reported_fresh_text: pl.DataFrame,
    direct_laws: pl.DataFrame,
    reference_laws: pl.DataFrame,
    reference_law_draws: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pl.DataFrame]:
    """Which models are denser on benchmarks than on text that they cannot have seen."""
    table = gaps.benchmark_gap(
        densities,
        reported_fresh_text,
        direct_laws,
        drawn_laws(reference_laws, reference_law_draws),
        seed=settings.seed,
    )
    return charted(table, fresh_text_chart({"benchmark_gap": table}))
