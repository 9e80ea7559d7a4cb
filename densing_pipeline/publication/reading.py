"""Reading single tables of a release, without what makes one (charts, statistics).

Not here: whether every file of a release is whole (`release.is_whole`).
"""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from densing_pipeline.publication.places.copies import earlier_releases
from densing_pipeline.publication.places.place import PlaceError
from densing_pipeline.settings import read_settings
from densing_pipeline.tables.dates import checked_day
from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import TableError


def read(
    table: str, release: Path | str | None = None, *, as_of: date | None = None
) -> pl.DataFrame:
    """A table of a release.

    Args:
        table: its name, such as `densing_law`; `docs/data_dictionary.md` has all.
        release: folder of the release; the latest of `DENSING_PUBLISH_URL` if left out.
        as_of: a day, UTC: of the releases there, the one that was the newest at its end. Not together with
            `release`.

    Returns:
        The table with every published column.

    Raises:
        TableError: there is no such table, no release (by that day), or the file does not read.
        SettingsError: a `DENSING_` variable has a value that is not allowed.
        TypeError: `as_of` is no day.
    """
    if table not in PUBLISHED:
        raise TableError(f"no table {table!r}: there are {', '.join(PUBLISHED)}")
    if as_of is not None:
        if release is not None:
            raise TableError("give a release, or as_of, but not both")
        folder = newest_of(latest().parent, checked_day(as_of, "as_of"))
    else:
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
    """The folder of the latest release of `DENSING_PUBLISH_URL`; of a remote place it is fetched if it is not here.

    Raises:
        SettingsError: a `DENSING_` variable has a value that is not allowed.
        TableError: the place cannot be read, and there is no copy of it.
    """
    try:
        return earlier_releases(read_settings()) / "latest"
    except PlaceError as error:
        raise TableError(str(error)) from error


def newest_of(folder: Path, day: date) -> Path:
    """The release that was the newest at the end of a day, among those still in a folder.

    Args:
        folder: directory that holds `releases/`.
        day: the day, UTC.

    Raises:
        TableError: there is none.
    """
    made = sorted(
        (created, path)
        for path in folder.glob("releases/20*")
        if (created := _created(path)) is not None
    )
    if found := [path for created, path in made if created.date() <= day]:
        return found[-1]
    oldest = f"; the oldest there is of {made[0][0]:%Y-%m-%d}" if made else ""
    raise TableError(f"{folder}: no release of {day} or before{oldest}")


def _created(release: Path) -> datetime | None:
    """When a release was made; None if its description does not say."""
    try:
        package = json.loads((release / "datapackage.json").read_bytes())
        return datetime.fromisoformat(package["created"]).astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError):
        return None
