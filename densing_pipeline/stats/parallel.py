"""Apply a function to independent pieces of work on two processors.

The function must be pure, so that results do not depend on the number of processes.
"""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

WORKERS = min(2, os.cpu_count() or 1)

FEWEST = 200
"""Fewest pieces for which a second process is started; for fewer it costs more than it saves."""


def parallel_map(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """The results of all pieces, in order.

    Args:
        work: a function at module level, so that it can be pickled.
        pieces: its arguments.
    """
    if len(pieces) < FEWEST or WORKERS < 2 or multiprocessing.current_process().daemon:
        return [work(piece) for piece in pieces]
    # The fork server has no threads; a direct fork of this process could inherit a held lock.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__.rsplit(".", 1)[0] + ".densing_law"])
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        return list(pool.map(work, pieces, chunksize=max(1, len(pieces) // (16 * WORKERS))))
