"""Reading single tables of a release, without what makes one (charts, statistics).

Not here: whether every file of a release is whole (`release.is_whole`).
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from densing_pipeline.settings import read_settings
from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import TableError


def read(table: str, release: Path | str | None = None) -> pl.DataFrame:
    """A table of a release.

    Args:
        table: its name, such as `densing_law`; `docs/data_dictionary.md` has all.
        release: folder of the release; the latest of `DENSING_PUBLISH_URL` if left out.

    Returns:
        The table with every published column.

    Raises:
        TableError: there is no such table, no release, or the file does not read.
        SettingsError: a `DENSING_` variable has a value that is not allowed.
    """
    if table not in PUBLISHED:
        raise TableError(f"no table {table!r}: there are {', '.join(PUBLISHED)}")
    folder = latest() if release is None else Path(release)
    path = folder / f"{table}.parquet"
    if not path.exists():
        raise TableError(f"{path} is not there: `densing run` publishes a release")
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path}: damaged ({error}); `densing run` makes it anew") from error


def read_tables(names: Iterable[str], release: Path | str | None = None) -> dict[str, pl.DataFrame]:
    """Several tables of one release by name; see `read`."""
    folder = (latest() if release is None else Path(release)).resolve()
    return {name: read(name, folder) for name in names}


def latest() -> Path:
    """The folder of the latest release below `DENSING_PUBLISH_URL`.

    Raises:
        SettingsError: a `DENSING_` variable has a value that is not allowed.
    """
    return read_settings().publish_dir / "latest"
