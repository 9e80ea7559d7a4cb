"""Read the whole listing of the Hub page by page; an interrupted sweep can be resumed.

A sweep is rarely needed: the nightly poll finds new repositories, a sweep finds those that polls
miss, such as a repository made public long after it was created. Every page lands with the place of
the next one, so a killed sweep is resumed after its last page. Memory holds one page at a time. Not
here: the nightly poll (`poll`), and what records mean (`records`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from densing_pipeline.hub.client import Answer, Hub, HubError
from densing_pipeline.hub.listing import Listing
from densing_pipeline.hub.observations import SWEEP
from densing_pipeline.landing import LandingZone
from densing_pipeline.receipt_packs import INSTANT_FORMAT

PROGRESS = "hub-progress-"
"""Prefix of the sources in the landing zone that hold the progress of sweeps, one source per
sweep."""

EXPIRED = (400, 404, 410)
"""HTTP statuses for a page address that is no longer valid."""

TRIES = 3
"""Runs that may fail at one page before the sweep is abandoned."""


@dataclass(frozen=True)
class Sweep:
    """Progress of a sweep.

    Attributes:
        name: when it began.
        pages: number of pages landed.
        rows: number of records in these pages.
        next_url: path and query of the next page, None when the sweep is finished.
        failures: runs that failed at this page.
    """

    name: str
    pages: int
    rows: int
    next_url: str | None
    failures: int = 0


def sweep(zone: LandingZone, hub: Hub, page_size: int, clock: Callable[[], datetime]) -> Sweep:
    """Land all pages; an unfinished sweep is resumed.

    If the Hub no longer accepts the address at which the old sweep stopped, or that page failed in
    `TRIES` runs, the old sweep is abandoned (its pages are kept) and a new sweep begins.

    Raises:
        HubError: a page could not be fetched, or the listing is not whole (`listing`); run the sweep
            again to resume at that page.
        ValueError: a page is not a list of records; the page has landed.
    """
    left = unfinished(zone)
    if left:
        try:
            return _go_on(left, zone, hub, page_size, clock)
        except (HubError, ValueError) as error:
            now = unfinished(zone) or left
            is_stuck = now.pages == left.pages and now.failures >= TRIES
            if getattr(error, "status", None) not in EXPIRED and not is_stuck:
                raise
            hub.remarks.append(f"sweep {left.name} cannot be resumed ({error}); began a new one")
            _note(replace(now, next_url=None), zone, "given-up", clock())
    name = clock().strftime(INSTANT_FORMAT).replace(".", "")
    begun = Sweep(name, 0, 0, hub.list_url("createdAt", page_size))
    return _go_on(begun, zone, hub, page_size, clock)


def unfinished(zone: LandingZone) -> Sweep | None:
    """The newest sweep, if it is unfinished; else None."""
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


def _go_on(
    done: Sweep, zone: LandingZone, hub: Hub, page_size: int, clock: Callable[[], datetime]
) -> Sweep:
    def land(page: Answer) -> None:
        zone.store(SWEEP + done.name, page.url, page.content, clock(), status=page.status)

    everything = Listing(
        hub, "all repositories", hub.here(done.next_url or ""), "createdAt", None, page_size, land
    )
    for page, found in everything.pages():
        # The end is noted once it is proved.
        place = hub.place(page.next_url or page.url)
        done = Sweep(done.name, done.pages + 1, done.rows + len(found), place)
        if page.next_url:
            _note(done, zone, page.url, clock())
    if everything.missing:
        if done.pages:
            _note(replace(done, failures=done.failures + 1), zone, "failed", clock())
        raise everything.error or HubError(everything.missing)
    done = replace(done, next_url=None)
    _note(done, zone, "finished", clock())
    return done


def _note(done: Sweep, zone: LandingZone, url: str, at: datetime) -> None:
    note = {
        "pages": done.pages,
        "rows": done.rows,
        "next": done.next_url,
        "failures": done.failures,
    }
    zone.store(PROGRESS + done.name, url, json.dumps(note).encode(), at)
