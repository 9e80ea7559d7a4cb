"""Tables as files: writing one whole, and the hash it is known by. Not here: what a table must satisfy (`schemas`)."""

import hashlib
from pathlib import Path

import polars as pl

from densing_pipeline import files


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame so that the file is complete or not there at all, even after a power cut."""
    with files.replacing(path) as file:
        frame.write_parquet(file, compression="zstd", statistics=True)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
