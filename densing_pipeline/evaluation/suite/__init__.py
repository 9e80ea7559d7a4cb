"""The benchmarks, declared: what is asked of every model, and how an answer is judged.

A new benchmark is one module beside these and one entry here.

Not here: running a model on it (`job`, `engine`), judging an answer (`scoring`).
"""

from collections.abc import Iterable
from pathlib import Path

from densing_pipeline.evaluation.suite import benchmark, content
from densing_pipeline.evaluation.suite.bbh import BBH
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Data, DataError, spread
from densing_pipeline.evaluation.suite.data import Store, load
from densing_pipeline.evaluation.suite.humaneval import HUMANEVAL
from densing_pipeline.evaluation.suite.mathematics import MATH, MATH_500
from densing_pipeline.evaluation.suite.mbpp import MBPP
from densing_pipeline.evaluation.suite.mmlu import MMLU
from densing_pipeline.evaluation.suite.mmlu_cf import MMLU_CF
from densing_pipeline.evaluation.suite.scaling_bench import SCALING_BENCH

__all__ = [
    "BENCHMARKS",
    "SUITE",
    "Benchmark",
    "Data",
    "DataError",
    "Store",
    "in_force",
    "load",
    "select",
    "spread",
    "version",
]

SUITE: tuple[Benchmark, ...] = (MMLU, BBH, MATH, HUMANEVAL, MBPP, MMLU_CF, SCALING_BENCH)
"""What every model is evaluated on: the paper's five, MMLU-CF and the losses of answers."""

BENCHMARKS: dict[str, Benchmark] = {each.name: each for each in (*SUITE, MATH_500)}
"""Every benchmark there is, by name."""


def in_force(mirror: Path | None) -> tuple[Benchmark, ...]:
    """The suite as an installation measures it: with the content its mirror declares (`content`).

    Args:
        mirror: local mirror of the benchmark files; None where they come from the Hub.

    Raises:
        DataError: the mirror's declaration cannot be used; the message says why.
    """
    return content.with_content_of(mirror, SUITE, BENCHMARKS)


def select(names: Iterable[str], mirror: Path | None = None) -> tuple[Benchmark, ...]:
    """Benchmarks by name, each once.

    Args:
        names: of benchmarks in `BENCHMARKS`.
        mirror: as in `in_force`.

    Raises:
        ValueError: one of them is not known.
        DataError: as from `in_force`.
    """
    wanted = tuple(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        raise ValueError(f"no benchmark {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")
    return content.with_content_of(mirror, (BENCHMARKS[name] for name in wanted), BENCHMARKS)


def version(benchmarks: Iterable[Benchmark] = SUITE) -> str:
    """The suite version: a hash of everything these benchmarks declare. Scores of two never mix."""
    return benchmark.version(benchmarks)
