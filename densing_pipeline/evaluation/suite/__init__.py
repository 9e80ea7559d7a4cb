"""The benchmarks, declared: what is asked of every model, and how an answer is judged.

Each benchmark of `densing_pipeline.benchmarks` is declared in one module of this package, which is
found by itself. Not here: running a model on it (`job`, `vllm_engine`), judging an answer (`scoring`).
"""

import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation import sampling
from densing_pipeline.evaluation.suite import benchmark, content
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Data, DataError, spread
from densing_pipeline.evaluation.suite.data import Store, load

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


def _declared() -> dict[str, Benchmark]:
    """Every benchmark that a module of this package declares, in the order of the registry.

    Raises:
        RuntimeError: the registry and the modules have different benchmarks.
    """
    found: dict[str, Benchmark] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        if not module.name.endswith("__main__"):
            values = vars(importlib.import_module(module.name)).values()
            found |= {value.name: value for value in values if isinstance(value, Benchmark)}
    if differing := sorted(found.keys() ^ REGISTRY.keys()):
        raise RuntimeError(
            f"{', '.join(differing)}: declare each benchmark both in densing_pipeline/benchmarks.py "
            "and in a module of densing_pipeline/evaluation/suite/"
        )
    return {name: found[name] for name in REGISTRY}


BENCHMARKS: dict[str, Benchmark] = _declared()
"""Every benchmark there is, by name."""

SUITE: tuple[Benchmark, ...] = tuple(
    each for each in BENCHMARKS.values() if each.facts.measured != "on request"
)
"""What every model is measured on: the averaged benchmarks and those beside them."""


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


def version(benchmarks: Iterable[Benchmark] = SUITE, sample_error: float | None = None) -> str:
    """The suite version: a hash of everything these benchmarks declare. Scores of two never mix.

    Args:
        benchmarks: what is measured.
        sample_error: target of the samples if the benchmarks are measured by samples, whose suite version
            says so (`sampling.sampled_version`).
    """
    return sampling.sampled_version(benchmark.version(benchmarks), sample_error)
