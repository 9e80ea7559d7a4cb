"""Storage of the history of a price list: a small file of open rows, and immutable segments of closed rows.

    book/<source>/head.json                  the snapshots folded, and the current files
    book/<source>/open-<hash>.parquet        the rows the next snapshot is compared with
    book/<source>/<YYYY-MM>-<hash>.parquet   rows closed by the snapshots of that month
    book/<source>/polls-<hash>.parquet       the days on which the list was seen

A night writes the open rows, the days and the segment of its month, whatever the size of the history. The head
is replaced last, in one step, so an interrupted night leaves the state before it. The folder can be
deleted; it is rebuilt from the landing zone. Not here: what a snapshot changes (`fold`).
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from densing_pipeline import files
from densing_pipeline.prices.fold import OPEN_SCHEMA, Open
from densing_pipeline.tables.published import PRICE_POLLS, PRICES

ROW_GROUP = 20_000
"""Rows per row group: small enough that reading one day skips most of a segment."""


@dataclass(frozen=True)
class Head:
    """The snapshots that were folded, and the files with the result.

    Attributes:
        code: digest of the code that read and folded the snapshots.
        folded: number of snapshots looked at.
        chain: digest of their days and hashes, in order.
        last_day: day of the newest one taken.
        open: file of the open rows.
        closed: segment files by month.
        polls: file of the days on which the list was seen.
    """

    code: str
    folded: int = 0
    chain: str = ""
    last_day: str | None = None
    open: str = ""
    closed: Mapping[str, str] = field(default_factory=dict)
    polls: str = ""


class Store:
    """The stored history of one source."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, which is created by the first commit."""
        self.folder = folder

    def head(self) -> Head | None:
        """The stored head; None if there is none, or a file it names is missing: the history is then rebuilt."""
        try:
            head = Head(**json.loads((self.folder / "head.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        names = [head.open, head.polls, *head.closed.values()]
        return head if all((self.folder / name).is_file() for name in names) else None

    def state(self, head: Head) -> Open:
        """The open rows of a head.

        Raises:
            polars.exceptions.PolarsError: the file is damaged.
        """
        rows = pl.read_parquet(self.folder / head.open)
        return Open(rows, date.fromisoformat(head.last_day) if head.last_day else None)

    def polls(self) -> pl.DataFrame:
        """The days on which the list was seen, as rows of `price_polls`."""
        head = self.head()
        return pl.read_parquet(self.folder / head.polls) if head else PRICE_POLLS.empty()

    def commit(
        self,
        head: Head,
        state: Open,
        closed: Mapping[str, pl.DataFrame],
        polls: Sequence[pl.DataFrame] = (),
    ) -> Head:
        """Store a new state: write its files, then the head, then delete files that the head does not name.

        Args:
            head: the head before, with the new `folded` and `chain`.
            state: the open rows.
            closed: rows closed since the head before, by month.
            polls: days on which the list was seen since then.
        """
        earlier_polls = [pl.read_parquet(self.folder / head.polls)] if head.polls else []
        segments = dict(head.closed)
        for month, rows in sorted(closed.items()):
            if rows.is_empty():
                continue
            earlier = segments.get(month)
            known = [pl.read_parquet(self.folder / earlier)] if earlier else []
            whole = pl.concat([*known, rows]).sort(
                "observed_from", *PRICES.key, nulls_last=True, maintain_order=True
            )
            segments[month] = self._write(month, whole)
        new = Head(
            **asdict(head)
            | {
                "open": self._write("open", state.rows.select(OPEN_SCHEMA.names())),
                "polls": self._write(
                    "polls",
                    PRICE_POLLS.cast(pl.concat([PRICE_POLLS.empty(), *earlier_polls, *polls])),
                ),
                "closed": dict(sorted(segments.items())),
                "last_day": state.last_day.isoformat() if state.last_day else None,
            }
        )
        text = json.dumps(asdict(new), indent=1, sort_keys=True) + "\n"
        files.write(self.folder / "head.json", text.encode())
        self.tidy(new)
        return new

    def is_whole(self) -> bool:
        """Whether every row can be read; a file's name says what must be in it."""
        head = self.head()
        if head is None:
            return True
        return all(
            files.file_sha256(self.folder / name).startswith(
                name.rpartition("-")[2].partition(".")[0]
            )
            for name in (head.open, head.polls, *head.closed.values())
        )

    def forget(self) -> None:
        """Drop everything, damaged files included; it is rebuilt from the landing zone."""
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name != "head.json"):
            path.unlink()

    def tidy(self, head: Head) -> None:
        """Delete files that the head does not name, left by an interrupted night."""
        named = {"head.json", head.open, head.polls, *head.closed.values()}
        for path in self.folder.iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)

    def scan(self, since: date | None = None) -> pl.LazyFrame:
        """All rows, or those that are not certain to have been closed before a day.

        Args:
            since: rows that had been both superseded or ended, and known to be so, before this
                day may be missing.
        """
        head = self.head()
        if head is None:
            return PRICES.empty().lazy()
        month = "" if since is None else f"{since:%Y-%m}"
        paths = [self.folder / name for key, name in head.closed.items() if key >= month]
        still_open = pl.scan_parquet(self.folder / head.open).select(PRICES.names)
        # One scan of all segments: a plan with one for each takes half as long to make as the query to run.
        return pl.concat([pl.scan_parquet(paths), still_open]) if paths else still_open

    def _write(self, stem: str, rows: pl.DataFrame) -> str:
        """Write rows to a file named after their hash, and return the name."""
        buffer = io.BytesIO()
        rows.write_parquet(buffer, compression="zstd", row_group_size=ROW_GROUP)
        content = buffer.getvalue()
        name = f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.parquet"
        if not (self.folder / name).exists():
            files.write(self.folder / name, content)
        return name
