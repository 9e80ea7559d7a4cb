"""Simulates a queue of models on a computer with several GPUs: which share of the GPUs' time is used.

    uv run python -m benchmarks.places

Models are started as the pipeline starts them: in the order of the queue (`evaluation.queue`), at most as many at a
time as there are GPUs. Each is given GPUs when it is asked for (`evaluation.places`) and waits until enough of them are
free (`evaluation.sizing`, on GPUs that are none), and those behind it wait as well. What a model takes is the estimate
of `evaluation_queue`, or that times a random factor, and two minutes to load it. Compared with it are other numbers of
GPUs. Prints the table of docs/operations.md.
"""

import functools
import itertools
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from densing_pipeline.evaluation import queue as evaluation_queue
from densing_pipeline.evaluation import sizing
from densing_pipeline.evaluation.failures import OccupiedError
from densing_pipeline.evaluation.gpus import Gpu
from densing_pipeline.evaluation.places import LOAD_HOURS, Work, gpus_for
from densing_pipeline.evaluation.queue import ANCHOR_PARAMS, ANCHOR_TOKENS_PER_SECOND, SUITE_TOKENS
from densing_pipeline.evaluation.sizing import Machine
from densing_pipeline.evaluation.weights import Weights
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.units import GIB

MEDIAN_PARAMS, SPREAD, MOST_PARAMS = 5e9, 1.2, 120e9
"""Parameters of the models: log-normal, as those of base models on the Hub roughly are."""

GPU_BYTES = 80 * GIB

SEEDS = 50
"""Queues that are simulated. The rule was chosen on others (seeds from 1,000)."""

OFF = (0.0, 0.2, 0.5)
"""Standard deviations of ln(what an evaluation takes / its estimate), guesses: nobody has measured it."""

ENOUGH = 0.95
"""Share of the GPUs' time that is to be used."""

Rule = Callable[[Work, Sequence[Work], Sequence[Work], int], int]
"""GPUs that a model is given, from itself, the models ahead of it, those behind it, and the number of GPUs."""


@dataclass(frozen=True)
class Queue:
    """A queue of the simulation.

    Attributes:
        table: an `evaluation_queue` frame.
        params: parameters of each model.
        takes: GPU hours that each model takes, without loading it.
    """

    table: pl.DataFrame
    params: Mapping[str, float]
    takes: Mapping[str, float]


@dataclass(frozen=True)
class Start:
    """One evaluation of the simulation: which model, when in hours, and on how many GPUs."""

    model: str
    begins: float
    ends: float
    gpus: int


def queue(seed: int, models: int = 50, *, off: float = 0.0) -> Queue:
    """A random queue.

    Args:
        seed: of its random numbers.
        models: in the queue.
        off: standard deviation of ln(what a model takes / its estimate), of which the mean is right.
    """
    random_source = random.Random(seed)  # noqa: S311 - a simulation
    rows, params = [], {}
    for number in range(models):
        name = f"lab/m{number}"
        params[name] = min(MEDIAN_PARAMS * random_source.lognormvariate(0, SPREAD), MOST_PARAMS)
        hours = params[name] * SUITE_TOKENS / (ANCHOR_PARAMS * ANCHOR_TOKENS_PER_SECOND) / 3600
        rows.append({
            "model_id": name, "revision": "a" * 40, "state": "queued", "reason": "a base model",
            # As `evaluation.queue` has it: new models first, and short evaluations.
            "priority": 20 + 40 * random_source.getrandbits(1) + 20 * (hours < 1), "attempts": 0,
            "estimated_gpu_hours": hours, "updated_at": datetime(2026, 11, 1, tzinfo=UTC),
        })  # fmt: skip
    table = EVALUATION_QUEUE.cast(pl.DataFrame(rows))
    random_source = random.Random(seed)  # noqa: S311 - a simulation
    takes = {
        name: hours * random_source.lognormvariate(-(off**2) / 2, off)
        for name, hours in table.select("model_id", "estimated_gpu_hours").iter_rows()
    }
    return Queue(table, params, takes)


def simulate(queued: Queue, gpus: int = 8, rule: Rule = gpus_for) -> list[Start]:
    """Every evaluation of a queue, in the order in which they begin.

    Args:
        queued: the queue.
        gpus: of the computer, 80 GiB each.
        rule: GPUs that a model is given.
    """
    ordered = evaluation_queue.in_order(queued.table, gpus)
    models = {
        name: Work(hours, _gpus_taken(queued.params[name], gpus, 0, 1))
        for name, hours in ordered.select("model_id", "estimated_gpu_hours").iter_rows()
    }
    left, waiting = list(models), dict[str, int]()
    running: list[Start] = []
    found: list[Start] = []
    now = 0.0
    while left or waiting:
        first = next(iter(waiting), None)
        used = sum(each.gpus for each in running)
        if first and (taken := _gpus_taken(queued.params[first], gpus, used, waiting[first])):
            del waiting[first]
            ends = now + LOAD_HOURS + queued.takes[first] / taken
            running.append(Start(first, now, ends, taken))
            found.append(running[-1])
        elif left and len(waiting) + len(running) < gpus:
            name = left.pop(0)
            ahead = [
                *(_at_work(models[each.model], each, now) for each in running),
                *(replace(models[other], given=number) for other, number in waiting.items()),
            ]
            behind = [models[other] for other in left]
            number = rule(models[name], ahead, behind, gpus)
            waiting[name] = number
        else:
            ended = min(running, key=lambda each: each.ends)
            running.remove(ended)
            now = ended.ends
    return found


def one_copy(own: Work, ahead: Sequence[Work], behind: Sequence[Work], places: int) -> int:
    """A rule that gives no copies."""
    return own.least


def all_gpus(own: Work, ahead: Sequence[Work], behind: Sequence[Work], places: int) -> int:
    """A rule that measures one model after the other, each on all GPUs."""
    return places


def last_end(evaluations: Sequence[Start]) -> float:
    """Hours until the last evaluation ends."""
    return max(each.ends for each in evaluations)


def busy_share(evaluations: Sequence[Start], gpus: int = 8) -> float:
    """Share of the time of all GPUs, from the first evaluation to the last, in which they load or measure a model."""
    used = sum((each.ends - each.begins) * each.gpus for each in evaluations)
    return used / (last_end(evaluations) * gpus)


def least_hours(queued: Queue, gpus: int = 8) -> float:
    """Hours that no order and no numbers of GPUs undercut.

    Those of all work spread evenly, with each model loaded once on as few GPUs as hold it; or of the longest model on all.
    """
    loading = LOAD_HOURS * sum(_gpus_taken(each, gpus, 0, 1) for each in queued.params.values())
    longest = LOAD_HOURS + max(queued.takes.values()) / gpus
    return max((sum(queued.takes.values()) + loading) / gpus, longest)


def inversions(queued: Queue, evaluations: Sequence[Start]) -> int:
    """Pairs of models of which the one of lower priority begins earlier."""
    priorities = dict(queued.table.select("model_id", "priority").iter_rows())
    begun = sorted(evaluations, key=lambda each: each.begins)
    return sum(
        one.begins < other.begins and priorities[one.model] < priorities[other.model]
        for one, other in itertools.combinations(begun, 2)
    )


def longest_delay(queued: Queue, evaluations: Sequence[Start], gpus: int = 8) -> float:
    """Hours by which a model begins later than if all work ahead of it in the queue were spread evenly; the longest."""
    ahead, found = 0.0, 0.0
    begins = {each.model: each.begins for each in evaluations}
    for name in evaluation_queue.in_order(queued.table, gpus)["model_id"]:
        found = max(found, begins[name] - ahead / gpus)
        ahead += queued.takes[name]
        ahead += LOAD_HOURS * _gpus_taken(queued.params[name], gpus, 0, 1)
    return found


def row(name: str, queues: Sequence[Queue], runs: Sequence[Sequence[Start]]) -> str:
    """A row of the table in docs/operations.md."""
    shares = [busy_share(run) for run in runs]
    late = [last_end(run) / least_hours(each) - 1 for each, run in zip(queues, runs, strict=True)]
    both = list(zip(queues, runs, strict=True))
    cells = [
        name,
        f"{statistics.mean(shares):.1%}",
        f"{min(shares):.1%}",
        f"{sum(share >= ENOUGH for share in shares)} of {len(shares)}",
        f"{statistics.mean(late):.1%}",
        f"{sum(inversions(*each) for each in both)}",
        f"{max(longest_delay(*each) for each in both):.1f} h",
    ]
    return f"| {' | '.join(cells)} |".replace("%", " %")


def rows_of_rule(name: str, rule: Rule, seeds: Sequence[int] = range(SEEDS)) -> list[str]:
    """Rows of one rule: estimates that are exact, and those that are off."""
    found = []
    for off in OFF:
        queues = [queue(seed, off=off) for seed in seeds]
        label = f"{name}, estimates off by {off:.0%}" if off else name
        found.append(row(label, queues, [simulate(each, rule=rule) for each in queues]))
    return found


HEADER = [
    "| GPUs of a model | used: mean | least | queues with 95 % | ends later by | inversions | longest delay |",
    "|---|---|---|---|---|---|---|",
]


def main() -> None:
    """Print the table."""
    print("\n".join(HEADER))
    print("\n".join(rows_of_rule("as the pipeline gives them", gpus_for)))
    print("\n".join(rows_of_rule("one copy of each model", one_copy)))
    print("\n".join(rows_of_rule("every model on all GPUs", all_gpus)))


def _at_work(model: Work, start: Start, now: float) -> Work:
    """A model that has its GPUs; it is not known to be loaded before it is."""
    since = now - start.begins - LOAD_HOURS
    return replace(model, given=start.gpus, since=since if since >= 0 else None)


@functools.cache
def _gpus_taken(params: float, gpus: int, used: int, most: int) -> int:
    """GPUs of all copies of a model where others use some; 0 if it has to wait for others to end."""
    weights = Weights(Path("m"), 0, int(params), None, 64, 128_256, 131_072, "", "")
    listed = tuple(Gpu(str(n), "GPU", 0 if n < used else GPU_BYTES, GPU_BYTES) for n in range(gpus))
    try:
        copies = sizing.place(weights, Machine(listed, 0), most)
    except OccupiedError:
        return 0
    if used and not sizing.are_enough(copies, min(most, gpus)):
        return 0
    return sum(len(copy.gpus) for copy in copies)


if __name__ == "__main__":
    main()
