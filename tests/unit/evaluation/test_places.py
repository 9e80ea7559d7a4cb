"""Eight GPUs are kept busy by a queue of fifty models, in the order of their priorities."""

import statistics
from pathlib import Path

import polars as pl
import pytest

from benchmarks.places import (
    ENOUGH,
    LOAD_HOURS,
    SEEDS,
    Start,
    busy_share,
    lateness,
    least_hours,
    off,
    one_gpu,
    queue,
    searched,
    simulate,
)
from densing_pipeline.evaluation.places import gpus_for

QUEUES = range(20)

OPERATIONS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()


@pytest.mark.parametrize(
    ("hours", "left", "gpus"),
    [
        (1, 50, 1),
        (6.25, 50, 1),
        (6.3, 50, 2),
        (1, 2, 4),
        (1, 1, 8),
        (2, 1, 8),
        (None, 50, 1),
        (1, 0, 1),
    ],
)
def test_a_model_gets_more_than_one_gpu_if_it_is_more_than_its_share(hours, left, gpus):
    assert gpus_for(hours, left, 8) == gpus
    assert gpus_for(hours, left, 1) == 1


def row(name: str, runs: list[list[Start]]) -> str:
    """A row of the table in docs/operations.md."""
    shares = [busy_share(run) for run in runs]
    mean, least = (
        f"{share:.1%}".replace("%", " %") for share in (statistics.mean(shares), min(shares))
    )
    late = lateness(runs, [least_hours(*queue(seed)) for seed in range(SEEDS)])
    enough = f"{sum(share >= ENOUGH for share in shares)} of {len(shares)}"
    later = f"{late:.1%}".replace("%", " %")
    return f"| {name} | {mean} | {least} | {enough} | {later} |"


def test_fifty_models_keep_eight_gpus_busy_to_the_end_as_the_docs_say() -> None:
    runs = [simulate(*queue(seed)) for seed in range(SEEDS)]
    assert statistics.mean(map(busy_share, runs)) >= ENOUGH
    alone = [simulate(*queue(seed), rule=one_gpu) for seed in range(SEEDS)]
    assert statistics.mean(map(busy_share, alone)) < 0.9, (
        "without copies the last long ones hold one each"
    )
    assert row("as the pipeline gives them", runs) in OPERATIONS
    assert row("one copy of each model", alone) in OPERATIONS


def test_estimates_that_are_off_cost_as_much_as_the_docs_say() -> None:
    queues = [(*queue(seed), off(queue(seed)[1], seed)) for seed in range(SEEDS)]
    runs = [simulate(table, params, factors=factors) for table, params, factors in queues]
    assert row("the same, estimates off by 20 %", runs) in OPERATIONS


@pytest.mark.slow
def test_a_search_loses_less_only_where_estimates_hold() -> None:
    queues = [queue(seed) for seed in range(SEEDS)]
    plans = [searched(*each) for each in queues]
    both = list(zip(queues, plans, strict=True))
    runs = [simulate(*each, given=plan) for each, plan in both]
    assert row("found by a search, in the same order", runs) in OPERATIONS
    runs = [
        simulate(*each, given=plan, factors=off(each[1], seed))
        for seed, (each, plan) in enumerate(both)
    ]
    assert row("the same, estimates off by 20 %", runs) in OPERATIONS


@pytest.mark.parametrize("seed", [3, 20, 40])
def test_no_queue_ends_before_the_least_hours(seed: int) -> None:
    table, params = each = queue(seed)
    ends = max(run.ends for run in simulate(*each))
    assert least_hours(*each) < ends
    # One model: all GPUs, and it is loaded once.
    name = table["model_id"][0]
    alone = table.filter(pl.col("model_id") == name)
    least = least_hours(alone, {name: params[name]})
    assert least == pytest.approx(LOAD_HOURS + table["estimated_gpu_hours"][0] / 8)


def test_a_search_never_ends_later_than_the_rule() -> None:
    each = queue(40, models=12)
    plan = searched(*each)
    ends = [max(run.ends for run in simulate(*each, given=given)) for given in (plan, None)]
    assert ends[0] < ends[1]


@pytest.mark.parametrize("seed", QUEUES)
def test_none_begins_before_one_of_higher_priority_and_all_are_measured(seed):
    table, params = queue(seed)
    run = simulate(table, params)
    priorities = dict(table.select("model_id", "priority").iter_rows())
    assert sorted(each.model for each in run) == sorted(params)
    order = [priorities[each.model] for each in sorted(run, key=lambda each: each.begins)]
    assert order == sorted(order, reverse=True)
    # No GPU has two models at a time.
    for at in [each.begins for each in run]:
        assert sum(each.gpus for each in run if each.begins <= at < each.ends) <= 8
