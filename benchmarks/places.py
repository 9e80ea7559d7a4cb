"""Simulates a queue of models on a computer with several GPUs: which share of the GPUs' time is used.

    uv run python -m benchmarks.places

The rules are the pipeline's own: the order of the queue (`schedules.new_models`), how many GPUs a model is given
(`evaluation.places`), and on which it is put (`evaluation.sizing`, on GPUs that are none). What a model takes is the
estimate of `evaluation_queue`, or that times a random factor, and two minutes to load it. Compared with it are no
copies at all, and the best numbers of GPUs that a search finds with the order kept.
"""

import functools
import heapq
import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from densing_pipeline.evaluation import sizing
from densing_pipeline.evaluation.failures import OccupiedError
from densing_pipeline.evaluation.gpus import Gpu
from densing_pipeline.evaluation.places import gpus_for
from densing_pipeline.evaluation.queue import ANCHOR_PARAMS, ANCHOR_TOKENS_PER_SECOND, SUITE_TOKENS
from densing_pipeline.evaluation.sizing import Machine
from densing_pipeline.evaluation.weights import Weights
from densing_pipeline.schedules.new_models import in_order
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.units import GIB

LOAD_HOURS = 2 / 60
"""Hours to load a model, however many copies of it (an estimate)."""

MEDIAN_PARAMS, SPREAD, MOST_PARAMS = 5e9, 1.2, 120e9
"""Parameters of the models: log-normal, as those of base models on the Hub roughly are."""

GPU_BYTES = 80 * GIB

SEEDS = 50
"""Queues that are simulated."""

OFF = 0.2
"""Standard deviation of ln(what an evaluation takes / its estimate), a guess: nobody has measured it."""

ENOUGH = 0.95
"""Share of the GPUs' time that is to be used."""

Rule = Callable[[float, float, int], int]
"""GPUs of a model, from its hours, those of all that are left, and the number of GPUs."""


@dataclass(frozen=True)
class Start:
    """One evaluation of the simulation: which model, when in hours, and on how many GPUs."""

    model: str
    begins: float
    ends: float
    gpus: int


def queue(seed: int, models: int = 50) -> tuple[pl.DataFrame, dict[str, float]]:
    """A random queue.

    Returns:
        An `evaluation_queue` frame, and the parameters of each model.
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
    return EVALUATION_QUEUE.cast(pl.DataFrame(rows)), params


def simulate(
    table: pl.DataFrame,
    params: dict[str, float],
    gpus: int = 8,
    rule: Rule = gpus_for,
    *,
    given: Mapping[str, int] | None = None,
    factors: Mapping[str, float] | None = None,
) -> list[Start]:
    """Every evaluation of a queue, in the order in which they begin; each job waits for its GPUs in turn.

    Args:
        table: an `evaluation_queue` frame.
        params: parameters of each model.
        gpus: of the computer, 80 GiB each.
        rule: GPUs that a model is given.
        given: GPUs of some models, in place of the rule's.
        factors: how many times its estimate each model takes.
    """
    hours = dict(table.select("model_id", "estimated_gpu_hours").iter_rows())
    order = [each.key.replace("--", "/", 1) for each in in_order(table, gpus)]
    return _starts(order, hours, params, gpus, rule, given or {}, factors or {})


def searched(table: pl.DataFrame, params: dict[str, float], gpus: int = 8) -> dict[str, int]:
    """GPUs of each model with which the queue ends soonest, of those that a search finds; the order is kept.

    The search begins with the rule, and gives one model after the other the number with which the last evaluation
    ends soonest, twice.

    Args:
        table: an `evaluation_queue` frame.
        params: parameters of each model.
        gpus: of the computer.
    """
    hours = dict(table.select("model_id", "estimated_gpu_hours").iter_rows())
    order = [each.key.replace("--", "/", 1) for each in in_order(table, gpus)]

    def ends(given: Mapping[str, int]) -> float:
        found = _starts(order, hours, params, gpus, gpus_for, given, {})
        return max(each.ends for each in found)

    given: dict[str, int] = {}
    soonest = ends(given)
    for name in [*order, *order]:
        for number in range(1, gpus + 1):
            if (end := ends({**given, name: number})) < soonest:
                soonest, given[name] = end, number
    return given


def off(params: Mapping[str, float], seed: int) -> dict[str, float]:
    """How many times its estimate each model takes, on average once."""
    random_source = random.Random(seed)  # noqa: S311 - a simulation
    return {name: random_source.lognormvariate(-(OFF**2) / 2, OFF) for name in params}


def _starts(
    order: list[str],
    hours: Mapping[str, float],
    params: Mapping[str, float],
    gpus: int,
    rule: Rule,
    given: Mapping[str, int],
    factors: Mapping[str, float],
) -> list[Start]:
    waiting, now, used = sum(hours.values()), 0.0, 0
    # When it really ends, how many GPUs it has, and when it should end.
    running: list[tuple[float, int, float]] = []
    found: list[Start] = []
    for name in order:
        while True:
            under_way = sum(max(0.0, estimate - now) * taken for _, taken, estimate in running)
            most = given.get(name) or rule(hours[name], waiting + under_way, gpus)
            taken = _gpus_taken(params[name], gpus, used, most)
            if taken:
                break
            now, freed, _ = heapq.heappop(running)
            used -= freed
        waiting -= hours[name]
        takes = hours[name] / taken
        end = now + LOAD_HOURS + takes * factors.get(name, 1.0)
        heapq.heappush(running, (end, taken, now + LOAD_HOURS + takes))
        used += taken
        found.append(Start(name, now, end, taken))
    return found


def busy_share(evaluations: list[Start], gpus: int = 8, until: float | None = None) -> float:
    """Share of the time of all GPUs, from the first evaluation to the last or to `until`, in which they are used."""
    ends = until or max(each.ends for each in evaluations)
    used = sum(
        (min(each.ends, ends) - each.begins) * each.gpus
        for each in evaluations
        if each.begins < ends
    )
    return used / (ends * gpus)


def least_hours(table: pl.DataFrame, params: dict[str, float], gpus: int = 8) -> float:
    """Hours that no order and no numbers of GPUs undercut.

    Those of all work spread evenly, with each model loaded once on as few GPUs as hold it; or of the longest model on all.
    """
    hours = dict(table.select("model_id", "estimated_gpu_hours").iter_rows())
    loading = LOAD_HOURS * sum(_gpus_taken(each, gpus, 0, 1) for each in params.values())
    longest = LOAD_HOURS + max(hours.values()) / gpus
    return max((sum(hours.values()) + loading) / gpus, longest)


def one_gpu(hours: float, hours_left: float, gpus: int) -> int:
    """A rule that gives no copies."""
    return 1


def runs() -> dict[str, list[list[Start]]]:
    """All queues, by how they are run."""
    queues = [(*queue(seed), seed) for seed in range(SEEDS)]
    plans = [searched(table, params) for table, params, _ in queues]
    found: dict[str, list[list[Start]]] = {
        "as the pipeline does": [simulate(table, params) for table, params, _ in queues],
        "no copies": [simulate(table, params, rule=one_gpu) for table, params, _ in queues],
        "searched": [
            simulate(table, params, given=plan)
            for (table, params, _), plan in zip(queues, plans, strict=True)
        ],
    }
    percent = f"{OFF:.0%}"
    found[f"as the pipeline does, estimates off by {percent}"] = [
        simulate(table, params, factors=off(params, seed)) for table, params, seed in queues
    ]
    found[f"searched, estimates off by {percent}"] = [
        simulate(table, params, given=plan, factors=off(params, seed))
        for (table, params, seed), plan in zip(queues, plans, strict=True)
    ]
    return found


def lateness(found: list[list[Start]], least: list[float]) -> float:
    """Mean share by which queues end later than the least hours of each."""
    return statistics.mean(
        max(each.ends for each in run) / hours - 1 for run, hours in zip(found, least, strict=True)
    )


def main() -> None:
    """Print which share of the GPUs' time is used: by the pipeline, without copies, and with searched numbers."""
    columns = (
        "used to the end: mean",
        "least",
        f"queues with {ENOUGH:.0%}",
        "ends later than possible",
    )
    least = [least_hours(*queue(seed)) for seed in range(SEEDS)]
    table = Table("GPUs", *columns)
    for name, found in runs().items():
        shares = [busy_share(run) for run in found]
        late = lateness(found, least)
        enough = sum(share >= ENOUGH for share in shares)
        table.add_row(
            name,
            f"{statistics.mean(shares):.1%}",
            f"{min(shares):.1%}",
            f"{enough} of {SEEDS}",
            f"{late:.1%}",
        )
    Console().print(table)


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
