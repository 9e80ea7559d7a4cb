"""Releases on an object store: `s3://`, `gs://` and `az://`, through obstore.

    <prefix>/releases/<release id>/    the files of a release, as in a local folder
    <prefix>/releases.json ...         the list of releases
    <prefix>/latest.json               which release is the latest one, and where; written last

Several senders may be at work, and each may be killed anywhere. A folder belongs to the description that was
written to it first, under the condition that there was none: whoever sends another description of the same
release uses a folder with a longer name, so that every file is only ever written with the same bytes. Files are read back
and compared before the release is listed. List and pointer are replaced under the condition that nobody else
replaced them since they were read.

Not here: opening a store (`object_stores`), and releases in a local folder (`publication.release`).
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from densing_pipeline import files, object_stores
from densing_pipeline.addresses import shown
from densing_pipeline.object_stores import StoreError, error_sentence, is_bad_name, version_of
from densing_pipeline.publication import catalogue
from densing_pipeline.publication.datapackage import RESOURCES_FILE
from densing_pipeline.publication.places.place import (
    PlaceError,
    Sent,
    conflict,
    hashes,
    package_of,
)
from densing_pipeline.tables import contract

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import ObjectStore

POINTER = "latest.json"

OBJECT_ATTEMPTS = 5
"""Most attempts to upload a file that is read back with other bytes, or to replace the list."""


def open_store(url: str, **options: Any) -> "ObjectPlace":
    """The place at an address of an object store.

    Args:
        url: such as `s3://bucket/prefix`.
        options: as `object_stores.open_store` takes them.

    Raises:
        PlaceError: obstore is not installed, or cannot use the address or the environment.
    """
    try:
        return ObjectPlace(object_stores.open_store(url, **options), shown(url).rstrip("/"))
    except StoreError as error:
        raise PlaceError(str(error)) from error


class ObjectPlace:
    """A prefix of an object store that releases are sent to; a `Place`."""

    def __init__(self, store: "ObjectStore", address: str) -> None:
        """Send to a store.

        Args:
            store: the store, with the prefix of the place.
            address: how the place is named in messages, without secrets.
        """
        self.address = address
        self._store = store

    def latest(self) -> str | None:
        """The latest release there; None if there is none."""
        pointer, _ = self._pointer()
        return None if pointer is None else str(pointer["release"])

    def releases(self) -> pl.DataFrame:
        """The list of releases there, a `releases` frame."""
        return catalogue.read(self._read(catalogue.LIST_FILE)[0])

    def fetch(self, into: Path) -> None:
        """Write the files of the latest release to an empty folder, without judging them."""
        pointer, _ = self._pointer()
        if pointer is None:
            raise PlaceError(f"{self.address}: nothing is published there yet")
        path = f"{pointer['path']}/{RESOURCES_FILE}"
        description = self._known(path)
        try:
            names = hashes(json.loads(description))
        except (ValueError, KeyError, TypeError) as error:
            raise PlaceError(
                f"{self.address}/{path}: describes no release of densing-pipeline ({error}); upload it again from a "
                "copy that is whole, or point DENSING_PUBLISH_URL at an empty place"
            ) from error
        files.write(into / RESOURCES_FILE, description)
        for name in names:
            files.write(into / name, self._known(f"{pointer['path']}/{name}"))

    def plan(self, release: Path, known: Collection[str]) -> Sent:
        """What `send` would do (`Place.plan`)."""
        mine, pointer = release.name, self._pointer()[0]
        previous = self._previous(pointer, mine, known)
        named = {RESOURCES_FILE: files.file_sha256(release / RESOURCES_FILE)}
        named |= hashes(package_of(release))
        sizes = {name: (release / name).stat().st_size for name in named}
        missing = [
            name
            for name, sha256 in named.items()
            if previous != mine and not self._holds(f"releases/{mine}/{name}", sizes[name], sha256)
        ]
        return Sent(
            self.address, mine, previous, len(missing), len(named) - len(missing),
            sum(sizes[name] for name in missing), is_trial=True,
        )  # fmt: skip

    def send(self, release: Path, known: Collection[str], keep: int | None, homepage: str) -> Sent:
        """Make a release the latest one (`Place.send`)."""
        mine, description = release.name, files.file_sha256(release / RESOURCES_FILE)
        pointer, version = self._pointer()
        previous = self._previous(pointer, mine, known)
        uploaded, present = [], 0
        path = f"releases/{mine}"
        if pointer is None or previous != mine:
            path, is_published = self._claimed(mine, release / RESOURCES_FILE, description)
            if not is_published:
                for name, sha256 in hashes(package_of(release)).items():
                    file = release / name
                    if self._put(f"{path}/{name}", file, sha256):
                        uploaded.append(file.stat().st_size)
                    else:
                        present += 1
        else:
            path, description = str(pointer["path"]), str(pointer["descriptor_sha256"])
        row = catalogue.row(release).with_columns(
            path=pl.lit(path), descriptor_sha256=pl.lit(description)
        )
        self._list(lambda listed: catalogue.merged(listed, [row]), homepage)
        if previous != mine:
            self._point(mine, path, version)
        removed = () if keep is None else self._retire(mine, keep, homepage)
        return Sent(
            self.address, mine, previous, len(uploaded), present, sum(uploaded), tuple(removed)
        )

    def _previous(
        self, pointer: dict[str, Any] | None, mine: str, known: Collection[str]
    ) -> str | None:
        """The latest release there, if the sender knows it."""
        previous = None if pointer is None else str(pointer["release"])
        if previous not in (None, mine, *known):
            raise conflict(self.address, mine, str(previous))
        return previous

    def _claimed(self, mine: str, description: Path, sha256: str) -> tuple[str, bool]:
        """The folder for a release with this description, and whether it is published already.

        A release whose tables are the same was perhaps made elsewhere, with other tables of operation: if it
        is listed, it is the release.
        """
        path = f"releases/{mine}"
        theirs = self._create(f"{path}/{RESOURCES_FILE}", description.read_bytes())
        if theirs is None or hashlib.sha256(theirs).hexdigest() == sha256:
            return path, False
        listed = self.releases().filter(
            "is_available",
            release_id=mine,
            descriptor_sha256=hashlib.sha256(theirs).hexdigest(),
        )
        if listed.height:
            return path, True
        path = f"{path}-{sha256[:8]}"
        self._create(f"{path}/{RESOURCES_FILE}", description.read_bytes())
        return path, False

    def _create(self, path: str, content: bytes) -> bytes | None:
        """Write an object that was not there; of one that was, its content."""
        from obstore.exceptions import AlreadyExistsError

        with self._named(path):
            try:
                self._store.put(path, content, mode="create")
            except AlreadyExistsError:
                return self._known(path)
        return None

    def _put(self, path: str, file: Path, sha256: str) -> bool:
        """Bring an object to the bytes of a file, and read it back; whether it had to be uploaded."""
        for attempt in range(OBJECT_ATTEMPTS + 1):
            if self._holds(path, file.stat().st_size, sha256):
                return attempt > 0
            if attempt < OBJECT_ATTEMPTS:
                with self._named(path):
                    self._store.put(path, file)
        raise PlaceError(
            f"{self.address}/{path}: was read back with other bytes than were uploaded, "
            f"{OBJECT_ATTEMPTS} times; nothing was made the latest release. Run the night again"
        )

    def _holds(self, path: str, size: int, sha256: str) -> bool:
        """Whether an object has these bytes."""
        digest = hashlib.sha256()
        with self._named(path):
            try:
                found = self._store.get(path)
                if found.meta["size"] != size:
                    return False
                for piece in found.stream():
                    digest.update(piece)
            except FileNotFoundError:
                return False
        return digest.hexdigest() == sha256

    def _point(self, mine: str, path: str, version: "UpdateVersion | None") -> None:
        """Make a release the latest one, unless somebody else made another one since the pointer was read."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        description, _ = self._read(f"{path}/{RESOURCES_FILE}")
        document = {
            "contract": contract.NAME,
            "release": mine,
            "path": path,
            "descriptor_sha256": hashlib.sha256(description or b"").hexdigest(),
        }
        content = (json.dumps(document, indent=2) + "\n").encode()
        with self._named(POINTER):
            try:
                self._store.put(POINTER, content, mode="create" if version is None else version)
            except (AlreadyExistsError, PreconditionError):
                # A request that was answered too late and sent again meets its own effect.
                if (theirs := self.latest()) != mine:
                    raise conflict(self.address, mine, str(theirs)) from None

    def _list(self, change: Callable[[pl.DataFrame], pl.DataFrame], homepage: str) -> pl.DataFrame:
        """Change the list of releases, whoever else changes it at the same time; returns it."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        for _ in range(OBJECT_ATTEMPTS):
            content, version = self._read(catalogue.LIST_FILE)
            listed = change(catalogue.read(content))
            written = catalogue.rendered(listed, homepage)
            if written[catalogue.LIST_FILE] != content:
                with self._named(catalogue.LIST_FILE):
                    try:
                        self._store.put(
                            catalogue.LIST_FILE,
                            written[catalogue.LIST_FILE],
                            mode="create" if version is None else version,
                        )
                    except (AlreadyExistsError, PreconditionError):
                        continue
            for name in (catalogue.TABLE_FILE, catalogue.FEED_FILE):
                if self._read(name)[0] != written[name]:
                    with self._named(name):
                        self._store.put(name, written[name])
            if self._read(catalogue.LIST_FILE)[0] == written[catalogue.LIST_FILE]:
                return listed
        raise PlaceError(
            f"{self.address}/{catalogue.LIST_FILE}: somebody else changed it {OBJECT_ATTEMPTS} times meanwhile; "
            "run the night again"
        )

    def _retire(self, latest: str, keep: int, homepage: str) -> list[str]:
        """Remove old releases, after the list says so; returns those removed now."""
        removed: list[str] = []

        def change(listed: pl.DataFrame) -> pl.DataFrame:
            removed[:] = catalogue.retired(listed, latest, keep)
            stay = set(listed.filter("is_available")["release_id"]) - set(removed)
            return catalogue.with_available(listed, stay)

        gone = self._list(change, homepage).filter(~pl.col("is_available"))
        with self._named("releases"):
            for path in sorted(set(gone["path"]) & self._folders(set(gone["path"]))):
                with _passing_over_bad_names():
                    there = [one["path"] for page in self._store.list(path) for one in page]
                    self._store.delete(there)
        return removed

    def _folders(self, otherwise: set[str]) -> set[str]:
        """Folders of releases; the others if they cannot be listed, for the name of an object that is no path."""
        with _passing_over_bad_names():
            listed = self._store.list_with_delimiter("releases")["common_prefixes"]
            return {each.rstrip("/") for each in listed}
        return otherwise

    def _pointer(self) -> tuple[dict[str, Any] | None, "UpdateVersion | None"]:
        """What `latest.json` says, and its version; None if there is none."""
        content, version = self._read(POINTER)
        if content is None:
            return None, None
        try:
            pointer: dict[str, Any] = json.loads(content)
            return {
                name: pointer[name] for name in ("release", "path", "descriptor_sha256")
            }, version
        except (ValueError, KeyError, TypeError) as error:
            raise PlaceError(
                f"{self.address}/{POINTER}: damaged; write it anew, or remove it and run the night again"
            ) from error

    def _read(self, path: str) -> tuple[bytes | None, "UpdateVersion | None"]:
        """An object and its version; None if it is not there."""
        with self._named(path):
            try:
                found = self._store.get(path)
                content = bytes(found.bytes())
            except FileNotFoundError:
                return None, None
        return content, version_of(found.meta)

    def _known(self, path: str) -> bytes:
        """An object that must be there."""
        content, _ = self._read(path)
        if content is None:
            raise PlaceError(
                f"{self.address}/{path}: is not there, although the release there has it; run the night again "
                "to upload it"
            )
        return content

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        """Name the place and the object in errors of the store."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise PlaceError(
                f"{self.address}/{path}: {error_sentence(error, self.address)}; the release is kept locally, and the next night "
                "goes on from what was uploaded"
            ) from error


@contextmanager
def _passing_over_bad_names() -> Iterator[None]:
    """End without an error what `is_bad_name` of an object ends."""
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        if not is_bad_name(error):
            raise
