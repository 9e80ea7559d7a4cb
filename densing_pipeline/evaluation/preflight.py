"""Whether this installation can evaluate models, tried before any model is: `densing evaluate --check`.

Runs in the evaluation environment. Its verdict is kept in the state directory, where the sensor reads it
(`installation`), or sent to the object store that evaluations travel through: while it is bad no evaluation is asked for, and no model loses an attempt. Not here: what a
machine needs before the environment can be built (`prerequisites`).
"""

import argparse
import importlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rich.console import Console

from densing_pipeline.evaluation import (
    download,
    engine_processes,
    gpu_locks,
    installation,
    prerequisites,
    sizing,
    vllm_engine,
    weights,
)
from densing_pipeline.evaluation.failures import EvaluationError
from densing_pipeline.evaluation.folder_store import CHECKS, FolderStore, open_store
from densing_pipeline.evaluation.requests import GenerateRequest, GenerateResult, Result
from densing_pipeline.evaluation.sandbox import SandboxError, open_sandbox
from densing_pipeline.evaluation.tiny_model import write_tiny_model
from densing_pipeline.object_stores import StoreError
from densing_pipeline.text import error_text
from densing_pipeline.units import GIB

# vLLM's own processes import this module as well.
engine_processes.end_with_parent()

LIBRARIES = ("torch", "transformers", "vllm", "math_verify")

LEAST_DISK = 20 * GIB
"""Bytes free for weights; those of a model with 8 B parameters take 15 GiB."""

PUBLIC_MODEL = "Qwen/Qwen3-0.6B-Base"
"""A model that everybody may read, to see that the Hub answers."""


WITHOUT_PROGRAMS = "benchmarks that run programs wait, all others are measured"
"""What it means that no sandbox works."""


class CheckError(Exception):
    """Raised by a check that fails; the message says what is wrong and what to do."""


def checks(cache: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every check of the machine: its name, and a function that says what it found or raises.

    Args:
        cache: folder of the weights.
    """
    yield "libraries", _libraries
    yield "machine", _machine
    yield "disk", lambda: _disk(cache)
    yield "sandbox", _sandbox
    yield "Hub", _hub
    yield "one token of a tiny model", _one_token


def run(
    state_dir: Path, cache: Path, store: FolderStore | None = None, order: str | None = None
) -> int:
    """Run all checks, print what they found and record the verdict; the exit status.

    Args:
        state_dir: where the verdict is kept.
        cache: folder of the weights.
        store: that the verdict is sent to as well, if any.
        order: name under which the orchestrator started the check, and finds the verdict there.

    The verdict is the first check that failed. A sandbox that is lacking is none: it keeps some benchmarks of each
    model waiting, and the rest is measured.
    """
    console = Console(highlight=False)
    problems: list[str] = []
    no_programs = None

    def keep(problem: str | None, places: int = 1, gpu_gib: float = 0.0) -> None:
        installation.write_check(state_dir, problem, no_programs, places, gpu_gib)
        if store is not None and order is not None:
            store.put(f"{CHECKS}/{order}.json", (state_dir / installation.FILE).read_bytes())

    every = [*checks(cache)]
    if store is not None:
        every.insert(0, ("store", partial(_store, store)))
    for name, check in every:
        # What crashes this process leaves a verdict as well.
        begun = f"{name}: the check was begun and did not end, so it crashed or was killed"
        keep(problems[0] if problems else begun)
        try:
            said, mark = check(), "ok"
        except SandboxError as error:
            said, mark = f"{error}; {WITHOUT_PROGRAMS}", "lacking"
            no_programs = str(error)
        except (CheckError, EvaluationError) as error:
            said, mark = str(error), "FAILED"
        except Exception as error:  # a broken environment breaks in any way
            said, mark = error_text(error), "FAILED"
        console.print(f"{mark:8}{name}: {said}", markup=False, soft_wrap=True)
        if mark == "FAILED":
            problems.append(f"{name}: {said}")
    keep(problems[0] if problems else None, *_places())
    return 1 if problems else 0


def _store(store: FolderStore) -> str:
    """Whether the store lets one job alone take an evaluation."""
    if refused := store.refusal():
        raise CheckError(refused)
    return f"{store.address} is written under conditions"


def _libraries() -> str:
    return ", ".join(
        f"{name} {getattr(importlib.import_module(name), '__version__', '')}".rstrip()
        for name in LIBRARIES
    )


def _machine() -> str:
    """GPUs with free memory, and what evaluating on them needs; of the processor build nothing."""
    import torch

    if torch.version.cuda is None:
        return "the processor build of vLLM, for tests; scores are marked cpu"
    machine = sizing.this_machine()
    if lacking := list(prerequisites.lacking(len(machine.gpus))):
        raise CheckError("; ".join(lacking))
    free = [gpu for gpu in machine.gpus if sizing.is_free(gpu)]
    if not free:
        raise CheckError(f"other processes use all {len(machine.gpus)} GPUs (see nvidia-smi)")
    return f"{len(free)} of {len(machine.gpus)} GPUs are free, {free[0].name}; CUDA {torch.version.cuda}"


def _places() -> tuple[int, float]:
    """Models that can be evaluated at a time, one for each GPU, and GiB that an engine may take of the smallest GPU.

    1 and 0 without GPUs.
    """
    try:
        gpus = sizing.this_machine().gpus
    except EvaluationError:
        gpus = ()
    return max(len(gpus), 1), sizing.USABLE * min((gpu.total for gpu in gpus), default=0) / GIB


def _disk(cache: Path) -> str:
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < LEAST_DISK:
        raise CheckError(
            f"{free / GIB:.1f} GiB are free in {cache}, {LEAST_DISK / GIB:.0f} needed for weights: make room, or "
            "set DENSING_EVALUATION_CACHE"
        )
    return f"{free / GIB:.0f} GiB are free in {cache}"


def _sandbox() -> str:
    return f"programs are run in {open_sandbox().name}"


def _hub() -> str:
    listed = download.find(PUBLIC_MODEL, "main")
    return f"{PUBLIC_MODEL} is at {listed.revision[:12]}"


def _one_token() -> str:
    """Load a random model of some kilobytes, let the engine test itself, and write one token."""
    with tempfile.TemporaryDirectory() as folder:
        vllm_engine.prepare(sizing.this_machine())
        checked = weights.check(write_tiny_model(Path(folder) / "tiny"))
        found: list[Result] = []
        with gpu_locks.placed(checked, 1, lambda line: None) as (sized,):
            engine = vllm_engine.VllmEngine(checked, sized)
            asked = [GenerateRequest("1 and 1 is", (), 1)]
            engine.run(asked, lambda _, result: found.append(result))
            engine.close()
    if not isinstance(found[0], GenerateResult):
        raise CheckError(f"the engine gave no text: {found[0]}")
    return f"written on {sized.device}; losses with and without prefix cache agree"


def main() -> int:
    """Run the checks: `python -m densing_pipeline.evaluation.preflight --state-dir FOLDER --cache FOLDER`."""
    parser = argparse.ArgumentParser(prog="python -m densing_pipeline.evaluation.preflight")
    parser.add_argument("--state-dir", type=Path, required=True, help="where the verdict is kept")
    parser.add_argument("--cache", type=Path, required=True, help="where weights are kept")
    parser.add_argument("--store", help="object store that evaluations travel through")
    parser.add_argument("--order", help=argparse.SUPPRESS)
    told = parser.parse_args()
    try:
        store = open_store(told.store) if told.store else None
        return run(told.state_dir, told.cache, store, told.order)
    except StoreError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main())
