"""Time and memory of one piece of work against a named peer that does the same, and memory of whole programs.

Of a program with all processes that it started, memory is what `memory` says. What one piece of work allocates within a
process that does other things, too, is `peak_mb`; `own_peak_mb` is the peak that the kernel noted of one process.
"""

import os
import platform
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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


class Memory(NamedTuple):
    """Memory of some processes together, MiB.

    Attributes:
        mib: proportional set size (`Pss` of proc(5)): every page in memory, divided by the number of processes that hold
            it. The resident size would count a library once for each process of a program. This is what a machine needs.
        own_mib: the part that is backed by no file (`Pss_Anon`), such as the heap. A library's page that a program of
            somebody else uses as well counts half, and whole again when that one ends; this part moves with the program
            alone, so growth is told by it.
    """

    mib: float
    own_mib: float


def memory(process: int) -> Memory:
    """Memory of a process and all that it started; zero of one that has ended."""
    found = [_read(pid, "smaps_rollup") for pid in family(process)]
    return Memory(*(
        round(sum(int(at) for text in found for at in re.findall(rf"^{field}: +(\d+) kB", text, re.M)) / 1024, 1)
        for field in ("Pss", "Pss_Anon")
    ))  # fmt: skip


def processor_s(process: int) -> float:
    """Processor time that a process and all that it started have taken so far, with those that ended since, seconds."""
    # After the name, which may hold anything: user and system time of the process, and of its ended children (proc(5)).
    fields = [_read(pid, "stat").rpartition(")")[2].split() for pid in family(process)]
    ticks = sum(int(at) for each in fields if each for at in each[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def others_processors(processes: Sequence[int]) -> Iterator[list[float]]:
    """Tells, when the context ends, how many processors other programs used within it on average, as the one value of a list.

    Args:
        processes: whose time is not of others, with all that they started.
    """
    found: list[float] = []
    began, before = time.monotonic(), _busy_s() - sum(map(processor_s, processes))
    yield found
    used = _busy_s() - sum(map(processor_s, processes)) - before
    found.append(round(max(used, 0.0) / (time.monotonic() - began), 2))


def _busy_s() -> float:
    """Time that all processors were not idle since the machine started, seconds."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """A process and all that it started, directly or not."""
    found, waiting = [], [process]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        # A thread may start a process, too, and it is listed under that thread.
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            waiting += map(int, _read(pid, f"task/{thread.name}/children").split())
    return found


def _read(pid: int, name: str) -> str:
    """A file of a process; empty if the process has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def machine() -> str:
    """The machine, as far as a reader needs to judge a time."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
