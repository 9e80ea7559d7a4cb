"""The tables of the run with faults held against those of the quiet run.

Equal are all rows and columns but three kinds: what a poll itself was (tables in `POLLS`), when something was seen
(columns in `OBSERVED`), and days that a change fell on while its source could not be seen. Such a day must be an interval that
holds the quiet run's day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

POLLS = ("hub_nights", "source_health", "price_polls", "revisions")
"""Tables with a row for each poll or release."""

OBSERVED = (
    "observed_from",
    "observed_to",
    "last_seen",
    "snapshot_sha256",
    "first_seen_at",
    "observed_at",
    "updated_at",
)
"""Columns that say when, or in which answer, something was seen."""

DAYS = {"prices": ("valid_from", "valid_from_earliest"), "price_changes": ("date", "date_earliest")}
"""By table, the last and the first day on which a change can have happened."""

OPEN_DAYS = {"prices": ("valid_to", "valid_from_latest"), "price_changes": ("certainty",)}
"""Columns that follow from these days."""


OURS, THEIRS = "times in the quiet run", "times in the run with faults"
"""Columns of a comparison; no table has one of these names."""


@dataclass(frozen=True)
class Compared:
    """What came of one table.

    Attributes:
        table: its name.
        rows: rows of the quiet run.
        differing: rows that are in one run only, or differ in more than they may.
        intervals: rows whose day is an interval that holds the quiet run's day.
    """

    table: str
    rows: int
    differing: int
    intervals: int


def compare(quiet: Path, chaos: Path) -> list[Compared]:
    """Every table of two folders.

    Args:
        quiet: tables of the quiet run.
        chaos: tables of the run with faults.
    """
    names = sorted(path.stem for path in quiet.glob("*.parquet") if path.stem not in POLLS)
    return [
        table(name, pl.read_parquet(quiet / f"{name}.parquet"), pl.read_parquet(chaos / f"{name}.parquet"))
        for name in names
    ]  # fmt: skip


def table(name: str, quiet: pl.DataFrame, chaos: pl.DataFrame) -> Compared:
    """One table of both runs."""
    kept = [each for each in quiet.columns if each not in OBSERVED]
    days = DAYS.get(name)
    if days is None:
        differing = _only_in_one(quiet.select(kept), chaos.select(kept))
        return Compared(name, quiet.height, differing, 0)
    last, first = days
    same = [each for each in kept if each not in (*days, *OPEN_DAYS[name])]
    # What a later look only confirmed is there again, seen from that day on. Which look did is an observation.
    ours, theirs = (_numbered(frame.unique(kept), same, last) for frame in (quiet, chaos))
    pairs = ours.join(theirs, on=[*same, "turn"], how="full", suffix="_chaos", nulls_equal=True)
    both = pairs.filter(pl.col("is_there"), pl.col("is_there_chaos"))
    day, earliest, latest = pl.col(last), pl.col(f"{first}_chaos"), pl.col(f"{last}_chaos")
    is_equal = day.eq_missing(latest)
    is_held = (day <= latest) & (earliest.is_null() | (earliest <= day))
    held = both.filter(~is_equal & is_held.fill_null(value=False)).height
    outside = both.filter(~is_equal & ~is_held.fill_null(value=False)).height
    return Compared(name, quiet.height, pairs.height - both.height + outside, held)


def _numbered(frame: pl.DataFrame, same: list[str], day: str) -> pl.DataFrame:
    """The rows with their number among those that are alike, by day."""
    turn = pl.int_range(pl.len()).over(same).alias("turn")
    return frame.sort(day, nulls_last=False).with_columns(turn, is_there=pl.lit(value=True))


def _only_in_one(quiet: pl.DataFrame, chaos: pl.DataFrame) -> int:
    """Rows that one of two frames has more often than the other."""
    counted = [
        frame.group_by(frame.columns).len(name) for frame, name in ((quiet, OURS), (chaos, THEIRS))
    ]
    joined = counted[0].join(counted[1], on=quiet.columns, how="full", nulls_equal=True)
    missing = pl.col(OURS).fill_null(0).cast(pl.Int64) - pl.col(THEIRS).fill_null(0).cast(pl.Int64)
    return int(joined.select(missing.abs().sum()).item())


def episodes(known: list[set[str]]) -> Mapping[str, int]:
    """How often each problem began, given the problems known at each look."""
    begun: dict[str, int] = {}
    before: set[str] = set()
    for now in known:
        for key in now - before:
            begun[key] = begun.get(key, 0) + 1
        before = now
    return begun
