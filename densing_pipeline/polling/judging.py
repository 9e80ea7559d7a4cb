"""Whether a document that could be read is believed, against the last good one and the other sources.

Not here: asking (`polling.poll`), and what each kind of source compares (`Source.check`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.landed import nights_refused
from densing_pipeline.polling.source import DocumentT, ShapeError, SnapshotError, Source

NIGHTS_TO_TAKE = 3
"""Nights on which a document must have the same new shape to be taken though it lost much."""


def judged(
    zone: LandingZone,
    source: Source[DocumentT],
    found: DocumentT,
    before: tuple[DocumentT, datetime] | None,
    others: Mapping[str, DocumentT],
    now: datetime,
    keep_refused: Callable[[], None],
) -> list[str]:
    """Remarks on a document that is believed.

    Args:
        zone: the landing zone.
        source: the source.
        found: the document.
        before: the last good one and when it was seen; None if nothing is to be compared.
        others: by name, the newest documents of the other sources.
        now: when the document was received.
        keep_refused: lands the document as one that lost too much, to be counted on later nights.

    Raises:
        SnapshotError: it differs too much from the one before, and has not been so for three nights.
    """
    if before is None:
        return []
    last, since = before
    try:
        return source.check(found, last, others)
    except ShapeError as error:
        keep_refused()
        if nights_refused(zone, source, found, since, now) < NIGHTS_TO_TAKE:
            raise
        return [f"the same for {NIGHTS_TO_TAKE} nights, so it is taken although: {error}"]


def with_remedy(source: str, error: SnapshotError) -> str:
    """Why a document was refused, with what a person can do if it is right all the same."""
    message = str(error)
    if "taken for" in message:
        message += f" (if it is right, set DENSING_ACCEPT_SHRUNK={source} for one night)"
    return message
