"""What measuring costs: time, energy and memory of the GPUs while the engine works.

Energy is what NVML's counters (`nvmlDeviceGetTotalEnergyConsumption`, millijoules since the driver was loaded) have
risen by, so nothing is integrated here; cards before Volta have none. A counter that falls, stands still, or rises
faster than any card can is not believed. Memory is the highest of what is polled. Everything is of whole cards: another
process on one of them is measured as well. Costs are saved while they grow, so that an attempt that is killed is counted,
less its last minute. Not here: sharing the costs out between benchmarks (`costs`).
"""

import importlib
import resource
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from densing_pipeline.evaluation.failures import EvaluationError
from densing_pipeline.text import error_text

POLL_S = 1.0
"""Seconds between two looks at counters and memory."""

SAVE_S = 60.0
"""Seconds after which the costs so far are saved again."""

STILL_S = 2.0
"""Seconds in which the energy counter of a card rises; also one that does nothing takes some watts."""

MOST_WATTS = 5000.0
"""Power that no card takes (the largest of today take 1,400 W)."""

NO_GPU = "on the processor: NVML counts the energy of GPUs"

UNKNOWN = "an earlier attempt, whose items are kept, left no record of its costs"

Costs = dict[str, float | int | str | None]
"""Fields of the provenance: `measuring_seconds`, `gpu_seconds`, `joules`, `joules_reason`, `peak_memory_bytes`."""

UNRECORDED: Costs = {
    "measuring_seconds": None,
    "gpu_seconds": None,
    "joules": None,
    "joules_reason": UNKNOWN,
    "peak_memory_bytes": None,
}
"""Costs of earlier attempts that left none."""


class Meter:
    """Context manager that measures what its block costs; `costs` has it afterwards."""

    def __init__(
        self,
        gpus: Sequence[str],
        earlier: Costs | None = None,
        save: Callable[[Costs], None] = lambda costs: None,
    ) -> None:
        """Set what is measured.

        Args:
            gpus: numbers of the GPUs that the model runs on; none for the processor.
            earlier: costs of earlier attempts whose items are kept, which are added.
            save: keeps the costs so far, for a later attempt if this one is killed; called from another thread.
        """
        self._gpus, self._earlier, self._save = gpus, earlier or {}, save
        self._stopped = threading.Event()
        self._peak = 0
        self._unread = ""
        self.costs: Costs = {}

    def __enter__(self) -> Self:
        """Read the counters and begin to look at them."""
        self._handles, self._problem = _handles(self._gpus)
        self._begun = time.monotonic()
        self._counters = self._energy()
        # What has been counted since a later look would be part of the energy only.
        self._problem = self._problem or self._unread
        self._millijoules = [0] * len(self._gpus)
        # In place of those of items that were deleted.
        self._save_costs(self._so_far())
        self._poller = threading.Thread(target=self._poll, daemon=True)
        self._poller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Read the counters again, and save the costs."""
        self._stopped.set()
        self._poller.join()
        self._look()
        self.costs = self._so_far()
        self._save_costs(self.costs)

    def _so_far(self) -> Costs:
        """The costs until now, those of earlier attempts added."""
        seconds = time.monotonic() - self._begun
        problem = self._problem or self._unread or self._disbelief(seconds)
        joules = None if problem else sum(self._millijoules) / 1000
        costs: Costs = {
            "measuring_seconds": _sum(seconds, self._earlier, "measuring_seconds"),
            "gpu_seconds": _sum(
                seconds * len(self._gpus) if self._gpus else None, self._earlier, "gpu_seconds"
            ),
            "joules": _sum(joules, self._earlier, "joules"),
            "joules_reason": problem or None,
            "peak_memory_bytes": max(self._peak, _number(self._earlier.get("peak_memory_bytes"))),
        }
        if self._earlier.get("joules_reason"):
            costs |= {"joules": None, "joules_reason": self._earlier["joules_reason"]}
        return costs

    def _disbelief(self, seconds: float) -> str:
        """Why the energy counted cannot be right; empty if it can."""
        for gpu, millijoules in zip(self._gpus, self._millijoules, strict=True):
            if millijoules == 0 and seconds >= STILL_S:
                return f"the energy counter of GPU {gpu} stood still for {seconds:.0f} s"
            if millijoules / 1000 > MOST_WATTS * (seconds + POLL_S):
                return (
                    f"the energy counter of GPU {gpu} rose by {millijoules / 1000:.3g} J in "
                    f"{seconds:.0f} s, more than a card can take"
                )
        return ""

    def _energy(self) -> list[int]:
        """Millijoules that each GPU has used since its driver was loaded; none if one does not tell now."""
        if self._problem:
            return []
        try:
            read = _nvml().nvmlDeviceGetTotalEnergyConsumption
            found = [int(read(each)) for each in self._handles]
        except Exception as error:  # NVML has a class for each of its errors
            self._unread = f"the energy counter cannot be read: {error_text(error)}"
            return []
        self._unread = ""
        return found

    def _poll(self) -> None:
        saved = time.monotonic()
        while not self._stopped.wait(POLL_S):
            self._look()
            if time.monotonic() - saved >= SAVE_S:
                saved = time.monotonic()
                self._save_costs(self._so_far())

    def _save_costs(self, costs: Costs) -> None:
        # The evaluation itself notices a full disk, and what is saved here is not worth its end.
        with suppress(OSError, EvaluationError):
            self._save(costs)

    def _look(self) -> None:
        """Add what the counters have risen by, and note the memory in use."""
        # One look that fails loses nothing: counters go on.
        before, self._counters = self._counters, self._energy() or self._counters
        for number, (was, now) in enumerate(zip(before, self._counters, strict=True)):
            # It begins anew when the driver is loaded again, or at the end of its range.
            if now < was:
                self._problem = (
                    f"the energy counter of GPU {self._gpus[number]} was set back while it was read"
                )
            self._millijoules[number] += now - was
        self._note_memory()

    def _note_memory(self) -> None:
        """Note the memory in use: of the GPUs together, or the most of this process so far."""
        if not self._gpus:
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            self._peak = max(self._peak, used)
            return
        try:
            used = sum(_nvml().nvmlDeviceGetMemoryInfo(each).used for each in self._handles)
        except Exception:  # cards that share the computer's memory do not tell theirs
            return
        self._peak = max(self._peak, int(used))


def _handles(gpus: Sequence[str]) -> tuple[list[Any], str]:
    """NVML's handles of the GPUs, and why there are none."""
    if not gpus:
        return [], NO_GPU
    try:
        nvml = _nvml()
        nvml.nvmlInit()
        return [_handle(nvml, each) for each in gpus], ""
    except Exception as error:  # the library is absent, or has one of its many errors
        return [], f"NVML cannot be used: {error_text(error)}"


def _handle(nvml: Any, gpu: str) -> Any:
    if gpu.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(gpu))
    return nvml.nvmlDeviceGetHandleByUUID(gpu)


def _nvml() -> Any:
    return importlib.import_module("pynvml")


def _sum(now: float | None, earlier: Costs, name: str) -> float | None:
    """The value and that of earlier attempts; None if one of them is not known."""
    before = earlier.get(name, 0)
    return None if now is None or before is None else round(now + _number(before), 3)


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0
