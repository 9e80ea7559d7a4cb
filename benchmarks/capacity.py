"""Works out what so many evaluations a day take: GPUs, memory of the daemon's machine, downloads, disk.

    uv run python -m benchmarks.capacity

Sizes of models, GPU hours and loading are those of `benchmarks.places` and `evaluation.places`. Prints the table of docs/scale.md.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist, fmean

import polars as pl

from benchmarks.places import MEDIAN_PARAMS, MOST_PARAMS, SPREAD
from densing_pipeline.benchmarks import ITEMS
from densing_pipeline.evaluation.places import LOAD_HOURS, gpus_needed
from densing_pipeline.evaluation.queue import SUITE_TOKENS, gpu_hours, memory_gib

MODELS_A_DAY = (1, 10, 100, 1_000, 10_000)

GPU_GIB = 80
"""Memory of one GPU, that of an H100."""

USED = 0.93
"""Share of the GPUs' time that is used: about the least in 50 simulated queues (docs/operations.md, "Several GPUs")."""

WAITING_MIB = 224
"""Memory of the process that waits for one evaluation: the largest while it loads the definitions, measured on Python 3.11."""

BYTES_A_TOKEN, COMPRESSED = 4, 3
"""Of a model's answers: bytes of text in a token, and by what parquet shrinks text; both are guesses."""

SIZES = 2_000
"""Quantiles that stand for the distribution of sizes."""

LANDING_GIB_A_YEAR = 33 / 56 * 365 / 1024
"""Growth of the landing zone, from 33 MiB after 56 nights."""


@dataclass(frozen=True)
class Need:
    """What an installation needs.

    Attributes:
        gpu_hours: of all evaluations of a day.
        gpus: that are needed for them.
        at_once: evaluations under way at a time.
        waiting_gib: memory of the processes that wait for them.
        download_tb: weights fetched a day, TB.
        folders_gib: growth of the evaluation folders in a year, GiB.
        items_million: growth of the table `eval_items` in a year, millions of rows.
    """

    gpu_hours: float
    gpus: int
    at_once: int
    waiting_gib: float
    download_tb: float
    folders_gib: float
    items_million: float


def needs(models_a_day: float) -> Need:
    """What so many models a day need, on average over the distribution of sizes."""
    normal = NormalDist(math.log(MEDIAN_PARAMS), SPREAD)
    params = [min(math.exp(normal.inv_cdf((n + 0.5) / SIZES)), MOST_PARAMS) for n in range(SIZES)]
    frame = pl.DataFrame({"params": params}).select(
        hours=gpu_hours(pl.col("params")),
        memory=memory_gib(pl.col("params"), pl.lit(None, pl.String)),
    )
    gpus = [gpus_needed(memory, GPU_GIB) for memory in frame["memory"]]
    elapsed = [
        hours / count + LOAD_HOURS for hours, count in zip(frame["hours"], gpus, strict=True)
    ]
    taken = fmean(hours * count for hours, count in zip(elapsed, gpus, strict=True))
    at_once = models_a_day * fmean(elapsed) / 24
    year = models_a_day * 365
    return Need(
        models_a_day * taken,
        math.ceil(models_a_day * taken / 24 / USED),
        math.ceil(at_once),
        math.ceil(at_once) * WAITING_MIB / 1024,
        models_a_day * fmean(params) * 2 / 1e12,
        year * SUITE_TOKENS * BYTES_A_TOKEN / COMPRESSED / 2**30 + LANDING_GIB_A_YEAR,
        year * sum(ITEMS.values()) / 1e6,
    )


def rows() -> list[str]:
    """The table as lines of Markdown."""
    lines = [
        "| models a day | GPU hours a day | GPUs of 80 GiB | at a time | memory of waiting processes, GiB | weights a day, TB "
        "| disk a year, GiB | rows of `eval_items` a year, millions |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for models in MODELS_A_DAY:
        found = needs(models)
        lines.append(
            f"| {models:,} | {found.gpu_hours:,.0f} | {found.gpus:,} | {found.at_once:,} | {found.waiting_gib:,.1f} "
            f"| {found.download_tb:,.2f} | {found.folders_gib:,.0f} | {found.items_million:,.0f} |"
        )
    return lines


if __name__ == "__main__":
    print("\n".join(rows()))
