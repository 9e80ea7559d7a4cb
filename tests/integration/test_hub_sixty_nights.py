"""Nights at a Hub where models are made public late and listings go wrong in every way we know.

Every planted base model is found by the first night that says `ok`, none is lost, and no night says
`ok` that has not read everything. Without `slow` the same is held for fewer nights.
"""

import json
import random
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from densing_pipeline.hub import client, poll
from densing_pipeline.hub.client import Hub
from tests.servers.hub import FIRST_DAY, Reply, World, base_model, serving, world
from tests.servers.observatory import NIGHT, Observatory

LIMITS = poll.Limits(overlap_days=1, first_days=10, page_size=20, configs=30, revisits=10)
LATEST = 30
"""Days after its creation by which a planted model is public."""

LISTED = {"created": "sort=createdAt", "changed": "sort=lastModified", "publisher": "author="}


@dataclass
class Fault:
    """What goes wrong with the listings on one night.

    Attributes:
        kind: of the fault.
        listing: key of `LISTED`.
        lasts: whether it goes on; else it happens once.
        hides: whether a part of the listing cannot be read that night.
    """

    kind: str
    listing: str
    lasts: bool
    n: int = 0

    @property
    def hides(self) -> bool:
        return self.lasts and self.kind != "order"

    def __call__(self, path: str, reply: Reply) -> Reply:
        """The answer as the broken Hub sends it."""
        if LISTED[self.listing] not in path or ("author=" in path) != (self.listing == "publisher"):
            return reply
        if not self.lasts and self.n:
            return reply
        is_first = "cursor" not in path
        status, headers, body = reply
        if self.kind == "stripped":
            self.n += "Link" in headers
            return status, {}, body
        if is_first and self.listing != "publisher":
            return reply
        self.n += 1
        if self.kind == "empty":
            return status, {} if self.n % 2 else headers, b"[]"
        if self.kind == "server error":
            return 503, {}, b"try later"
        if self.kind == "circle":
            return status, {"Link": f'<{path}>; rel="next"'}, body
        if self.kind == "no list":
            return status, headers, b'{"error": "overloaded"}'
        # The order changes between pages, and records that changed places come twice or not at all.
        records = json.loads(body)
        random.Random(self.n).shuffle(records)  # noqa: S311
        return status, headers, json.dumps(records).encode()


KINDS = ("stripped", "empty", "server error", "circle", "no list", "order")


def faults(nights: int, rng: random.Random) -> list[Fault | None]:
    """What happens on each night: nothing on the first and the last, and on every third."""
    found: list[Fault | None] = []
    for n in range(nights):
        kind, listing = KINDS[n % len(KINDS)], rng.choice(list(LISTED))
        is_quiet = n in (0, nights - 1) or n % 3 == 0
        found.append(None if is_quiet else Fault(kind, listing, lasts=rng.random() < 0.7))
    return found


def plant(simulated: World, nights: int, rng: random.Random) -> dict[str, tuple[int, int]]:
    """Plant a base model a day; the first and last day on which each is on the Hub by its name."""
    planted = {}
    for n in range(-5, nights - 1):
        created = FIRST_DAY + timedelta(days=n, hours=rng.uniform(0, 20))
        late = rng.choice((0, 0, rng.randint(1, 8), rng.randint(1, LATEST)))
        repo = base_model(f"lab{n % 9}/Nova-{n + 100}", created)
        repo.public_from = created + timedelta(days=late)
        if rng.random() < 0.5:
            # Half of the publishers change something on the day, half change nothing.
            repo.record["lastModified"] = repo.public_from.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        last = nights
        if rng.random() < 0.15:
            repo.renamed = (repo.public_from + timedelta(days=2), f"lab{n % 9}/Nova-{n + 100}-new")
        elif rng.random() < 0.15:
            repo.hidden_from = repo.public_from + timedelta(days=rng.randint(1, 6))
            last = (repo.hidden_from - FIRST_DAY - NIGHT).days
        first = max(0, -((FIRST_DAY + NIGHT - repo.public_from) // timedelta(days=1)))
        planted[repo.record["id"]] = (first, last)
        simulated.repos.append(repo)
    return planted


@pytest.mark.parametrize(
    ("nights", "seed"),
    [
        (14, 1),
        pytest.param(60, 2, marks=pytest.mark.slow),
        pytest.param(60, 3, marks=pytest.mark.slow),
    ],
)
def test_every_base_model_is_found_on_the_first_night_it_could_be(
    tmp_path, monkeypatch, nights, seed
):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    rng = random.Random(seed)  # noqa: S311
    simulated = world(seed, per_day=12, days=nights, history=60)
    planted = plant(simulated, nights, rng)
    outcomes = []
    with serving(simulated) as endpoint:
        observatory = Observatory(tmp_path, simulated, endpoint, LIMITS)
        for day, fault in enumerate(faults(nights, rng)):
            simulated.altered = fault or (lambda path, reply: reply)
            hub = Hub(endpoint, limits=replace(client.LIMITS, backoff_s=0.01, attempts=2))
            night = observatory.night(day, hub)
            outcomes.append((night.outcome, fault, night.missing))
    for outcome, fault, missing in outcomes:
        if fault is None:
            assert (outcome, missing) == ("ok", "")
        elif fault.n and fault.hides and fault.listing != "publisher":
            assert outcome != "ok", fault
            assert missing
    ok = [day for day, (outcome, _, _) in enumerate(outcomes) if outcome == "ok"]
    found = observatory.found()
    # A model that was found after it had been renamed has its new name.
    seen = {model: found.get(model, found.get(f"{model}-new")) for model in planted}
    for model, (first, last) in planted.items():
        could_be = next((day for day in ok if first <= day <= last), None)
        if could_be is not None:
            assert seen[model] is not None, f"{model}, public on day {first}"
            assert seen[model] <= could_be, f"{model}, public on day {first}"
    assert sum(fault is not None and fault.n > 0 for _, fault, _ in outcomes) >= nights // 2
    shown = [model for model, (first, last) in planted.items() if first < min(last, nights)]
    at_once = [model for model in shown if seen[model] == planted[model][0]]
    assert len(at_once) > 0.8 * len(shown), "most are found on their night in spite of a fault"
