"""What measuring costs: time, energy and memory of the GPUs while the engine works.

Energy is the difference of NVML's counter (`nvmlDeviceGetTotalEnergyConsumption`, millijoules since the driver was
loaded), so nothing is integrated here; cards before Volta have none. Memory is the highest of what is polled.
Everything is of whole cards: another process on one of them is measured as well. Not here: sharing the costs out
between benchmarks (`costs`).
"""

import importlib
import resource
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from densing_pipeline.text import error_text

POLL_S = 1.0
"""Seconds between two looks at the memory."""

NO_GPU = "on the processor: NVML counts the energy of GPUs"

Costs = dict[str, float | int | str | None]
"""Fields of the provenance: `measuring_seconds`, `gpu_seconds`, `joules`, `joules_reason`, `peak_memory_bytes`."""


class Meter:
    """Context manager that measures what its block costs; `costs` has it afterwards."""

    def __init__(self, gpus: Sequence[str], earlier: Costs | None = None) -> None:
        """Set what is measured.

        Args:
            gpus: numbers of the GPUs that the model runs on; none for the processor.
            earlier: costs of earlier attempts whose items are kept, which are added.
        """
        self._gpus, self._earlier = gpus, earlier or {}
        self._stopped = threading.Event()
        self._peak = 0
        self.costs: Costs = {}

    def __enter__(self) -> Self:
        """Read the counters and begin to look at the memory."""
        self._handles, self._problem = _handles(self._gpus)
        self._begun, self._before = time.monotonic(), self._energy()
        self._poller = threading.Thread(target=self._poll, daemon=True)
        self._poller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Read the counters again."""
        self._stopped.set()
        self._poller.join()
        seconds = time.monotonic() - self._begun
        after = self._energy()
        self._look()
        joules = None
        if self._before is not None and after is not None:
            joules = (after - self._before) / 1000
            # The counter begins anew when the driver is loaded again.
            if joules < 0:
                joules, self._problem = None, "the energy counter was set back while it was read"
        gpu_seconds = seconds * len(self._gpus) if self._gpus else None
        self.costs = {
            "measuring_seconds": _sum(seconds, self._earlier, "measuring_seconds"),
            "gpu_seconds": _sum(gpu_seconds, self._earlier, "gpu_seconds"),
            "joules": _sum(joules, self._earlier, "joules"),
            "joules_reason": None if joules is not None else self._problem,
            "peak_memory_bytes": max(self._peak, _number(self._earlier.get("peak_memory_bytes"))),
        }
        if self._earlier.get("joules_reason"):
            self.costs |= {"joules": None, "joules_reason": self._earlier["joules_reason"]}

    def _energy(self) -> int | None:
        """Millijoules that all GPUs have used since their driver was loaded; None if they do not tell."""
        if self._problem:
            return None
        try:
            counters = map(_nvml().nvmlDeviceGetTotalEnergyConsumption, self._handles)
            return sum(map(int, counters))
        except Exception as error:  # NVML has a class for each of its errors
            self._problem = f"the energy counter cannot be read: {error_text(error)}"
            return None

    def _poll(self) -> None:
        while not self._stopped.wait(POLL_S):
            self._look()

    def _look(self) -> None:
        """Note the memory in use: of the GPUs together, or of this process and its children's largest."""
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
    """The value and that of earlier attempts; None if it is not known of this one."""
    return None if now is None else round(now + _number(earlier.get(name)), 3)


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0
