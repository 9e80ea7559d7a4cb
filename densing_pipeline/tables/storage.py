"""Tables as files: writing one whole. Not here: what a table must satisfy (`schemas`)."""

from pathlib import Path

import polars as pl

from densing_pipeline import files


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame so that the file is complete or not there at all, even after a power cut."""
    with files.replacing(path) as file:
        frame.write_parquet(file, compression="zstd", statistics=True)
