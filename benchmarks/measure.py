"""Time and memory of one piece of work against a named peer that does the same."""

import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

PEER_BUDGET_SECONDS = 30.0
"""A peer that takes longer than this in all is not run again."""


class Measurement(TypedDict):
    """One row of `benchmarks/results.json`."""

    name: str
    what: str
    ours: float
    peer: float
    peer_name: str
    unit: str
    ratio: float
    peak_mb: float
    machine: str
    date: str


class Row(NamedTuple):
    """A row that is measured when it is asked for.

    Attributes:
        name: dotted name, room first.
        measure: measures it.
        is_long: whether that takes so long that it is done only for those who name the row.
    """

    name: str
    measure: Callable[[], Measurement]
    is_long: bool = False


def row(
    name: str, *arguments: Any, ready: Callable[[], object] | None = None, **options: Any
) -> Row:
    """A row that `compare` measures with these arguments, after what makes ready for it."""

    def measure() -> Measurement:
        if ready:
            ready()
        return compare(name, *arguments, **options)

    return Row(name, measure)


def compare(
    name: str,
    what: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    peer_name: str,
    unit: str = "s",
    repeats: int = 3,
    peak: Callable[[], float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Measurement:
    """Time both, alternating so that a busy machine slows both.

    Args:
        name: dotted name, room first.
        what: the work, with its sizes.
        ours: our way to do it.
        peer: the peer's way to do the same; `peer_name` says which.
        peer_name: library and call that a user would otherwise write.
        unit: unit of `ours` and `peer`, seconds.
        repeats: runs of each; the best counts.
        peak: gives the peak memory of ours in MB after the runs, where `peak_mb` cannot.
        clock: gives the seconds now; `time.process_time` where a busy machine must not count.

    Returns:
        The measurement; `ratio` is peer over ours, `peak_mb` what ours allocates in Python and numpy.
    """
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(repeats):
        for key, work in (("ours", ours), ("peer", peer)):
            start = clock()
            work()
            times[key].append(clock() - start)
        if sum(times["peer"]) > PEER_BUDGET_SECONDS:
            break
    best, other = min(times["ours"]), min(times["peer"])
    memory = peak_mb(ours) if peak is None else peak()
    return measured(name, what, best, other, peer_name, unit, peak=memory)


def measured(
    name: str,
    what: str,
    ours: float,
    peer: float,
    peer_name: str,
    unit: str = "s",
    *,
    peak: float,
) -> Measurement:
    """What was measured here today: the arguments of `compare`, with the numbers that it takes; `peak` in MB."""
    return Measurement(
        name=name,
        what=what,
        ours=round(ours, 4),
        peer=round(peer, 4),
        peer_name=peer_name,
        unit=unit,
        ratio=round(peer / ours, 1),
        peak_mb=round(peak, 1),
        machine=machine(),
        date=datetime.now(UTC).date().isoformat(),
    )


def peak_mb(work: Callable[[], object]) -> float:
    """Peak memory the work allocates through Python and numpy, in MB."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def own_peak_mb() -> float:
    """Peak resident size of this process, MB.

    Of /proc, not of getrusage, which begins with the size of the parent.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1000


def machine() -> str:
    """The machine, as far as a reader needs to judge a time."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
