"""What goes wrong in the quarter: faults of every kind, drawn for each night from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.quarter.world import is_calm
from tests.servers.prices import addresses

HUB = "hub"

ANSWERS = ("timeout", "server error", "too many requests", "garbage")
"""Faults of a server's answers."""

KINDS = (*ANSWERS, "dead source", "disk full", "kill -9", "clock jump", "database locked")

OUTAGE_NIGHTS = 14
"""Nights for which a source is dead."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong on one night.

    Attributes:
        kind: one of `KINDS`.
        source: whose answers are wrong; empty for faults of this machine.
        lasts: of answers: for the whole night, else for the first request only.
        size: days of a clock's jump; kibibytes left on a full disk; for kills, the share of steps done in thousandths.
        calls: for kills, the call of a Python function within the step.
    """

    kind: str
    source: str = ""
    lasts: bool = False
    size: int = 0
    calls: int = 0


def schedule(nights: int, seed: int) -> list[list[Fault]]:
    """The faults of each night, none on calm nights and on the last one."""
    rng = random.Random(f"chaos {seed}")  # noqa: S311
    sources = sorted(path.strip("/") for path in addresses("").values())
    dead = dict(_outages(nights, sources, rng))
    found: list[list[Fault]] = []
    for night in range(nights):
        faults = [Fault("dead source", source, lasts=True) for source in dead.get(night, ())]
        if not is_calm(night) and night < nights - 1:
            faults += _drawn(night, sources, rng)
        found.append(faults)
    return found


def _outages(
    nights: int, sources: list[str], rng: random.Random
) -> Iterator[tuple[int, list[str]]]:
    """Nights on which a price list, or a score source, is dead: each for two weeks."""
    begins = [night for night in range(nights - OUTAGE_NIGHTS - 1) if is_calm(night - 1) and not is_calm(night)]  # fmt: skip
    if not begins:
        return
    for first, source in zip(rng.sample(begins, min(2, len(begins))), ("openrouter", "swallow-leaderboard"), strict=False):  # fmt: skip
        for night in range(first, first + OUTAGE_NIGHTS):
            yield night, [source]


def _drawn(night: int, sources: list[str], rng: random.Random) -> Iterator[Fault]:
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        kind = rng.choice(ANSWERS)
        source = rng.choice([*sources, HUB, HUB, HUB])
        # Each timeout costs its whole time.
        yield Fault(kind, source, lasts=kind != "timeout" and rng.random() < 0.3)
    # One fault of the machine on most nights, in turn, so that each comes often.
    machine = ("kill -9", "kill -9", "disk full", "kill -9", "clock jump", "kill -9", "database locked")  # fmt: skip
    kind = machine[night % len(machine)]
    if kind == "kill -9":
        for _ in range(rng.choice((1, 1, 2))):
            yield Fault(kind, size=rng.randrange(1000), calls=int(10 ** rng.uniform(0, 4)))
    elif kind == "disk full":
        yield Fault(kind, size=rng.choice((0, 8, 64, 512, 2048)))
    elif kind == "clock jump":
        yield Fault(kind, size=rng.choice((-400, -3, 5, 40, 3000)))
    else:
        yield Fault(kind)
