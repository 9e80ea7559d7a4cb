"""Reading everything there is on the Hub, page by page, resumable where it stopped.

Rarely needed: a night finds what is new, and a sweep what nights can miss, such as a repository
made public long after it was created. Every page lands with a note of where the next one is, so a
sweep that was killed goes on from its last page; memory holds one page. Not here: the nightly poll
(`poll`), and what records mean (`records`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from densing_pipeline.hub import records
from densing_pipeline.hub.client import Hub, HubError
from densing_pipeline.hub.sightings import SWEEP
from densing_pipeline.landing import INSTANT_FORMAT, LandingZone

PROGRESS = "hub-progress-"
"""Start of the source names of notes on how far a sweep is, one source per sweep."""

EXPIRED = (400, 404, 410)
"""What the Hub may answer to a place in a listing that it has forgotten."""


@dataclass(frozen=True)
class Sweep:
    """How far a sweep is.

    Attributes:
        name: when it began.
        pages: pages landed.
        rows: records in them.
        next_url: where it goes on, None when it is finished.
    """

    name: str
    pages: int
    rows: int
    next_url: str | None


def sweep(zone: LandingZone, hub: Hub, page_size: int, clock: Callable[[], datetime]) -> Sweep:
    """Land all pages, going on with an unfinished sweep if there is one.

    Where the Hub no longer takes the place an old sweep stopped at, a new sweep begins.

    Raises:
        HubError: a page could not be had; run it again to go on from there.
        ValueError: a page is not a list of records; it has landed.
    """
    left = unfinished(zone)
    if left:
        try:
            return _go_on(left, zone, hub, clock)
        except HubError as error:
            if error.status not in EXPIRED:
                raise
            hub.remarks.append(f"sweep {left.name} cannot be resumed ({error}); began a new one")
            _give_up(left, zone)
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
    return Sweep(name, note["pages"], note["rows"], note["next"])


def _go_on(done: Sweep, zone: LandingZone, hub: Hub, clock: Callable[[], datetime]) -> Sweep:
    for page in hub.pages(done.next_url or ""):
        zone.store(SWEEP + done.name, page.url, page.content, clock(), status=page.status)
        rows = len(records.page_records(page.content))
        done = Sweep(done.name, done.pages + 1, done.rows + rows, page.next_url)
        _note(done, zone, page.url, clock())
    return done


def _give_up(left: Sweep, zone: LandingZone) -> None:
    """Its pages stay and count; it is just not gone on with."""
    latest = zone.latest(PROGRESS + left.name)
    if latest:
        _note(Sweep(left.name, left.pages, left.rows, None), zone, "given-up", latest.fetched_at)


def _note(done: Sweep, zone: LandingZone, url: str, at: datetime) -> None:
    note = {"pages": done.pages, "rows": done.rows, "next": done.next_url}
    zone.store(PROGRESS + done.name, url, json.dumps(note).encode(), at)
