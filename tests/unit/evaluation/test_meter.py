"""Costs are differences of the cards' own counters; what cannot be read is null, with the reason."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from densing_pipeline.evaluation import meter as meter_module
from densing_pipeline.evaluation.meter import NO_GPU, UNKNOWN, UNRECORDED, Costs, Meter
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


@pytest.mark.parametrize("card", [0, 1])
def test_one_counter_that_was_set_back_is_not_hidden_by_the_other(
    monkeypatch: pytest.MonkeyPatch, card: int
) -> None:
    cards = Cards()
    monkeypatch.setitem(sys.modules, "pynvml", cards)
    with Meter(("0", "1")) as meter:
        cards.energy = {0: 9_000_000, 1: 9_000_000} | {card: 4_900_000}
    assert meter.costs["joules"] is None
    assert (
        meter.costs["joules_reason"]
        == f"the energy counter of GPU {card} was set back while it was read"
    )


def test_a_counter_set_back_long_ago_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "POLL_S", 0.001)
    cards = Cards()
    monkeypatch.setitem(sys.modules, "pynvml", cards)
    with Meter(("0", "1")) as meter:
        cards.energy = {0: 0, 1: 7_000_000}
        while not meter._problem:
            pass
        # By the end it is higher than at the beginning.
        cards.energy = {0: 6_000_000, 1: 7_100_000}
    assert meter.costs["joules"] is None


@pytest.mark.parametrize(
    ("risen", "seconds", "reason"),
    [
        (0, 1.0, None),
        (0, 2.0, "the energy counter of GPU 1 stood still for 2 s"),
        (1, 10.0, None),
        (54_000_000, 10.0, None),
        (56_000_000, 10.0, "the energy counter of GPU 1 rose by 5.6e+04 J in 10 s, more than a card can take"),
        (2**64 - 1, 1000.0, "the energy counter of GPU 1 rose by 1.84e+16 J in 1000 s, more than a card can take"),
    ],
)  # fmt: skip
def test_energy_that_no_card_can_have_used_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, risen: int, seconds: float, reason: str | None
) -> None:
    cards = Cards()
    monkeypatch.setitem(sys.modules, "pynvml", cards)
    with Meter(("0", "1")) as meter:
        cards.energy = {0: 5_000_001, 1: 7_000_000 + risen}
        meter._begun -= seconds
    assert meter.costs["joules_reason"] == reason
    assert (meter.costs["joules"] is None) == (reason is not None)


def test_one_look_that_fails_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "POLL_S", 0.001)
    cards = Cards()
    monkeypatch.setitem(sys.modules, "pynvml", cards)
    with Meter(("0", "1")) as meter:
        cards.refusing = {"nvmlDeviceGetTotalEnergyConsumption": "Unknown Error"}
        while not meter._unread:
            pass
        cards.refusing = {}
        cards.energy = {0: 5_000_250, 1: 7_000_250}
    assert (meter.costs["joules"], meter.costs["joules_reason"]) == (0.5, None)


def test_costs_are_saved_while_they_grow_and_a_full_disk_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meter_module, "POLL_S", 0.001)
    monkeypatch.setattr(meter_module, "SAVE_S", 0.0)
    monkeypatch.setitem(sys.modules, "pynvml", Cards())
    saved: list[Costs] = []

    def save(costs: Costs) -> None:
        saved.append(costs)
        raise OSError(28, "No space left on device")

    with Meter(("0", "1"), {"joules": 7.0}, save):
        while len(saved) < 3:
            pass
    assert saved[0]["joules"] == 7
    assert float(saved[0]["gpu_seconds"] or 0) < float(saved[-1]["gpu_seconds"] or 0)


def test_what_an_earlier_attempt_cost_is_not_taken_for_nothing() -> None:
    with Meter((), UNRECORDED) as meter:
        pass
    assert meter.costs["measuring_seconds"] is None
    assert meter.costs["joules_reason"] == UNKNOWN
    with Meter((), {}) as meter:
        pass
    assert meter.costs["measuring_seconds"] is not None


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
