"""Evaluation folders in an object store (`DENSING_EVALUATION_STORE`), for machines that share no disk.

    <prefix>/evaluations/<model id, / as -->/<revision>/<suite version>/
        request.json      what the orchestrator asked for, written before it starts the job
        lease.json        which job works on it or was the last to, and whose files count (`store_lease`)
        <token>/          files of one job's folder, by the names that they have there; its outcome is written last
    <prefix>/checks/<order>.json        what a check of the installation found
    <prefix>/packages/<sha256>.zip      this package, for nodes that are to run it
    <prefix>/clock/<random>             written and removed, to learn the time of the store

No two jobs write below the same token, so a job that has lost its lease cannot change what readers find. Everything
read is bounded, and of the names in a store only those are used that an evaluation has. Not here: what a job sends
(`folder_sender`), and what a night brings (`folder_mirror`).
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from densing_pipeline import object_stores
from densing_pipeline.addresses import shown
from densing_pipeline.evaluation.folder_format import COSTS, OUTCOME, PROVENANCE
from densing_pipeline.object_stores import StoreError, error_sentence, is_bad_name, version_of
from densing_pipeline.units import MIB

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import ObjectStore

EVALUATIONS, CHECKS, PACKAGES, CLOCK = "evaluations", "checks", "packages", "clock"

FOLDER_FILE = re.compile(
    rf"{re.escape(PROVENANCE)}|{re.escape(COSTS)}|{re.escape(OUTCOME)}|[A-Za-z0-9][\w.-]{{0,99}}\.parquet|\.[A-Za-z0-9][\w.-]{{0,99}}\.jsonl",
    re.ASCII,
)
"""Names of the files of a folder that travel: items, journals, provenance, costs, outcome."""

MOST_JSON, MOST_ITEMS = MIB, 256 * MIB
"""Bytes of a JSON file and of a file of items, at most."""

MOST_OF_EVALUATION = 1000
"""Objects of one evaluation, at most; one has about twenty."""

MOST_OBJECTS = 1_000_000
"""Objects in all that are listed, at most."""

NAME_BYTES = 200
"""Bytes of one part of a folder's path, at most."""


class ChangedError(StoreError):
    """An object was not written, because it is another one than was read, or is there already."""


class TooLargeError(StoreError):
    """An object, or the number of objects, is larger than that of any evaluation."""


class BadNameError(StoreError):
    """Objects cannot be listed, because the name of one of them is no path, such as `a//b`."""


@dataclass(frozen=True)
class Listed:
    """An object as a listing has it.

    Attributes:
        path: its path below the prefix of the store.
        size: bytes.
        e_tag: changes with the content; None if the store has none.
    """

    path: str
    size: int
    e_tag: str | None


@dataclass(frozen=True)
class Found:
    """An object that was read.

    Attributes:
        content: its bytes.
        version: by which a later write can be conditional.
        written_at: when it was written, by the store's clock, UTC.
    """

    content: bytes
    version: "UpdateVersion"
    written_at: datetime


def folder_key(folder: Path) -> str:
    """Path of an evaluation below the prefix of the store, from its folder.

    Raises:
        StoreError: a part of it cannot be a name in a store.
    """
    parts = folder.parts[-3:]
    if len(parts) < 3 or not all(map(is_safe_name, parts)):
        raise StoreError(
            f"{folder}: an evaluation that travels through a store lies in <model>/<revision>/<suite version>"
        )
    return "/".join((EVALUATIONS, *parts))


def most_bytes(name: str) -> int:
    """Bytes that a file of a folder may have, by its name."""
    return MOST_JSON if name.endswith(".json") else MOST_ITEMS


def is_safe_name(name: str) -> bool:
    """Whether a part of a path in a store may become the name of a folder here."""
    return (
        0 < len(name.encode("utf-8", "replace")) <= NAME_BYTES
        and name.isprintable()
        and name[0] != "."
        and not set(name) & set("/\\")
    )


def open_store(url: str, **options: Any) -> "FolderStore":
    """The evaluation folders at an address (`object_stores.open_store`).

    Raises:
        StoreError: it cannot be opened.
    """
    return FolderStore(object_stores.open_store(url, **options), shown(url).rstrip("/"))


class FolderStore:
    """Reads and writes the objects of a store; every error names it."""

    def __init__(self, store: "ObjectStore", address: str) -> None:
        """Use a store.

        Args:
            store: the store, with the prefix of the evaluations.
            address: how it is named in messages, without secrets.
        """
        self.address = address
        self._store = store

    def put(
        self, path: str, content: bytes, *, only: "UpdateVersion | Literal['absent'] | None" = None
    ) -> "UpdateVersion":
        """Write an object, and return its version.

        Args:
            path: its path.
            content: its bytes.
            only: `absent` to write it only if there is none, a version to replace that one only; None to write it in
                any case.

        Raises:
            ChangedError: the condition does not hold; nothing was written.
            StoreError: it cannot be written.
        """
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = "overwrite" if only is None else "create" if only == "absent" else only
        with self._named(path):
            try:
                return version_of(self._store.put(path, content, mode=mode))
            except (AlreadyExistsError, PreconditionError) as error:
                raise ChangedError(f"{self.address}/{path}: somebody else wrote it") from error

    def read(self, path: str, most: int = MOST_JSON) -> Found | None:
        """An object; None if it is not there.

        Args:
            path: its path.
            most: bytes that it may have.

        Raises:
            TooLargeError: it is larger.
            StoreError: it cannot be read.
        """
        with self._named(path):
            try:
                found = self._store.get(path)
            except FileNotFoundError:
                return None
            pieces, size = [], 0
            if found.meta["size"] <= most:
                for piece in found.stream():
                    pieces.append(bytes(piece))
                    size += len(pieces[-1])
                    if size > most:
                        break
            if max(size, found.meta["size"]) > most:
                raise TooLargeError(
                    f"{self.address}/{path}: larger than {most} bytes, so no evaluation wrote it"
                )
            return Found(b"".join(pieces), version_of(found.meta), found.meta["last_modified"])

    def is_there(self, path: str) -> bool:
        """Whether there is an object at a path."""
        with self._named(path):
            try:
                self._store.head(path)
            except FileNotFoundError:
                return False
        return True

    def listed(self, below: str, most: int = MOST_OF_EVALUATION) -> list[Listed]:
        """The objects below a path, sorted.

        Raises:
            TooLargeError: they are more than `most`.
            BadNameError: the name of one of them is no path; the client of the store then lists none of them.
            StoreError: they cannot be listed.
        """
        found: list[Listed] = []
        with self._named(below):
            for page in self._store.list(below):
                found += [Listed(str(each["path"]), each["size"], each["e_tag"]) for each in page]
                if len(found) > most:
                    raise TooLargeError(
                        f"{self.address}/{below}: more than {most} objects, so they are no evaluations of ours"
                    )
        return sorted(
            (each for each in found if each.path.startswith(f"{below}/")),
            key=lambda each: each.path,
        )

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects; those that are not there do not matter."""
        for path in paths:
            with self._named(path):
                try:
                    self._store.delete(path)
                except FileNotFoundError:
                    continue

    def now(self) -> datetime:
        """The time by the store's own clock, UTC: that of a new object."""
        path = f"{CLOCK}/{secrets.token_hex(8)}"
        self.put(path, b"")
        with self._named(path):
            at: datetime = self._store.head(path)["last_modified"]
        self.delete([path])
        return at

    def refusal(self) -> str | None:
        """Why two jobs could work on one evaluation in this store; None if it holds the conditions of writes.

        Raises:
            StoreError: it cannot be read or written.
        """
        path = f"{CLOCK}/{secrets.token_hex(8)}"
        first = self.put(path, b"1", only="absent")
        try:
            self.put(path, b"2", only=first)
            for only in ("absent", first):
                try:
                    self.put(path, b"3", only=only)
                except ChangedError:
                    continue
                return (
                    f"{self.address}: the store overwrites objects although it was told not to, so two jobs could work "
                    "on one model; use a store with conditional writes (S3, Google Cloud Storage, Azure, MinIO)"
                )
        finally:
            self.delete([path])
        return None

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        """Name the store and the object in errors."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            kind = BadNameError if is_bad_name(error) else StoreError
            raise kind(f"{self.address}/{path}: {error_sentence(error, self.address)}") from error
