"""Assets of density: density of each model, and how fast density grows."""

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.benchmarks import COMPARED
from densing_pipeline.density import compression as pairs
from densing_pipeline.density import densities as per_model
from densing_pipeline.density import direct_laws as direct
from densing_pipeline.density import leaders as densest
from densing_pipeline.density import measured_laws as measured
from densing_pipeline.density import pooled_scores as pooling
from densing_pipeline.density import reference_law_draws as refits
from densing_pipeline.density import reference_laws as references
from densing_pipeline.density import score_conflicts as conflicts
from densing_pipeline.density import text_ruler
from densing_pipeline.density.drawn_law import drawn_laws
from densing_pipeline.density.size_scale import score_ranges
from densing_pipeline.evaluation import score_gaps as gaps
from densing_pipeline.evaluation import suite
from densing_pipeline.headline import HEADLINE
from densing_pipeline.hub.models import current
from densing_pipeline.orchestration.metadata import (
    breaks_metadata,
    charted,
    figure_metadata,
    headline_metadata,
    sensitivity_metadata,
)
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES
from densing_pipeline.publication.charts.choices import choices
from densing_pipeline.publication.charts.compression import compression as compression_chart
from densing_pipeline.publication.charts.density import density_today
from densing_pipeline.publication.charts.paces import paces as paces_chart
from densing_pipeline.publication.charts.rulers import rulers as rulers_chart
from densing_pipeline.settings import Settings
from densing_pipeline.tables import published
from densing_pipeline.tables.dates import newest_or_day_zero
from densing_pipeline.trends import benchmark_growth as by_group
from densing_pipeline.trends import coverage_table
from densing_pipeline.trends import densing_law as trend
from densing_pipeline.trends import density_paces as paces
from densing_pipeline.trends import knowledge_growth as by_facts
from densing_pipeline.trends import sensitivity as multiverse
from densing_pipeline.trends import text_growth as by_text
from densing_pipeline.trends import trend_breaks as breaks
from densing_pipeline.trends.growth_rows import density_growth as growth_table
from densing_pipeline.trends.pooled_rows import pooled_rows
from densing_pipeline.trends.simulate import SIMULATIONS


@table_asset(published.SOURCE_EFFECTS, group="density")
def source_effects(scores: pl.DataFrame) -> pl.DataFrame:
    """How far independent reports of one model disagree, and by how much makers report more."""
    return pooling.source_effects(scores)


@table_asset(published.POOLED_SCORES, group="density")
def pooled_scores(scores: pl.DataFrame, source_effects: pl.DataFrame) -> pl.DataFrame:
    """One score per model and benchmark: the mean of its independent reports, with its error."""
    return pooling.pooled_scores(scores, source_effects)


@table_asset(published.SCORE_CONFLICTS, group="density")
def score_conflicts(scores: pl.DataFrame, pooled_scores: pl.DataFrame) -> pl.DataFrame:
    """Reports of one score that differ by more than 20 points, and which of them is used."""
    return conflicts.score_conflicts(scores, pooled_scores)


@table_asset(published.REFERENCE_POINTS, group="density")
def reference_points(
    eval_items: pl.DataFrame, scores: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> pl.DataFrame:
    """Losses and scores of the reference models, published and measured by us."""
    ladders = facts.ladders(settings.ladders)
    ours = measured.own_points(
        ladders, eval_items, scores, suite.version(suite.in_force(settings.evaluation_data))
    )
    return pl.concat([facts.load("reference_points"), ours])


@table_asset(published.REFERENCE_LAWS, group="density", kinds=frozenset({"scipy"}))
def reference_laws(
    reference_points: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> pl.DataFrame:
    """Scaling laws that turn a score into effective parameters: published, refitted and our own."""
    coefficients = facts.load("reference_coefficients")
    ladders = facts.ladders(settings.ladders)
    ours = measured.own_laws(
        ladders,
        reference_points,
        coefficients,
        suite.version(suite.in_force(settings.evaluation_data)),
    )
    return pl.concat([references.reference_laws(reference_points, coefficients), ours])


@table_asset(published.OWN_RULERS, group="density")
def own_rulers(
    reference_points: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> pl.DataFrame:
    """Whether each ladder of models that we measured gives a reference law, and if not, why."""
    ladders, coefficients = (
        facts.ladders(settings.ladders),
        facts.load("reference_coefficients"),
    )
    return measured.own_rulers(
        ladders,
        reference_points,
        coefficients,
        suite.version(suite.in_force(settings.evaluation_data)),
    )


@table_asset(published.REFERENCE_LAW_DRAWS, group="density")
def reference_law_draws(
    reference_laws: pl.DataFrame,
    reference_points: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Every reference law refitted to 200 resamples of its training runs."""
    return refits.reference_law_draws(reference_laws, reference_points, seed=settings.seed)


@table_asset(published.DIRECT_LAWS, group="density")
def direct_laws(
    models: pl.DataFrame, scores: pl.DataFrame, reference_points: pl.DataFrame
) -> pl.DataFrame:
    """Laws from parameters straight to score: of the reference ladder, and of one model family."""
    return direct.direct_laws(models, scores, reference_points)


@table_asset(published.DENSITIES, group="density")
def densities(
    models: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    reference_law_draws: pl.DataFrame,
    direct_laws: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Capacity density of every model under every reference law and parameter basis."""
    return per_model.densities(
        current(models),
        scores,
        reference_laws,
        reference_law_draws,
        direct_laws,
        seed=settings.seed,
    )


@table_asset(published.SCORE_GAPS, group="evaluation")
def score_gaps(scores: pl.DataFrame) -> pl.DataFrame:
    """Measured scores beside the reported scores of the same model under the same protocol."""
    return gaps.score_gaps(scores)


@table_asset(published.CONTAMINATION, group="evaluation")
def contamination(scores: pl.DataFrame) -> pl.DataFrame:
    """Difference of measured scores between MMLU and its rewritten form, MMLU-CF, by model."""
    return gaps.contamination(scores)


@table_asset(published.COMPRESSION, group="density")
def compression(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    reference_laws: pl.DataFrame,
    reference_law_draws: pl.DataFrame,
    direct_laws: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pl.DataFrame]:
    """Density of pruned, distilled and quantised models compared with that of their parents."""
    table = pairs.compression(
        densities,
        current(models),
        facts.load("compression_pairs"),
        reference_laws,
        direct_laws,
        drawn_laws(reference_laws, reference_law_draws),
        seed=settings.seed,
    )
    return charted(table, compression_chart({"compression": table, "models": models}))


@table_asset(published.DENSING_LAW, group="density", kinds=frozenset({"scipy"}))
def densing_law(
    densities: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    reference_law_draws: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pl.DataFrame]:
    """Doubling time of capacity density by reference law, score set, window and estimator."""
    law = trend.densing_law(
        densities,
        as_of=newest_or_day_zero(scores["observed_at"]),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
        laws=drawn_laws(reference_laws, reference_law_draws),
        simulations=min(SIMULATIONS, settings.bootstrap_draws // 5),
    )
    tables = {"densities": densities, "densing_law": law}
    return dg.MaterializeResult(
        value=law, metadata=headline_metadata(law) | figure_metadata(density_today(tables))
    )


@table_asset(published.TREND_BREAKS, group="density")
def trend_breaks(
    densities: pl.DataFrame, scores: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[pl.DataFrame]:
    """Tests for faster growth of density from ChatGPT on, or from any date, with their power."""
    found = breaks.trend_breaks(
        densities,
        as_of=newest_or_day_zero(scores["observed_at"]),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
    )
    return dg.MaterializeResult(value=found, metadata=breaks_metadata(found))


@table_asset(published.DENSITY_PACES, group="density")
def density_paces(
    densities: pl.DataFrame,
    densing_law: pl.DataFrame,
    reference_laws: pl.DataFrame,
    reference_law_draws: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pl.DataFrame]:
    """Pace of density today by a line over all models, over 24 months, a saturating and a broken one."""
    table = paces.density_paces(
        densities,
        densing_law,
        draws=settings.bootstrap_draws,
        seed=settings.seed,
        laws=drawn_laws(reference_laws, reference_law_draws),
    )
    return charted(table, paces_chart({"density_paces": table}))


@table_asset(published.DENSITY_GROWTH, group="density")
def density_growth(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    scores: pl.DataFrame,
    pooled_scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    reference_law_draws: pl.DataFrame,
    reported_fresh_text: pl.DataFrame,
    fresh_text: pl.DataFrame,
    knowledge_probes: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pl.DataFrame]:
    """How fast density grows by every ruler: what gets denser, by total and by active parameters."""
    laws = drawn_laws(reference_laws, reference_law_draws)
    as_of = newest_or_day_zero(scores["observed_at"])
    draws, seed = settings.bootstrap_draws, settings.seed
    texts = text_ruler.known_texts(reported_fresh_text, fresh_text, current(models))
    table = growth_table(
        by_group.benchmark_growth(densities, laws, as_of=as_of, draws=draws, seed=seed),
        by_text.text_growth(texts, densities, laws, draws=draws, seed=seed),
        by_facts.knowledge_growth(knowledge_probes, draws=draws, seed=seed),
        pooled_rows(
            current(models),
            pooled_scores,
            score_ranges(reference_laws),
            score_ranges(reference_laws, tuple(COMPARED)),
            as_of=as_of,
            draws=draws,
            seed=seed,
        ),
    )
    figure = rulers_chart({"density_growth": table})
    return dg.MaterializeResult(
        value=table, metadata=headline_metadata(table) | figure_metadata(figure)
    )


@table_asset(published.INTERVAL_COVERAGE, group="density")
def interval_coverage() -> pl.DataFrame:
    """How often the intervals of the pace of density hold it in artificial worlds; simulated beforehand."""
    return coverage_table.interval_coverage()


@table_asset(published.SENSITIVITY, group="density")
def sensitivity(
    models: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    densing_law: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pl.DataFrame]:
    """Doubling time under every combination of reference law, D0, scores, window and estimator."""
    table = multiverse.sensitivity(
        models,
        scores,
        reference_laws,
        as_of=newest_or_day_zero(scores["observed_at"]),
        draws=settings.bootstrap_draws,
        seed=settings.seed,
        quoted=next(densing_law.filter("is_headline").iter_rows(named=True), None),
    )
    figure = choices({"sensitivity": table})
    return dg.MaterializeResult(
        value=table, metadata=sensitivity_metadata(table) | figure_metadata(figure)
    )


@table_asset(published.LEADERS, group="density")
def leaders(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    reference_laws: pl.DataFrame,
    reference_law_draws: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """The densest models of the quoted series, each with the probability that it is the densest."""
    quoted = [HEADLINE[:3], *((CURRENT[0], CURRENT[1], basis) for basis in CURRENT_BASES)]
    return densest.leaders(
        densities, models, reference_laws, reference_law_draws, quoted, seed=settings.seed
    )
