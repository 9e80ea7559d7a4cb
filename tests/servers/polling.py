"""A night at the Hub in a process of its own, to be killed."""

from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from densing_pipeline.hub import poll
from densing_pipeline.hub.client import Hub
from densing_pipeline.landing import LandingZone


def night(
    folder: Path, endpoint: str, limits: poll.Limits, instant: datetime, begun: Connection
) -> None:
    """Poll once, landing in the folder; every look at the clock is a millisecond later.

    Says when it begins, once what a first request costs is paid.
    """
    ticks = iter(range(10**6))
    warm = Hub(endpoint)
    warm.get(warm.list_url("createdAt", 1))
    begun.send(True)
    poll.poll(
        LandingZone(folder / "landing"),
        folder / "cache",
        Hub(endpoint),
        limits,
        (),
        lambda: instant + timedelta(milliseconds=next(ticks)),
    )
