"""Simulates a queue of models on a computer with several GPUs: which share of the GPUs' time is used.

    uv run python -m benchmarks.places

The rules are the pipeline's own: the order of the queue (`schedules.new_models`), how many GPUs a model is given
(`evaluation.places`), and on which it is put (`evaluation.sizing`, on GPUs that are none). What a model takes is the
estimate of `evaluation_queue`, and two minutes to load it.
"""

import heapq
import random
import statistics
from collections.abc import Callable, Sequence
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
    table: pl.DataFrame, params: dict[str, float], gpus: int = 8, rule: Rule = gpus_for
) -> list[Start]:
    """Every evaluation of a queue, in the order in which they begin; each job waits for its GPUs in turn.

    Args:
        table: an `evaluation_queue` frame.
        params: parameters of each model.
        gpus: of the computer, 80 GiB each.
        rule: GPUs that a model is given.
    """
    hours = dict(table.select("model_id", "estimated_gpu_hours").iter_rows())
    waiting, now = sum(hours.values()), 0.0
    running: list[tuple[float, tuple[str, ...]]] = []
    found: list[Start] = []
    for each in in_order(table, gpus):
        name = each.key.replace("--", "/", 1)
        while True:
            under_way = sum((end - now) * len(taken) for end, taken in running)
            most = rule(hours[name], waiting + under_way, gpus)
            taken = _gpus_taken(
                params[name], gpus, [gpu for _, used in running for gpu in used], most
            )
            if taken:
                break
            now, _ = heapq.heappop(running)
        waiting -= hours[name]
        end = now + LOAD_HOURS + hours[name] / len(taken)
        heapq.heappush(running, (end, taken))
        found.append(Start(name, now, end, len(taken)))
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


def one_gpu(hours: float, hours_left: float, gpus: int) -> int:
    """A rule that gives no copies."""
    return 1


def main() -> None:
    """Print which share of the GPUs' time is used, with copies and without."""
    table = Table("rule", "to the last start: mean", "least", "to the end: mean", "least", "hours")
    for name, rule in (("as the pipeline does", gpus_for), ("no copies", one_gpu)):
        runs = [simulate(*queue(seed), rule=rule) for seed in range(SEEDS)]
        to_start = [busy_share(run, until=max(each.begins for each in run)) for run in runs]
        to_end = [busy_share(run) for run in runs]
        hours = statistics.mean(max(each.ends for each in run) for run in runs)
        shares = [statistics.mean(to_start), min(to_start), statistics.mean(to_end), min(to_end)]
        table.add_row(name, *(f"{share:.1%}" for share in shares), f"{hours:.2f}")
    Console().print(table)


def _gpus_taken(params: float, gpus: int, used: Sequence[str], most: int) -> tuple[str, ...]:
    """GPUs of all copies of a model; none if it has to wait for others to end."""
    weights = Weights(Path("m"), 0, int(params), None, 64, 128_256, 131_072, "", "")
    listed = tuple(
        Gpu(str(n), "GPU", 0 if str(n) in used else GPU_BYTES, GPU_BYTES) for n in range(gpus)
    )
    try:
        copies = sizing.place(weights, Machine(listed, 0), most)
    except OccupiedError:
        return ()
    if used and len(copies) < sizing.wanted_copies(copies[0], min(most, gpus)):
        return ()
    return tuple(gpu for copy in copies for gpu in copy.gpus)


if __name__ == "__main__":
    main()
