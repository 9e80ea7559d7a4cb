"""Apply a function to independent pieces of work on two processors.

The function must be pure, so that results do not depend on the number of processes.
"""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import forkserver
from typing import Any, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

WORKERS = min(2, os.cpu_count() or 1)

FEWEST = 200
"""Fewest pieces for which a second process is started, unless the caller names another number; for fewer, of
milliseconds each, it costs more than it saves."""

SLOW_TO_IMPORT = "densing_pipeline.stats.descent"
"""Module that many pieces of work need and that takes two seconds to import."""

BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""Variable that numpy's linear algebra reads when it is loaded."""


def parallel_map(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], *, fewest: int = FEWEST
) -> list[Result]:
    """The results of all pieces, in order.

    Args:
        work: a function at module level, or a `partial` of one, so that it can be pickled. What a `partial` holds is
            sent to each process once.
        pieces: its arguments.
        fewest: fewest pieces that are worth a second process.
    """
    if len(pieces) < fewest or WORKERS < 2 or multiprocessing.current_process().daemon:
        return [work(piece) for piece in pieces]
    # The fork server has no threads; a direct fork of this process could inherit a held lock.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_module(work), SLOW_TO_IMPORT])
    _start_server()
    with ProcessPoolExecutor(
        WORKERS, mp_context=context, initializer=_hold, initargs=(work,)
    ) as pool:
        return list(pool.map(_apply, pieces, chunksize=max(1, len(pieces) // (16 * WORKERS))))


_HELD: list[Callable[[Any], Any]] = []
"""In a process of the pool: the function of its pieces."""


def _hold(work: Callable[[Any], Any]) -> None:
    _HELD.append(work)


def _apply(piece: Any) -> Any:
    return _HELD[-1](piece)


def _module(work: Callable[..., Any]) -> str:
    """The module of a function, which each process of the pool would else import by itself."""
    return work.func.__module__ if isinstance(work, partial) else work.__module__


def _start_server() -> None:
    """Start the fork server, whose processes use one thread each for linear algebra: they share the processors."""
    before = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ[BLAS_THREADS]
        else:
            os.environ[BLAS_THREADS] = before
