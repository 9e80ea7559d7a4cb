"""Files that are whole or not there: every file of the state and of a release is written this way.

A file is written beside its place, flushed, renamed, and the rename flushed too. Whatever stops the
process, or the machine, a reader finds the old file or the new one. And the hash a file is known by.
The evaluation job uses this too, so nothing but the standard library is imported. Not here: what files
hold.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes its place when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        rename(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, content: bytes) -> None:
    """Write a whole file."""
    with replacing(path) as file:
        file.write(content)


def link(path: Path, target: Path) -> None:
    """Make a link point at a folder, in place of whatever link was there."""
    temporary = _temporary(path)
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target, target_is_directory=True)
    rename(temporary, path)


def rename(written: Path, place: Path) -> None:
    """Put a flushed file, folder or link in its place: the one step that readers see."""
    written.replace(place)
    _flush_directory(place.parent)


def flush(folder: Path) -> None:
    """Force the files of a folder and of those in it to disk, before it is put in its place."""
    for path in folder.iterdir():
        if path.is_dir():
            flush(path)
            continue
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
    _flush_directory(folder)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _flush_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # some file systems cannot flush a directory
        os.fsync(descriptor)
    os.close(descriptor)
