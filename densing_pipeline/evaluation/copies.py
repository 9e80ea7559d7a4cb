"""Runs copies of a model, each in a process and on GPUs of its own, as one engine.

Requests are dealt out in blocks; results come back as they are known. Not here: one copy (`vllm_engine`), and how
many there are (`sizing.place`).
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol

from densing_pipeline.evaluation.failures import (
    EvaluationError,
    InstallationError,
    UnexplainedError,
)
from densing_pipeline.evaluation.requests import Engine, Request, Result
from densing_pipeline.evaluation.sizing import Sizing
from densing_pipeline.evaluation.weights import Weights

Provenance = dict[str, str | int | float | bool | None]

BLOCK_REQUESTS = 64
"""Adjacent requests that one copy gets, for they begin alike and share its prefix cache. Blocks are dealt out in turn,
so that each copy gets as many long texts."""

NAME = "EngineCopy"
"""Beginning of the names of the processes (`engine_processes`)."""

PROGRESS_S = 10.0
"""Seconds between two reports of progress of a copy that has no results."""

LAST_S = 30.0
"""Seconds in which all processes end after they were told to; those at work do not listen and are killed."""


class LoadedEngine(Engine, Protocol):
    """An engine that can be unloaded."""

    def close(self) -> None:
        """Release the memory."""


Load = Callable[[Weights, Sizing, Callable[[], None]], LoadedEngine]
"""Loads one copy; the last argument is called as it makes progress."""


class EngineCopies:
    """An engine (`requests.Engine`) that is several, one for each sizing."""

    def __init__(
        self,
        weights: Weights,
        sizings: Sequence[Sizing],
        load: Load,
        report_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Load all copies, at the same time.

        Args:
            weights: the model's checked files.
            sizings: of each copy.
            load: loads one, in a new process; a function that can be imported.
            report_progress: called as copies make progress.

        Raises:
            EvaluationError: as `load` does, or copies were loaded that would not measure alike.
        """
        self._report_progress = report_progress
        self._processes: list[SpawnProcess] = []
        self._links: list[Connection] = []
        spawn = multiprocessing.get_context("spawn")
        for number, sized in enumerate(sizings):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(
                target=_serve,
                name=f"{NAME}-{number}",
                args=(theirs, weights, sized, load),
                daemon=False,
            )
            process.start()
            # Otherwise the end of the process would not be noticed.
            theirs.close()
            self._processes.append(process)
            self._links.append(ours)
        try:
            self._provenance = self._loaded()
        except BaseException:
            self.close()
            raise

    def run(self, requests: Sequence[Request], done: Callable[[int, Result], None]) -> None:
        """Run all requests (`requests.Engine`).

        Raises:
            EvaluationError: a copy broke down.
        """
        copies = len(self._links)
        shares: list[list[int]] = [[] for _ in range(copies)]
        for index in range(len(requests)):
            shares[index // BLOCK_REQUESTS % copies].append(index)
        for link, share in zip(self._links, shares, strict=True):
            link.send([requests[index] for index in share])
        for number, (place, result) in self._messages():
            done(shares[number][place], result)

    def provenance(self) -> Provenance:
        """That of one copy, and how many there are."""
        return {**self._provenance, "data_parallel": len(self._links)}

    def close(self) -> None:
        """Unload all copies and end their processes."""
        for link in self._links:
            with suppress(OSError):
                link.send(None)
        until = time.monotonic() + LAST_S
        for process, link in zip(self._processes, self._links, strict=True):
            process.join(max(until - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                process.join()
            link.close()

    def _loaded(self) -> Provenance:
        """Wait until all copies are loaded; the provenance of one."""
        by_copy: dict[int, Provenance] = dict(self._messages())
        told = list(by_copy.values())
        if any(each != told[0] for each in told):
            differ = sorted({key for each in told for key in each if each[key] != told[0].get(key)})
            raise InstallationError(f"copies of the model differ in {', '.join(differ)}")
        return told[0]

    def _messages(self) -> Iterator[tuple[int, Any]]:
        """Number of the copy, and message, of all copies until each is at the end of its work.

        Raises:
            EvaluationError: what a copy raised, or that its process ended.
        """
        working = dict(enumerate(self._links))
        while working:
            ready = wait(working.values())
            for number in [number for number, link in working.items() if link in ready]:
                try:
                    kind, content = working[number].recv()
                except EOFError as error:
                    process = self._processes[number]
                    process.join(LAST_S)
                    raise UnexplainedError(
                        f"copy {number} of the engine ended with status {process.exitcode}"
                    ) from error
                self._report_progress()
                if isinstance(content, EvaluationError):
                    raise content
                if kind == "message":
                    yield number, content
                elif kind == "end":
                    del working[number]


def _serve(link: Connection, weights: Weights, sized: Sizing, load: Load) -> None:
    """Load a copy and run what comes, until None does."""
    last = 0.0

    def report_progress() -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_S:
            last = time.monotonic()
            link.send(("progress", None))

    try:
        engine = load(weights, sized, report_progress)
        link.send(("message", engine.provenance()))
        link.send(("end", None))
        while (requests := link.recv()) is not None:
            engine.run(requests, lambda index, result: link.send(("message", (index, result))))
            link.send(("end", None))
        engine.close()
    except EvaluationError as error:
        link.send(("error", error))
