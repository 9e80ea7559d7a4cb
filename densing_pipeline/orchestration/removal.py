"""Deleting files and folders, and counting what went. Not here: which ones go (`maintenance`, `run_retention`)."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from densing_pipeline.publication.wording import counted
from densing_pipeline.units import MIB


@dataclass
class Removed:
    """Files that were deleted, or would be.

    Attributes:
        files: number of files.
        size: of these files, in bytes.
    """

    files: int = 0
    size: int = 0

    def __str__(self) -> str:
        """The numbers in words."""
        return f"{counted(self.files, 'file')} of {self.size / MIB:.1f} MiB"

    def remove(self, path: Path, *, is_dry: bool = False) -> None:
        """Delete a file, a link, or a folder with all that is in it, and count its files; one that is gone is passed over.

        Args:
            path: what goes; of a link the link alone.
            is_dry: only count.
        """
        for each in _files(path):
            with suppress(FileNotFoundError):
                self.size += each.lstat().st_size
                self.files += 1
        if is_dry:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def is_older(path: Path, than: datetime) -> bool:
    """Whether a file, link or folder was last changed before an instant; one that is gone meanwhile was not.

    Evaluations and runs write beside the job `maintenance`, so a file that it has listed may have been renamed since.
    """
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC) < than
    except FileNotFoundError:
        return False


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield from (each for each in path.rglob("*") if not each.is_dir() or each.is_symlink())
    else:
        yield path
