"""Atomic writing of parquet files. Not here: validation (`schemas`)."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from densing_pipeline import files


def write_parquet(
    frame: pl.DataFrame, path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a frame atomically: the file is complete or unchanged, even after a power failure.

    Args:
        frame: the table.
        path: its file.
        metadata: entries for the metadata of the file, beside its schema.
    """
    with files.replacing(path) as file:
        frame.write_parquet(
            file, compression="zstd", statistics=True, metadata=dict(metadata) if metadata else None
        )
