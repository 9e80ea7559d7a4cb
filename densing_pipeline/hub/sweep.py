"""Reading everything there is on the Hub, page by page, resumable where it stopped.

Rarely needed: a night finds what is new, and a sweep what nights can miss, such as a repository
made public long after it was created. Every page lands with a note of where the next one is, so a
sweep that was killed goes on from its last page; memory holds one page. Not here: the nightly poll
(`poll`), and what records mean (`records`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from densing_pipeline.hub import records
from densing_pipeline.hub.client import Hub, HubError
from densing_pipeline.hub.observations import SWEEP
from densing_pipeline.landing import INSTANT_FORMAT, LandingZone

PROGRESS = "hub-progress-"
"""Start of the source names of notes on how far a sweep is, one source per sweep."""

EXPIRED = (400, 404, 410)
"""What the Hub may answer to a place in a listing that it has forgotten."""

TRIES = 3
"""Runs that may fail at one place before the sweep is given up."""


@dataclass(frozen=True)
class Sweep:
    """How far a sweep is.

    Attributes:
        name: when it began.
        pages: pages landed.
        rows: records in them.
        next_url: path and query of the page it goes on with, None when it is finished.
        failures: runs that got no further than this.
    """

    name: str
    pages: int
    rows: int
    next_url: str | None
    failures: int = 0


def sweep(zone: LandingZone, hub: Hub, page_size: int, clock: Callable[[], datetime]) -> Sweep:
    """Land all pages, going on with an unfinished sweep if there is one.

    Where the Hub no longer takes the place an old sweep stopped at, or nothing usable came from
    there in `TRIES` runs, the old one is given up (its pages count) and a new sweep begins.

    Raises:
        HubError: a page could not be had; run it again to go on from there.
        ValueError: a page is not a list of records; it has landed.
    """
    left = unfinished(zone)
    if left:
        try:
            return _go_on(left, zone, hub, clock)
        except (HubError, ValueError) as error:
            now = unfinished(zone) or left
            is_stuck = now.pages == left.pages and now.failures >= TRIES
            if getattr(error, "status", None) not in EXPIRED and not is_stuck:
                raise
            hub.remarks.append(f"sweep {left.name} cannot be resumed ({error}); began a new one")
            _note(replace(now, next_url=None), zone, "given-up", clock())
    name = clock().strftime(INSTANT_FORMAT).replace(".", "")
    begun = Sweep(name, 0, 0, hub.list_url("createdAt", page_size))
    return _go_on(begun, zone, hub, clock)


def unfinished(zone: LandingZone) -> Sweep | None:
    """The newest sweep, if it has pages to come."""
    sources = sorted((zone.folder / "receipts").glob(f"{PROGRESS}*"))
    if not sources:
        return None
    receipt = zone.latest(sources[-1].name)
    if receipt is None:
        return None
    note = json.loads(zone.read(receipt))
    if note["next"] is None:
        return None
    name = sources[-1].name.removeprefix(PROGRESS)
    return Sweep(name, note["pages"], note["rows"], note["next"], note.get("failures", 0))


def _go_on(done: Sweep, zone: LandingZone, hub: Hub, clock: Callable[[], datetime]) -> Sweep:
    try:
        for page in hub.pages(done.next_url or ""):
            zone.store(SWEEP + done.name, page.url, page.content, clock(), status=page.status)
            rows = len(records.page_records(page.content))
            following = hub.place(page.next_url) if page.next_url else None
            done = Sweep(done.name, done.pages + 1, done.rows + rows, following)
            _note(done, zone, page.url, clock())
    except (HubError, ValueError):
        if done.pages:
            _note(replace(done, failures=done.failures + 1), zone, "failed", clock())
        raise
    return done


def _note(done: Sweep, zone: LandingZone, url: str, at: datetime) -> None:
    note = {
        "pages": done.pages,
        "rows": done.rows,
        "next": done.next_url,
        "failures": done.failures,
    }
    zone.store(PROGRESS + done.name, url, json.dumps(note).encode(), at)
