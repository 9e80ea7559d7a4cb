"""Eight GPUs are kept busy by a queue of fifty models, in the order of their priorities."""

import statistics

import pytest

from benchmarks.places import busy_share, one_gpu, queue, simulate
from densing_pipeline.evaluation.places import gpus_for

QUEUES = range(20)


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


def test_fifty_models_keep_eight_gpus_busy_to_the_end():
    runs = [simulate(*queue(seed)) for seed in QUEUES]
    assert statistics.mean(map(busy_share, runs)) >= 0.95
    alone = [simulate(*queue(seed), rule=one_gpu) for seed in QUEUES]
    assert statistics.mean(map(busy_share, alone)) < 0.9, (
        "without copies the last long ones hold one each"
    )


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
