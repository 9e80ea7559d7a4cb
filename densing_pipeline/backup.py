"""One file with the whole state directory, and a state directory from such a file.

The file is a gzip-compressed tar archive: the files below `state/` with their paths, the last member
`manifest.json` with the size and SHA-256 of each. A backup holds the lock of the state directory, so no
night changes tables meanwhile; the webserver, the daemon and evaluations may go on, for SQLite databases are
copied through SQLite. Left out are caches that are filled again (weights, copies of git repositories, what was
read from pages of the Hub), releases with the local copy of those of a remote place, locks, temporary files, and links
(but a folder of the state directory that is a link to another disk is copied).
Not here: releases, which lie at `DENSING_PUBLISH_URL`, and a Postgres database, which `pg_dump` copies.
"""

import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO

from densing_pipeline import files, state, state_format
from densing_pipeline.settings import Settings
from densing_pipeline.units import MIB

FORMAT = 1
"""Of the archive; a backup of a later format is refused."""

MANIFEST = "manifest.json"
STATE = "state"

COMPRESSION = 1
"""Level of gzip: most of the state, parquet and landed responses, is compressed already."""

PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)
"""Kinds of members that a backup has."""

MOST_AT_ONCE = 256 * MIB
"""Bytes of an archive that are held in memory, at most: a header or the manifest, which has 200 bytes a file."""

CLASHES = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
"""Errors of writing a member whose name another one has as a folder, or as a part of it."""

OF_THE_DISK = "lost+found"
"""Folder that a mounted disk has from the beginning; only root may read it."""

DATABASE_SUFFIXES = (".db", ".sqlite")
DATABASE_PARTS = ("-wal", "-shm", "-journal")
"""Endings of what SQLite keeps beside a database; its own copy holds their content."""


class _Unpacked(gzip.GzipFile):
    """What an archive is when it is unpacked; a header may state any size, and `tarfile` would read it whole."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MOST_AT_ONCE:
            raise tarfile.ReadError(f"a header of it has {size} bytes")
        return super().read(size)


class BackupError(RuntimeError):
    """A backup cannot be made or restored; the message says why and what to do."""


@dataclass(frozen=True)
class Copied:
    """What a backup holds.

    Attributes:
        files: number of files.
        size: of these files, in bytes before compression.
        made_by: version of the package that made the backup.
    """

    files: int
    size: int
    made_by: str


@dataclass(frozen=True)
class Entry:
    """A file of the manifest: path below the state directory, size in bytes, and SHA-256."""

    path: str
    size: int
    sha256: str


def make(settings: Settings, target: Path) -> Copied:
    """Write a backup of the state directory.

    Args:
        settings: name the state directory and the caches in it.
        target: the file to write; one that exists is replaced when the new one is complete.

    Raises:
        BackupError: there is no state directory, or a database in it cannot be copied.
        StateError: another run holds the state directory.
        OSError: a file cannot be read or written.
    """
    folder = settings.state_dir.absolute()
    if not folder.is_dir():
        raise BackupError(f"there is no state directory {folder}; correct DENSING_STATE_DIR")
    # A link is followed, so that its target is replaced and not the link.
    target = target.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        raise BackupError(
            f"{target} is a device or a pipe, which a backup does not replace: name a file"
        )
    with state.held(folder, "`densing backup`", as_it_is=True), files.replacing(target) as file:
        # The state may hold what a private source answered.
        os.fchmod(file.fileno(), 0o600)
        entries = []
        left_out = {target.absolute(), *_caches(settings)}
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION) as archive:
            for path in _wanted(folder, left_out):
                entry = _add(archive, path, path.relative_to(folder).as_posix())
                if entry:
                    entries.append(entry)
            made_by = version("densing-pipeline")
            manifest = {"format": FORMAT, "made_by": made_by, "files": [asdict(e) for e in entries]}
            content = json.dumps(manifest, indent=1).encode()
            member = tarfile.TarInfo(MANIFEST)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return Copied(len(entries), sum(entry.size for entry in entries), made_by)


def restore(source: Path, settings: Settings) -> Copied:
    """Make the state directory from a backup. It is put in its place when every file has been checked.

    Args:
        source: the backup.
        settings: name the state directory, which is absent or empty.

    Raises:
        BackupError: the file is no whole backup, or the state directory is not empty.
        OSError: a file cannot be read or written.
    """
    folder = settings.state_dir.absolute()
    _make_room(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A folder that is there may be a mounted disk, or a link to one, and is filled; another one is renamed to its place.
    is_there = folder.exists()
    unpacked = Path(
        tempfile.mkdtemp(prefix=state.RESTORING, dir=folder)
        if is_there
        else tempfile.mkdtemp(prefix=f".{folder.name}.restore-", dir=folder.parent)
    )
    try:
        copied = _unpack(source, unpacked)
        files.flush(unpacked)
        if is_there:
            for path in sorted((unpacked / STATE).iterdir()):
                files.rename(path, folder / path.name)
        else:
            files.rename(unpacked / STATE, folder)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return copied


def _make_room(folder: Path) -> None:
    """Delete what a restore left that was broken off before it put anything in its place.

    Raises:
        BackupError: there is something else in the folder.
    """
    found = list(folder.iterdir()) if folder.exists() else []
    left = [path for path in found if path.name.startswith(state.RESTORING)]
    if any(path.name != OF_THE_DISK for path in found if path not in left):
        raise BackupError(
            f"{folder} holds a part of a backup, for a restore was broken off: delete all that is in it, then restore again"
            if left
            else f"{folder} is not empty: move it away, or set DENSING_STATE_DIR to a new folder"
        )
    for path in left:
        shutil.rmtree(path)


def _caches(settings: Settings) -> set[Path]:
    """Folders that are left out; of a remote place also its local copy of releases."""
    folders = (
        settings.evaluation_cache_dir, settings.git_dir, settings.hub_cache_dir,
        settings.publish_dir,
    )  # fmt: skip
    return {folder.absolute() for folder in folders}


def _wanted(folder: Path, left_out: set[Path], *, is_whole: bool = True) -> Iterator[Path]:
    """The files to copy, by path; what is deleted meanwhile is passed over.

    Args:
        folder: the state directory, or a folder in it.
        left_out: what is not copied.
        is_whole: whether it is the state directory.
    """
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        # One of the folders of a state directory may be on another disk; no other link is a part of it.
        is_link = path.is_symlink() and not (is_whole and path.name in state.FOLDERS)
        if path in left_out or is_link or path.name == OF_THE_DISK:
            continue
        if path.is_dir():
            yield from _wanted(path, left_out, is_whole=False)
        elif path.is_file() and not _is_passing(path.name):
            yield path


def _is_passing(name: str) -> bool:
    """Whether a file is a lock, temporary, or part of a database that is copied as a whole."""
    is_temporary = name.startswith(".") and name.endswith(".tmp")
    return is_temporary or name.endswith((".lock", ".lock.json", *DATABASE_PARTS))


def _add(archive: tarfile.TarFile, path: Path, name: str) -> Entry | None:
    """Copy a file into the archive; None if it is no longer there."""
    with tempfile.TemporaryFile() as copy:
        try:
            if path.suffix in DATABASE_SUFFIXES:
                _copy_database(path, copy)
            else:
                with path.open("rb") as file:
                    # First to a copy, because a file that grows meanwhile has no size.
                    shutil.copyfileobj(file, copy)
            status = path.stat()
        except FileNotFoundError:
            return None
        member = tarfile.TarInfo(f"{STATE}/{name}")
        member.size, member.mtime = copy.tell(), int(status.st_mtime)
        member.mode = stat.S_IMODE(status.st_mode)
        copy.seek(0)
        sha256 = hashlib.file_digest(copy, "sha256").hexdigest()
        copy.seek(0)
        archive.addfile(member, copy)
        return Entry(name, member.size, sha256)


def _copy_database(path: Path, copy: IO[bytes]) -> None:
    """Copy a SQLite database as of one moment, whoever writes it.

    Raises:
        BackupError: it is damaged or locked.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "copy"
        try:
            with (
                closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(whole)) as target,
            ):
                source.backup(target)
        except sqlite3.Error as error:
            if not path.exists():
                raise FileNotFoundError(str(path)) from error
            raise BackupError(
                f"{path}: cannot be copied ({error}); `densing storage` says what is wrong with it"
            ) from error
        with whole.open("rb") as file:
            shutil.copyfileobj(file, copy)


def _unpack(source: Path, folder: Path) -> Copied:
    """Unpack a backup into a new folder and check it against its manifest.

    Raises:
        BackupError: it is not a whole backup of a format that this version knows.
    """
    seen: dict[str, Entry] = {}
    manifest = None
    (folder / STATE).mkdir(mode=files.PRIVATE_FOLDER)
    try:
        with _Unpacked(source) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as archive:
            for member in archive:
                # A sparse file may state any size; also a plain one can be, by its extended header.
                is_plain = member.type in PLAIN and not member.issparse()
                content = archive.extractfile(member) if is_plain else None
                if content is None:
                    raise _not_whole(source, f"{member.name!r} is not a file")
                if member.name == MANIFEST:
                    if member.size > MOST_AT_ONCE:
                        raise _not_whole(source, f"its {MANIFEST} has {member.size} bytes")
                    manifest = json.loads(content.read())
                    continue
                path = _inside(member.name)
                if path is None or path in seen:
                    raise _not_whole(source, f"it has a file {member.name!r}")
                seen[path] = Entry(path, *_written(content, folder / STATE / path, member.mode))
    except (tarfile.TarError, EOFError, ValueError, RecursionError, zlib.error, OSError) as error:
        # The disk that is written has errors with a number, gzip's own have none.
        if isinstance(error, OSError) and error.errno not in (None, *CLASHES):
            raise
        raise _not_whole(source, f"{error}; use another copy of it") from error
    stated, made_by = _stated(source, manifest)
    if differing := sorted(path for path in {*stated, *seen} if stated.get(path) != seen.get(path)):
        raise _not_whole(source, f"{differing[0]} is damaged; use another copy of it")
    try:
        state_format.check(folder / STATE)
    except state_format.FormatError as error:
        raise BackupError(
            f"{source} holds a state directory that this version does not know: restore it with densing-pipeline {made_by}"
        ) from error
    return Copied(len(seen), sum(entry.size for entry in seen.values()), made_by)


def _stated(source: Path, manifest: object) -> tuple[dict[str, Entry], str]:
    """The files that a manifest lists by path, and the version that made the backup.

    Raises:
        BackupError: it is no manifest of a format that this version knows.
    """
    if not isinstance(manifest, dict):
        raise _not_whole(source, "its end is missing; use another copy of it")
    if manifest.get("format") != FORMAT:
        raise BackupError(
            f"{source} has format {manifest.get('format')}, this version knows {FORMAT}: restore it with "
            f"densing-pipeline {manifest.get('made_by')}"
        )
    try:
        entries = [Entry(**each) for each in manifest["files"]]
        if not all(isinstance(entry.path, str) for entry in entries):
            raise TypeError
        return {entry.path: entry for entry in entries}, str(manifest["made_by"])
    except (KeyError, TypeError) as error:
        raise _not_whole(source, f"{MANIFEST} is damaged; use another copy of it") from error


def _not_whole(source: Path, why: str) -> BackupError:
    return BackupError(f"{source} is not a whole backup made by `densing backup`: {why}")


def _inside(name: str) -> str | None:
    """The path below the state directory; None if it would lie elsewhere."""
    parts = PurePosixPath(name).parts
    if len(parts) < 2 or parts[0] != STATE or ".." in parts or "\\" in name:
        return None
    return "/".join(parts[1:])


def _written(content: IO[bytes], path: Path, mode: int) -> tuple[int, str]:
    """Write a file, and return its size and SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        path.chmod(mode & 0o777 | 0o600)
        while block := content.read(1 << 20):
            digest.update(block)
            size += len(block)
            file.write(block)
    return size, digest.hexdigest()
