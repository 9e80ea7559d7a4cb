"""Assets of cost: how fast the price of a fixed capability falls."""

import dagster as dg
import polars as pl

from densing_pipeline import facts
from densing_pipeline.cost import (
    comparisons,
    decomposition,
    frontier,
    halving,
    index,
    index_levels,
    levels,
    membership,
    records,
    task_costs,
)
from densing_pipeline.cost.market import Market
from densing_pipeline.orchestration.metadata import (
    answer_metadata,
    charted,
    halving_metadata,
)
from densing_pipeline.orchestration.tables import table_asset
from densing_pipeline.publication.answers import price_answer
from densing_pipeline.publication.charts.causes import causes as causes_chart
from densing_pipeline.publication.charts.index import index as index_chart
from densing_pipeline.publication.charts.price import price as price_chart
from densing_pipeline.score_sources.index_values import index_scores
from densing_pipeline.settings import Settings
from densing_pipeline.tables import published


@table_asset(published.CAPABILITY_LEVELS, group="cost")
def capability_levels(capability_index: pl.DataFrame) -> pl.DataFrame:
    """Capability levels, and the scores or the values of the index's newest vintage that define them."""
    return index_levels.capability_levels(
        facts.load("capability_levels"), facts.load("index_levels"), capability_index
    )


@table_asset(published.LEVEL_MEMBERSHIPS, group="cost", kinds=frozenset({"scipy"}))
def level_memberships(
    capability_levels: pl.DataFrame, capability_index: pl.DataFrame
) -> pl.DataFrame:
    """Probability that each model reaches each level, from the errors of the scores or values."""
    nothing = published.PRICES.empty(), published.MODEL_LINKS.empty()
    market = _market(*nothing, capability_levels, capability_index)
    return levels.level_memberships(market.memberships)


@table_asset(published.PRICE_FRONTIER, group="cost")
def price_frontier(
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame,
    price_polls: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pl.DataFrame]:
    """Cheapest price of each capability level over time: currently on offer, and the lowest so far."""
    market = _market(prices, model_links, capability_levels, capability_index)
    cheapest = membership.with_intervals(
        frontier.price_frontier(market),
        membership.drawn_frontiers(market, draws=membership.DRAWS, seed=settings.seed),
    )
    cheapest = published.PRICE_FRONTIER.cast(index_levels.with_scale(cheapest, capability_levels))
    shown = {"price_frontier": cheapest, "price_polls": price_polls}
    return charted(cheapest, price_chart(shown))


@table_asset(published.PRICE_HALVING, group="cost", kinds=frozenset({"scipy"}))
def price_halving(
    price_frontier: pl.DataFrame,
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pl.DataFrame]:
    """Halving time of the cheapest price by level, blend, curve, window and estimator."""
    market = _market(prices, model_links, capability_levels, capability_index)
    estimates = halving.price_halving(
        price_frontier,
        as_of=market.last,
        draws=settings.bootstrap_draws,
        seed=settings.seed,
        drawn_curves=membership.drawn_frontiers(market, draws=membership.DRAWS, seed=settings.seed),
    )
    estimates = published.PRICE_HALVING.cast(index_levels.with_scale(estimates, capability_levels))
    answer = price_answer({"price_halving": estimates, "price_frontier": price_frontier})
    return dg.MaterializeResult(
        value=estimates, metadata=halving_metadata(estimates) | answer_metadata([answer])
    )


@table_asset(published.PRICE_RECORDS, group="cost")
def price_records(
    price_frontier: pl.DataFrame,
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame,
) -> pl.DataFrame:
    """The last record low price of each level, what became of it, and what entered since."""
    market = _market(prices, model_links, capability_levels, capability_index)
    found = records.price_records(market, price_frontier)
    return index_levels.with_scale(found, capability_levels)


@table_asset(published.PRICE_INDEX, group="cost")
def price_index(
    prices: pl.DataFrame, model_links: pl.DataFrame, capability_index: pl.DataFrame
) -> dg.MaterializeResult[pl.DataFrame]:
    """Price at equal quality by month: a hedonic regression over all linked offers."""
    found = index.price_index(
        _market(prices, model_links, published.CAPABILITY_LEVELS.empty(), capability_index)
    )
    return charted(found, index_chart({"price_index": found}))


@table_asset(published.PRICE_COMPARISONS, group="cost", kinds=frozenset({"scipy"}))
def price_comparisons(
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame,
    price_index: pl.DataFrame,
) -> pl.DataFrame:
    """The fall of prices by the recipes of others, computed on our prices."""
    market = _market(prices, model_links, capability_levels, capability_index)
    return comparisons.price_comparisons(market, price_index)


@table_asset(published.PRICE_DECOMPOSITION, group="cost")
def price_decomposition(
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame,
    price_frontier: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Changes of the cheapest price on offer by cause: entry, repricing or exit."""
    found = decomposition.price_decomposition(
        _market(prices, model_links, capability_levels, capability_index)
    )
    shown = {"price_decomposition": found, "price_frontier": price_frontier}
    return charted(found, causes_chart(shown))


@table_asset(published.TASK_RUNS, group="cost")
def task_runs(benchmark_reports: pl.DataFrame) -> pl.DataFrame:
    """Runs of leaderboards that say what each run cost: bundled, and of polled boards with a cost."""
    return task_costs.task_runs(facts.load("task_runs"), benchmark_reports)


@table_asset(published.TASK_COST_RECORDS, group="cost")
def task_cost_records(task_runs: pl.DataFrame) -> pl.DataFrame:
    """Each run that did the task of a level for less than any before, with the two factors of the fall."""
    levels_of_tasks = task_costs.task_levels(task_runs, facts.load("task_levels"))
    return task_costs.task_cost_records(task_runs, levels_of_tasks)


@table_asset(published.TASK_COST_HALVING, group="cost")
def task_cost_halving(
    task_runs: pl.DataFrame, settings: dg.ResourceParam[Settings]
) -> pl.DataFrame:
    """Halving time of the cost of a task by board and level; of boards without a licence, as bundled."""
    levels_of_tasks = task_costs.task_levels(task_runs, facts.load("task_levels"))
    estimates = task_costs.task_cost_halving(
        task_runs, levels_of_tasks, draws=settings.bootstrap_draws, seed=settings.seed
    )
    return task_costs.with_bundled(estimates, facts.load("task_cost_halving"))


def _market(
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    capability_levels: pl.DataFrame,
    capability_index: pl.DataFrame | None = None,
) -> Market:
    """The tables together with the bundled scores of the models on sale, and their values of the index."""
    values = capability_index
    if values is not None:
        values = index_scores(values, facts.load("sold_models"))
    scores = facts.load("capability_scores")
    return Market.of(prices, model_links, capability_levels, scores, values)
