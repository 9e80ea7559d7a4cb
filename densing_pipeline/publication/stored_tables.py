"""Tables in a folder, read when they are asked for, so that publishing one need not hold all of them.

Not here: whether the tables of a folder belong together (`consistency`), and how they are written (`tables.storage`).
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import polars as pl

from densing_pipeline.publication.consistency import REMEDY
from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import TableError


class StoredTables(Mapping[str, pl.DataFrame]):
    """The published tables of a folder by name; each is read when it is asked for, and kept.

    `scan` is for what may be too large to keep.
    """

    def __init__(self, folder: Path, names: Collection[str] = PUBLISHED) -> None:
        """The tables of these names, of which `folder` has the files."""
        self._folder, self._names = folder, names
        self._kept: dict[str, pl.DataFrame] = {}

    def scan(self, name: str) -> pl.LazyFrame:
        """A table as a query, which reads of its file only what it asks for.

        Raises:
            TableError: the file is missing, damaged, or of another version; the message says how to get it back.
        """
        path = self._folder / f"{name}.parquet"
        try:
            rows = pl.scan_parquet(path)
            columns = rows.collect_schema().names()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise TableError(f"{path}: cannot be read ({error}); {REMEDY}") from error
        if lacking := [each for each in PUBLISHED[name].names if each not in columns]:
            raise TableError(
                f"{path}: made by another version of the pipeline, without {', '.join(lacking)}; {REMEDY}"
            )
        return rows

    def __getitem__(self, name: str) -> pl.DataFrame:
        """A table, read once.

        Raises:
            KeyError: there is no table of that name.
            TableError: as `scan`.
        """
        if name not in self._names:
            raise KeyError(name)
        if name not in self._kept:
            self._kept[name] = self.scan(name).collect()
        return self._kept[name]

    @property
    def kept(self) -> Collection[str]:
        """The tables that were read as a whole, and are kept."""
        return self._kept.keys()

    def __iter__(self) -> Iterator[str]:
        """The names of the tables."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many tables there are."""
        return len(self._names)


def scan(tables: Mapping[str, pl.DataFrame], name: str) -> pl.LazyFrame:
    """A table as a query: of a stored one it reads only what it asks for.

    Raises:
        TableError: the file of a stored table cannot be read.
    """
    return tables.scan(name) if isinstance(tables, StoredTables) else tables[name].lazy()
