"""The history of each polled price list, kept up with the landing zone.

The history is a function of the landed bytes and of the code that reads them: whatever was folded
before is kept only as long as it is a beginning of what the landing zone holds, read by the same
code; otherwise the list is folded anew from its first snapshot. Not here: polling (`poll`).
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, partial
from itertools import groupby
from pathlib import Path

import polars as pl

from densing_pipeline.landing import LandingZone, Receipt
from densing_pipeline.prices.fold import Counts, Open, fold
from densing_pipeline.prices.sources import PARSERS
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot, SnapshotError
from densing_pipeline.prices.store import Head, Store
from densing_pipeline.tables.published import PRICES

Parse = Callable[[bytes, date], ParsedSnapshot]


@dataclass(frozen=True)
class Snapshot:
    """One landed response: its day, its hash, and how to get its bytes."""

    day: date
    sha256: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Update:
    """What one update of a source's history brought.

    Attributes:
        folded: snapshots looked at, by this update.
        refused: days whose snapshot cannot be read (any more), with the reason.
        is_rebuilt: whether the history was folded anew.
        counts: rows, by what became of them.
    """

    folded: int
    refused: tuple[tuple[date, str], ...]
    is_rebuilt: bool
    counts: Counts


def update_all(zone: LandingZone, folder: Path) -> dict[str, Update]:
    """Bring the history of every source up to date with the landing zone.

    Args:
        zone: the landing zone.
        folder: where the histories are kept, one folder per source.
    """
    return {
        source: update(
            Store(folder / source), source, landed(zone.receipts(source), zone), parse,
            code=code_digest(),
        )
        for source, parse in PARSERS.items()
    }  # fmt: skip


def histories(folder: Path) -> dict[str, pl.DataFrame]:
    """The history of every source that has one, as rows of `prices`."""
    found = {source: history(Store(folder / source)) for source in PARSERS}
    return {source: rows for source, rows in found.items() if not rows.is_empty()}


def landed(receipts: Iterable[Receipt], zone: LandingZone) -> list[Snapshot]:
    """The responses of a source that count: of several on one day, the first."""
    by_day = groupby(receipts, key=lambda receipt: receipt.fetched_at.date())
    first = [next(of_day) for _, of_day in by_day]
    return [Snapshot(r.fetched_at.date(), r.sha256, partial(zone.read, r)) for r in first]


def update(
    store: Store, source: str, snapshots: Sequence[Snapshot], parse: Parse, *, code: str
) -> Update:
    """Fold what has landed since the last update.

    Args:
        store: where the history of the source is kept.
        source: name of the source.
        snapshots: all that has landed, oldest first, one a day.
        parse: reads the bytes of one.
        code: digest of the code that reads and folds (`code_digest`).
    """
    head = store.head()
    done = head.folded if head else 0
    is_same = head is not None and head.code == code and head.chain == chain_of(snapshots[:done])
    if head is None or not is_same:
        head, done = Head(code=code), 0
    if done:
        store.tidy(head)
    state = store.state(head) if done else Open.nothing()
    counts, refused, seen = Counts(), list[tuple[date, str]](), done
    fresh = snapshots[done:]
    for _, of_month in groupby(fresh, key=lambda s: f"{s.day:%Y-%m}"):
        closed: dict[str, list[pl.DataFrame]] = {}
        for snapshot in of_month:
            seen += 1
            try:
                found = parse(snapshot.read(), snapshot.day)
            except SnapshotError as error:
                refused.append((snapshot.day, str(error)))
                continue
            folded = fold(
                state, found.quotes,
                source=source, observed_on=snapshot.day, snapshot_sha256=snapshot.sha256,
            )  # fmt: skip
            state, counts = folded.state, counts.then(folded.counts)
            closed.setdefault(f"{snapshot.day:%Y-%m}", []).append(folded.closed)
        head = replace(head, folded=seen, chain=chain_of(snapshots[:seen]))
        head = store.commit(head, state, {m: pl.concat(frames) for m, frames in closed.items()})
    return Update(len(fresh), tuple(refused), bool(fresh) and done == 0, counts)


def history(store: Store) -> pl.DataFrame:
    """All rows of a source, sorted by key."""
    return PRICES.cast(store.scan().collect())


@cache
def code_digest() -> str:
    """Digest of everything that decides what the bytes of a snapshot become: this package."""
    digest = hashlib.sha256(pl.__version__.encode())
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def chain_of(snapshots: Sequence[Snapshot]) -> str:
    """Digest of the days and hashes of snapshots, in order."""
    text = "\n".join(f"{s.day.isoformat()} {s.sha256}" for s in snapshots)
    return hashlib.sha256(text.encode()).hexdigest()
