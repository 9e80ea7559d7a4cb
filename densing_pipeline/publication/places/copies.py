"""The local copy of a place: releases are made in it, from the releases before, and sent.

With a local `DENSING_PUBLISH_URL` the copy is the place. Otherwise it is a folder of the state directory,
to which the latest release of the place is brought before a night, so that nights may run on several machines
or on a new one. Not here: what a place does (`place`).
"""

import logging
import re
import shutil
import tempfile
from pathlib import Path

import tenacity

from densing_pipeline import files
from densing_pipeline.publication import catalogue
from densing_pipeline.publication.places.objects import open_store
from densing_pipeline.publication.places.place import (
    Place,
    PlaceConflictError,
    PlaceError,
    PlaceRefusedError,
    Sent,
    package_of,
)
from densing_pipeline.publication.release import is_whole, locked, point, published_at
from densing_pipeline.settings import Settings

SEND_ATTEMPTS = 3
"""Most attempts to send a release to a place that fails."""

WAIT_S = 1.0
"""Wait before the second attempt, in seconds; doubles with each."""

RELEASE_ID = re.compile(r"\d{4}-\d{2}-\d{2}-[0-9a-f]{12}")
"""How a release is named; the name becomes a folder here."""

LOG = logging.getLogger(__name__)


def place_at(url: str, settings: Settings) -> Place:
    """The place at a remote address, such as `s3://bucket/prefix` or `hf://datasets/owner/name`.

    Raises:
        PlaceError: it cannot be used; the message says why.
    """
    if url.partition("://")[0] == "hf":
        # The Hub's library takes as long to import as everything else that reading a table needs.
        from densing_pipeline.publication.places.datasets import open_dataset

        return open_dataset(url, settings.hub_endpoint)
    return open_store(url)


def place_of(settings: Settings) -> Place | None:
    """The remote place of `DENSING_PUBLISH_URL`; None if it is a local folder."""
    return place_at(settings.publish_url, settings) if settings.is_remote else None


def earlier_releases(settings: Settings) -> Path:
    """The folder with the releases so far, brought up to date from the place.

    If the place cannot be reached, the local copy is used as it is, and a warning is logged.

    Raises:
        PlaceError: the place cannot be reached, and there is no local copy.
    """
    folder = settings.publish_dir
    try:
        place = place_of(settings)
        if place is not None and (brought := bring(place, folder)):
            LOG.info("%s: brought release %s", place.address, brought)
    except PlaceError as error:
        if not (folder / "latest").exists():
            raise
        LOG.warning("%s. The local copy in %s is used as it is", error, folder)
    return folder


def bring(place: Place, folder: Path) -> str | None:
    """Make the latest release of a place the latest one of a folder, if the folder does not know it.

    A folder that knows it has the same release as its latest, or a newer one that is still to be sent.

    Returns:
        The release that was brought; None if there was none to bring.

    Raises:
        PlaceError: the place cannot be read, or its release is damaged.
    """
    latest = place.latest()
    with locked(folder):
        known = catalogue.in_folder(folder)
        here = published_at(folder / "latest")
        if latest is None or (here is not None and latest in set(known["release_id"])):
            return None
        if not RELEASE_ID.fullmatch(latest):
            raise PlaceError(
                f"{place.address}: its latest release is named {latest[:100]!r}, as none of densing-pipeline is; point "
                "DENSING_PUBLISH_URL at a place of its own"
            )
        target = folder / "releases" / latest
        if not is_whole(target):
            _fetch(place, latest, target)
        point(folder / "latest", target)
        listed = catalogue.merged(place.releases(), [known, catalogue.row(target)])
        catalogue.write(folder, listed)
        return latest


def _fetch(place: Place, latest: str, target: Path) -> None:
    """Fetch the latest release of a place to the folder `target`."""
    arriving = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
    try:
        place.fetch(arriving)
        if not is_whole(arriving) or package_of(arriving)["version"] != latest:
            raise PlaceError(
                f"{place.address}: the release {latest} there is damaged; upload it again from a copy "
                "that is whole, or point DENSING_PUBLISH_URL at an empty place"
            )
        files.make_public(arriving)
        files.flush(arriving)
        if target.exists():
            target.rename(Path(tempfile.mkdtemp(prefix="damaged-", dir=target.parent)) / latest)
        files.rename(arriving, target)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def send(place: Place, settings: Settings, release: Path) -> Sent:
    """Send a release of the local copy to a place (`Place.send`), again if the place fails.

    Every attempt goes on where the one before ended.

    Raises:
        PlaceConflictError: somebody else published meanwhile.
        PlaceRefusedError: this sender may not write there.
        PlaceError: the place cannot be read or written, or no more than a part of the files.
    """
    known = set(catalogue.in_folder(release.parents[1])["release_id"])
    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(SEND_ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=WAIT_S, max=60 * WAIT_S),
        retry=tenacity.retry_if_exception(
            lambda error: (
                isinstance(error, PlaceError)
                and not isinstance(error, PlaceConflictError | PlaceRefusedError)
            )
        ),
        reraise=True,
    )
    return attempts(place.send, release, known, settings.keep_releases, settings.homepage or "")
