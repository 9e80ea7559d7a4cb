"""Eight GPUs are kept busy by a queue of fifty models, in the order of their priorities."""

from pathlib import Path

import pytest

from benchmarks.places import (
    ENOUGH,
    SEEDS,
    Queue,
    all_gpus,
    busy_share,
    inversions,
    last_end,
    least_hours,
    one_copy,
    queue,
    rows_of_rule,
    simulate,
)
from densing_pipeline.evaluation.places import LOAD_HOURS, SIMULATED_REPEATS, Work, gpus_for

SOME = range(4)
"""Queues of the fast tests."""

OPERATIONS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()


@pytest.mark.parametrize(
    ("own", "ahead", "behind", "gpus"),
    [
        (Work(1.0), [], [Work(1.0)] * 48, 1),
        (Work(1.0), [], [], 8),
        (Work(1.0), [], [Work(1.0)] * 20, 2),
        (Work(1.0), [], [Work(1.0)] * 7, 4),
        # Loading a copy takes longer than it saves.
        (Work(0.001), [], [Work(1.0)] * 50, 1),
        # Copies of two GPUs each; one that needs all; hours that are not known.
        (Work(1.0, least=2), [], [], 8),
        (Work(1.0, least=8), [], [], 8),
        (Work(0.0), [], [], 1),
        (Work(0.0, least=4), [], [], 4),
        # The last model beside one that holds four GPUs for long, and beside one that is about to end.
        (Work(1.0), [Work(40.0, given=4, since=0.0)], [], 4),
        (Work(8.0), [Work(4.0, given=4, since=0.99)], [], 8),
    ],
)
def test_a_model_is_given_as_many_gpus_as_let_the_queue_end_soonest(own, ahead, behind, gpus):
    assert gpus_for(own, ahead, behind, 8) == gpus
    assert gpus_for(own, ahead, behind, 1) == own.least, "the only GPU, or more than there are"


def test_models_ahead_that_wait_for_their_gpus_are_counted():
    # Two models wait for four GPUs each: the last one may as well have all after them.
    ahead = [Work(4.0, given=4), Work(4.0, given=4)]
    assert gpus_for(Work(8.0), ahead, [], 8) == 8
    # One has them; the other half is free for as long.
    assert gpus_for(Work(4.0), [Work(4.0, given=4, since=0.0)], [], 8) == 4


def test_more_gpus_in_use_than_there_are_is_no_error():
    ahead = [Work(1.0, given=8, since=0.1), Work(1.0, given=4, since=0.1), Work(1.0, given=16)]
    assert 1 <= gpus_for(Work(1.0), ahead, [], 8) <= 8


def test_the_docs_tell_how_often_the_queue_is_simulated():
    assert f"{SIMULATED_REPEATS} times" in OPERATIONS


def test_the_same_queue_gives_the_same_numbers():
    assert simulate(queue(3, 20)) == simulate(queue(3, 20))


def test_a_queue_ends_sooner_than_with_one_copy_of_each_or_with_as_many_as_there_are_gpus():
    queues = [queue(seed, off=0.2) for seed in SOME]
    ends, ends_of_one, ends_of_all = (
        sum(last_end(simulate(each, rule=rule)) for each in queues)
        for rule in (gpus_for, one_copy, all_gpus)
    )
    assert ends < 0.95 * ends_of_one, "the last ones hold one GPU each"
    assert ends < 0.95 * ends_of_all, "every copy is loaded"


@pytest.mark.parametrize("seed", SOME)
def test_fifty_models_begin_in_order_each_on_gpus_of_its_own(seed):
    queued = queue(seed, off=0.2)
    run = simulate(queued)
    assert sorted(each.model for each in run) == sorted(queued.params)
    assert inversions(queued, run) == 0
    # No GPU has two models at a time.
    for at in [each.begins for each in run]:
        assert sum(each.gpus for each in run if each.begins <= at < each.ends) <= 8


def test_an_inversion_is_one_of_lower_priority_that_begins_earlier():
    queued = queue(0, 20)
    run = simulate(queued)
    late = max(run, key=lambda each: each.begins)
    first = [
        type(late)(each.model, -1.0 if each is late else each.begins, each.ends, each.gpus)
        for each in run
    ]
    priorities = dict(queued.table.select("model_id", "priority").iter_rows())
    lower = sum(priority > priorities[late.model] for priority in priorities.values())
    assert 0 < lower == inversions(queued, first)


@pytest.mark.slow
def test_the_share_of_time_that_is_used_is_as_the_docs_say() -> None:
    rules = {
        "as the pipeline gives them": gpus_for,
        "one copy of each model": one_copy,
        "every model on all GPUs": all_gpus,
    }
    for name, rule in rules.items():
        for line in rows_of_rule(name, rule):
            assert line in OPERATIONS
    queues = [queue(seed) for seed in range(SEEDS)]
    shares = [busy_share(simulate(each)) for each in queues]
    assert sum(shares) / SEEDS >= ENOUGH


@pytest.mark.parametrize("seed", [3, 20, 40])
def test_no_queue_ends_before_the_least_hours(seed: int) -> None:
    queued = queue(seed)
    assert least_hours(queued) < last_end(simulate(queued))
    # One model: all GPUs, and it is loaded once.
    name = queued.table["model_id"][0]
    alone = Queue(queued.table[:1], {name: queued.params[name]}, {name: queued.takes[name]})
    assert least_hours(alone) == pytest.approx(LOAD_HOURS + queued.takes[name] / 8)
    assert last_end(simulate(alone)) == pytest.approx(least_hours(alone))
