"""The history of each polled price list, brought up to date with the landing zone.

The history is a function of the landed bytes and of the code that reads them. A stored history is
continued only if the same code made it from the first snapshots of the landing zone; otherwise the list
is folded anew from its first snapshot. Not here: polling (`poll`).
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache, partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import polars as pl

from densing_pipeline import clock, project_code
from densing_pipeline.landing import LandingZone, Receipt
from densing_pipeline.polling.answers import NOT_MODIFIED
from densing_pipeline.polling.landed import LONGEST_UNCHANGED_DAYS
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.fold import Counts, Open, fold
from densing_pipeline.prices.sources import SOURCES, partial_lists
from densing_pipeline.prices.sources.source import Parser
from densing_pipeline.prices.store import Head, Store
from densing_pipeline.tables.published import PRICE_POLLS, PRICES


@dataclass(frozen=True)
class Snapshot:
    """One landed response.

    Attributes:
        day: day of its receipt.
        sha256: hash of its bytes.
        read: gives its bytes.
        is_whole: whether the list itself came, rather than the answer that it had not changed.
    """

    day: date
    sha256: str
    read: Callable[[], bytes]
    is_whole: bool = True


@dataclass(frozen=True)
class Update:
    """Result of one update of a source's history.

    Attributes:
        folded: snapshots looked at, by this update.
        refused: days whose snapshot cannot be read (any more), with the reason.
        is_rebuilt: whether the history was folded anew.
        counts: numbers of rows by kind of change.
        failure: why the history could not be brought up to date, if so; it stays as it was.
    """

    folded: int
    refused: tuple[tuple[date, str], ...]
    is_rebuilt: bool
    counts: Counts
    failure: str | None = None


def update_all(zone: LandingZone, folder: Path, now: datetime | None = None) -> dict[str, Update]:
    """Bring the history of every source up to date with the landing zone.

    A source whose landed files are damaged is reported and stops no other.

    Args:
        zone: the landing zone.
        folder: where the histories are kept, one folder per source.
        now: time of the call; the system's if not given. What landed under a later day, by a clock that was
            ahead, is refused until then: it would make prices last that nobody has seen.
    """
    today = (now or clock.now()).astimezone(UTC).date()
    return {
        name: _updated(Store(folder / name), name, zone, source.read, today)
        for name, source in SOURCES.items()
    }


def _updated(store: Store, source: str, zone: LandingZone, parse: Parser, today: date) -> Update:
    try:
        if not store.is_whole():
            store.forget()
        snapshots = landed(zone.receipts(source), zone)
        known = [snapshot for snapshot in snapshots if snapshot.day <= today]
        found = update(store, source, known, parse, code=code_digest())
        to_come = tuple(
            (snapshot.day, f"landed by a clock that was ahead: it is {today}")
            for snapshot in snapshots[len(known) :]
        )
        return replace(found, refused=(*found.refused, *to_come))
    except Exception as error:
        return Update(0, (), False, Counts(), f"the history cannot be brought up to date: {error}")


def histories(folder: Path) -> dict[str, pl.DataFrame]:
    """The history of every source that has one, as rows of `prices`."""
    stores = {source: Store(folder / source) for source in SOURCES}
    found = {name: history(store) for name, store in stores.items() if store.is_whole()}
    return {source: rows for source, rows in found.items() if not rows.is_empty()}


def polls(folder: Path) -> pl.DataFrame:
    """The days on which each source was seen, as rows of `price_polls`."""
    stores = [Store(folder / source) for source in SOURCES]
    seen = [store.polls() for store in stores if store.is_whole()]
    return PRICE_POLLS.cast(pl.concat([PRICE_POLLS.empty(), *seen]))


def landed(receipts: Iterable[Receipt], zone: LandingZone) -> list[Snapshot]:
    """The responses of a source that count: of several on one day, the first."""
    by_day = groupby(receipts, key=lambda receipt: receipt.fetched_at.date())
    first = [next(of_day) for _, of_day in by_day]
    return [
        Snapshot(r.fetched_at.date(), r.sha256, partial(zone.read, r), r.status != NOT_MODIFIED)
        for r in first
    ]


def unbelieved_since(snapshots: Sequence[Snapshot], number: int) -> date | None:
    """The day of the last look before a snapshot that counts, where later ones do not; None if all do.

    A server that said for over `LONGEST_UNCHANGED_DAYS` that nothing had changed is asked for the whole list. If that
    is another one, it may have changed on any night since the last whole list, whatever the server said.

    Args:
        snapshots: all that has landed, oldest first, one a day.
        number: which of them.
    """
    found = snapshots[number]
    before = next((s for s in reversed(snapshots[:number]) if s.is_whole), None)
    if before is None or not found.is_whole or before.sha256 == found.sha256:
        return None
    is_late = (found.day - before.day).days > LONGEST_UNCHANGED_DAYS
    return before.day if is_late and not snapshots[number - 1].is_whole else None


def update(
    store: Store, source: str, snapshots: Sequence[Snapshot], parse: Parser, *, code: str
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
    is_same = (
        head is not None and head.code == code and head.chain == snapshots_digest(snapshots[:done])
    )
    if head is None or not is_same:
        head, done = Head(code=code), 0
    if done:
        store.tidy(head)
    state = store.state(head) if done else Open.nothing()
    counts, refused, seen = Counts(), list[tuple[date, str]](), done
    fresh = snapshots[done:]
    for _, of_month in groupby(fresh, key=lambda s: f"{s.day:%Y-%m}"):
        closed: dict[str, list[pl.DataFrame]] = {}
        poll_rows: list[pl.DataFrame] = []
        for snapshot in of_month:
            last_look = unbelieved_since(snapshots, seen)
            seen += 1
            try:
                found = parse(snapshot.read(), snapshot.day)
            except SnapshotError as error:
                refused.append((snapshot.day, str(error)))
                continue
            folded = fold(
                state, found.quotes,
                source=source, observed_on=snapshot.day, snapshot_sha256=snapshot.sha256,
                last_look=last_look,
            )  # fmt: skip
            state, counts = folded.state, counts.plus(folded.counts)
            poll_rows.append(_poll_rows(source, found.quotes, snapshot.day))
            closed.setdefault(f"{snapshot.day:%Y-%m}", []).append(folded.closed)
        head = replace(head, folded=seen, chain=snapshots_digest(snapshots[:seen]))
        rows = {month: pl.concat(frames) for month, frames in closed.items()}
        head = store.commit(head, state, rows, poll_rows)
    return Update(len(fresh), tuple(refused), bool(fresh) and done == 0, counts)


def _poll_rows(source: str, quotes: pl.DataFrame, day: date) -> pl.DataFrame:
    """Rows of `price_polls`: the list was seen on this day, as a whole or for the models asked for."""
    models = quotes["model"].unique().sort() if source in partial_lists() else [None]
    return PRICE_POLLS.cast(pl.DataFrame({"source": source, "model": models, "seen_on": day}))


def history(store: Store) -> pl.DataFrame:
    """All rows of a source, sorted by key."""
    return PRICES.cast(store.scan().collect())


@cache
def code_digest() -> str:
    """Digest of the code and column declarations that turn the bytes of a snapshot into rows.

    That is this package with all that it imports of the project, what reads and computes for it, and the columns of
    the rows.
    """
    columns = f"{PRICES} {PRICES.polars_schema} {PRICE_POLLS}"
    libraries = f"{pl.__version__} {version('genai-prices')}"
    code = project_code.digest("densing_pipeline.prices")
    return hashlib.sha256(f"{libraries} {columns} {code}".encode()).hexdigest()


def snapshots_digest(snapshots: Sequence[Snapshot]) -> str:
    """Digest of the days and hashes of snapshots, in order, and of which came as a whole."""
    text = "\n".join(
        f"{s.day.isoformat()} {s.sha256}{'' if s.is_whole else ' 304'}" for s in snapshots
    )
    return hashlib.sha256(text.encode()).hexdigest()
