"""A night at the Hub in a process of its own, to be killed."""

from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from densing_pipeline.hub import poll
from densing_pipeline.hub.client import Hub
from densing_pipeline.landing import LandingZone
from tests.servers.killing import counted_calls, die_at_call


def night(
    folder: Path,
    endpoint: str,
    limits: poll.Limits,
    instant: datetime,
    dies_at: int | None,
    told: Connection,
) -> None:
    """Poll once, landing in the folder; every look at the clock is a millisecond later.

    The process is killed at the function call `dies_at`, if it is given; otherwise `told` is sent how
    many calls the night made. Calls are counted once what a first request costs is paid.
    """
    ticks = iter(range(10**6))
    warm = Hub(endpoint)
    warm.get(warm.list_url("createdAt", 1))
    with counted_calls() as calls:
        if dies_at is not None:
            die_at_call(dies_at)
        poll.poll(
            LandingZone(folder / "landing"),
            folder / "cache",
            Hub(endpoint),
            limits,
            (),
            lambda: instant + timedelta(milliseconds=next(ticks)),
            (),
        )
    told.send(calls[0])
