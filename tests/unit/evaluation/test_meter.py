"""Costs are differences of the cards' own counters; what cannot be read is null, with the reason."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from densing_pipeline.evaluation.meter import NO_GPU, Costs, Meter
from densing_pipeline.units import GIB


class Cards(ModuleType):
    """NVML with counters of its own, in place of the library, which needs a driver."""

    def __init__(self, **refusing: str) -> None:
        """Refuse calls with a message, by their name."""
        super().__init__("pynvml")
        self.refusing = refusing
        self.energy = {0: 5_000_000, 1: 7_000_000}
        self.used = {0: 20 * GIB, 1: 30 * GIB}
        calls: dict[str, Callable[..., Any]] = {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetTotalEnergyConsumption": lambda handle: self.energy[handle],
            "nvmlDeviceGetMemoryInfo": lambda handle: Memory(self.used[handle]),
        }
        for name, call in calls.items():
            setattr(self, name, functools.partial(self._ask, name, call))

    def _ask(self, name: str, call: Callable[..., Any], *arguments: int) -> Any:
        if name in self.refusing:
            raise RuntimeError(self.refusing[name])
        return call(*arguments)


class Memory:
    """What NVML says of a card's memory."""

    def __init__(self, used: int) -> None:
        """Bytes in use."""
        self.used = used


def metered(monkeypatch: pytest.MonkeyPatch, cards: Cards, earlier: Costs | None = None) -> Costs:
    """Costs of a block in which both cards use 250 J, and more memory for a while."""
    monkeypatch.setitem(sys.modules, "pynvml", cards)
    with Meter(("0", "1"), earlier) as meter:
        cards.energy = {0: 5_250_000, 1: 7_250_000}
        cards.used = {0: 60 * GIB, 1: 70 * GIB}
    return meter.costs


def test_energy_and_time_of_all_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = metered(monkeypatch, Cards())
    assert costs["joules"] == 500
    assert costs["joules_reason"] is None
    assert costs["peak_memory_bytes"] == 130 * GIB
    seconds = costs["measuring_seconds"]
    assert isinstance(seconds, float)
    assert costs["gpu_seconds"] == pytest.approx(2 * seconds, abs=0.01)


def test_earlier_attempts_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier: Costs = {
        "joules": 100.0, "measuring_seconds": 60.0, "gpu_seconds": 120.0, "peak_memory_bytes": 140 * GIB,
        "joules_reason": None,
    }  # fmt: skip
    costs = metered(monkeypatch, Cards(), earlier)
    assert costs["joules"] == 600
    assert costs["gpu_seconds"] == pytest.approx(120, abs=1)
    assert costs["peak_memory_bytes"] == 140 * GIB
    unknown = metered(monkeypatch, Cards(), earlier | {"joules": None, "joules_reason": "a reason"})
    assert (unknown["joules"], unknown["joules_reason"]) == (None, "a reason")


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ("nvmlInit", "NVML cannot be used: RuntimeError: Driver Not Loaded"),
        ("nvmlDeviceGetHandleByIndex", "NVML cannot be used: RuntimeError: Driver Not Loaded"),
        ("nvmlDeviceGetTotalEnergyConsumption", "the energy counter cannot be read: RuntimeError: Driver Not Loaded"),
    ],
)  # fmt: skip
def test_a_card_that_does_not_tell_has_no_energy_but_a_reason(
    monkeypatch: pytest.MonkeyPatch, refused: str, reason: str
) -> None:
    costs = metered(monkeypatch, Cards(**{refused: "Driver Not Loaded"}))
    assert (costs["joules"], costs["joules_reason"]) == (None, reason)
    assert costs["gpu_seconds"] is not None


def test_a_counter_that_was_set_back_is_no_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = Cards()
    cards.energy = {0: 9_000_000, 1: 9_000_000}
    costs = metered(monkeypatch, cards)
    assert costs["joules"] is None
    assert costs["joules_reason"] == "the energy counter was set back while it was read"


def test_memory_that_is_not_told_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = metered(monkeypatch, Cards(nvmlDeviceGetMemoryInfo="Not Supported"))
    assert (costs["joules"], costs["peak_memory_bytes"]) == (500, 0)


def test_a_processor_has_time_and_memory_only() -> None:
    with Meter(()) as meter:
        pass
    assert (meter.costs["gpu_seconds"], meter.costs["joules"]) == (None, None)
    assert meter.costs["joules_reason"] == NO_GPU
    peak = meter.costs["peak_memory_bytes"]
    assert isinstance(peak, int)
    assert peak > 1_000_000
