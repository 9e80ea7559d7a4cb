"""Deleting files and folders, and counting what went. Not here: which ones go (`maintenance`, `run_retention`)."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
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
        """Delete a file, a link, or a folder with all that is in it, and count its files.

        Args:
            path: what goes; of a link the link alone.
            is_dry: only count.
        """
        for each in _files(path):
            self.files += 1
            self.size += each.lstat().st_size
        if is_dry:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield from (each for each in path.rglob("*") if not each.is_dir() or each.is_symlink())
    else:
        yield path
