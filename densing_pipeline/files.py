"""Files that are whole or not there: every file of the state and of a release is written this way.

A file is written beside its place, flushed, renamed, and the rename flushed too. Whatever stops the
process, or the machine, a reader finds the old file or the new one. And the hash a file is known by.
The evaluation job uses this too, so nothing but the standard library is imported. Not here: what files
hold.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

PUBLIC_FILE = 0o644
PUBLIC_FOLDER = 0o755
"""Permissions of what every user of the machine may read: releases, whatever the umask is."""

PRIVATE_FOLDER = 0o750
"""Permissions of a new state directory, as far as the umask allows: its owner and the owner's group."""


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file to write, which takes its place when the block ends without an error.

    Args:
        path: its place.
        mode: its permissions; as the umask gives them if left out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    # Made anew: what is there was left by a process of this number, or is a link that somebody put there to be followed.
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        rename(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a whole file (`replacing`)."""
    with replacing(path, mode) as file:
        file.write(content)


def make_private(folder: Path) -> None:
    """Make a folder, if there is none, that other users cannot enter: what private sources answered lies in it."""
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)


def make_public(folder: Path) -> None:
    """Let every user of the machine read a folder and all that is in it; what a link names stays as it is."""
    for path in (folder, *(each for each in folder.rglob("*") if not each.is_symlink())):
        mode = PUBLIC_FOLDER if path.is_dir() else PUBLIC_FILE
        if stat.S_IMODE(path.stat().st_mode) != mode:
            path.chmod(mode)


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


def open_regular(path: Path) -> BufferedReader:
    """Open a file that others may have put there: a pipe, which would block, or a device, which may have no end, is refused.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: the file cannot be read, or is no regular one.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _flush_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # some file systems cannot flush a directory
        os.fsync(descriptor)
    os.close(descriptor)
