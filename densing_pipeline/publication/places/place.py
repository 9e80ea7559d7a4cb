"""What every place of publication does, and what is said of it.

A release is made in a local folder first (`publication.release`). A place receives it as a whole: its
readers find the release before or the new one, whenever the sender is killed.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import polars as pl

from densing_pipeline.publication.datapackage import RESOURCES_FILE, listed_files


class PlaceError(RuntimeError):
    """A place cannot be read or written; the message names it, what is wrong and what to do."""


class PlaceConflictError(PlaceError):
    """Somebody else published to the place meanwhile; the message says which release stands there."""


class PlaceRefusedError(PlaceError):
    """A place does not let this sender write, and asking again does not help; the message has the remedy."""


@dataclass(frozen=True)
class Sent:
    """What became of a release that was sent to a place.

    Attributes:
        address: the place, without secrets.
        release_id: the release that is the latest one there now.
        previous: the release that was the latest one there; None if there was none.
        uploaded: files that were uploaded, and verified afterwards.
        present: files that were there already.
        n_bytes: size of the files that were uploaded.
        removed: releases that were removed.
        is_trial: whether nothing was written, and this is what would have been.
    """

    address: str
    release_id: str
    previous: str | None
    uploaded: int
    present: int
    n_bytes: int
    removed: tuple[str, ...] = ()
    is_trial: bool = False

    @property
    def sentence(self) -> str:
        """What happened, or would happen, in a sentence."""
        if self.previous == self.release_id and not self.uploaded:
            return f"{self.address}: {self.release_id} is the latest release there already."
        would = "would be " if self.is_trial else ""
        before = f" in place of {self.previous}" if self.previous else ""
        removed = f"; removed: {', '.join(self.removed)}" if self.removed else ""
        return (
            f"{self.address}: {self.release_id} {would or 'is '}the latest release{before}; "
            f"{self.uploaded} files ({self.n_bytes / 1e6:.1f} MB) {would}uploaded"
            f"{'' if self.is_trial else ' and verified'}, {self.present} there already{removed}."
        )


class Place(Protocol):
    """A place that releases are sent to."""

    address: str
    """Where it is, without secrets."""

    def latest(self) -> str | None:
        """The latest release there; None if there is none."""
        ...

    def releases(self) -> pl.DataFrame:
        """The list of releases there, a `releases` frame."""
        ...

    def fetch(self, into: Path) -> None:
        """Write the files of the latest release to an empty folder, without judging them."""
        ...

    def plan(self, release: Path, known: Collection[str]) -> Sent:
        """What `send` would do; nothing is written.

        Raises:
            PlaceConflictError: somebody else published meanwhile.
            PlaceError: the place cannot be read.
        """
        ...

    def send(self, release: Path, known: Collection[str], keep: int | None, homepage: str) -> Sent:
        """Make a release the latest one.

        Args:
            release: its folder.
            known: releases that the sender knows; if another one is the latest there, nothing is changed.
            keep: newest releases that are kept, besides the last of each month; all if None.
            homepage: address at which readers find the releases; empty if there is none.

        Raises:
            PlaceConflictError: somebody else published meanwhile.
            PlaceError: the place cannot be read or written.
        """
        ...


def package_of(release: Path) -> dict[str, Any]:
    """The description of a release."""
    package: dict[str, Any] = json.loads((release / RESOURCES_FILE).read_bytes())
    return package


def hashes(package: dict[str, Any]) -> dict[str, str]:
    """SHA-256 in hexadecimal by path of every file that a description lists.

    Raises:
        KeyError: it is not the description of a release.
        ValueError: a path leads out of the release.
    """
    found = {
        str(file["path"]): str(file["hash"]).removeprefix("sha256:")
        for file in listed_files(package)
    }
    for path in map(PurePosixPath, found):
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{path}: leads out of the release")
    return found


def conflict(address: str, mine: str, theirs: str) -> PlaceConflictError:
    """The error of a sender who finds a release that it does not know."""
    return PlaceConflictError(
        f"{address}: {theirs} is the latest release there, which somebody else published; {mine} was made "
        "without it and was not made the latest. Run the night again: it fetches that release first"
    )
