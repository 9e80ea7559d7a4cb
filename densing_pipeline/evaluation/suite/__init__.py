"""The benchmarks, declared: what is asked of every model, and how an answer is judged.

A new benchmark is one module beside these and one entry here.

Not here: running a model on it (`job`, `engine`), judging an answer (`scoring`).
"""

from collections.abc import Iterable

from densing_pipeline.evaluation.suite import benchmark
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
    "load",
    "select",
    "spread",
    "version",
]

SUITE: tuple[Benchmark, ...] = (MMLU, BBH, MATH, HUMANEVAL, MBPP, MMLU_CF, SCALING_BENCH)
"""What every model is evaluated on: the paper's five, MMLU-CF and the losses of answers."""

BENCHMARKS: dict[str, Benchmark] = {each.name: each for each in (*SUITE, MATH_500)}
"""Every benchmark there is, by name."""


def select(names: Iterable[str]) -> tuple[Benchmark, ...]:
    """Benchmarks by name, each once.

    Raises:
        ValueError: one of them is not known.
    """
    wanted = tuple(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        raise ValueError(f"no benchmark {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")
    return tuple(BENCHMARKS[name] for name in wanted)


def version(benchmarks: Iterable[Benchmark] = SUITE) -> str:
    """The suite version: a hash of everything these benchmarks declare. Scores of two never mix."""
    return benchmark.version(benchmarks)
