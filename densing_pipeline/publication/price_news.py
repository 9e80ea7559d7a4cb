"""Changes of prices for readers: those of the last week for the page, and the newest ones as an Atom feed.

Not here: what a change is (`past_prices.changes`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl

from densing_pipeline.past_prices.changes import of_the_week
from densing_pipeline.past_prices.wording import UNIT
from densing_pipeline.prices.as_of import last_day
from densing_pipeline.publication import atom
from densing_pipeline.publication.wording import counted, listed
from densing_pipeline.tables.published import PRICE_CHANGES

FEED_FILE = "price_changes.atom"

NEWEST_IN_FEED = 200
"""Most changes in the feed, the newest ones."""

MOST_OF_A_KIND = 25
"""Most changes of one kind that the page lists; the others are counted."""

_VERBS = {
    "cut": ("price fell", "prices fell"),
    "rise": ("price rose", "prices rose"),
    "mixed": ("price moved both ways", "prices moved both ways"),
    "promotion": ("promotion began", "promotions began"),
    "end of promotion": ("promotion ended", "promotions ended"),
    "arrival": ("offer arrived", "offers arrived"),
    "departure": ("offer left", "offers left"),
}


@dataclass(frozen=True)
class Line:
    """One change as the page shows it.

    Attributes:
        change: its kind.
        seller: the seller.
        model: name of the model in the list.
        input: price of input before and after, in words.
        output: price of output before and after, in words.
        day: the day, or the days between which it came.
        certainty: how the day is known.
        source: the list.
    """

    change: str
    seller: str
    model: str
    input: str
    output: str
    day: str
    certainty: str
    source: str


@dataclass(frozen=True)
class Week:
    """The changes of the last week that the price lists know of.

    Attributes:
        title: what changed, in one sentence without its full stop.
        until: the last day; None if there are no prices.
        lines: the changes that are listed.
        left_out: changes that are not listed.
    """

    title: str
    until: date | None
    lines: tuple[Line, ...]
    left_out: int


def week(prices: pl.LazyFrame, price_changes: pl.DataFrame) -> Week:
    """The changes of the seven days up to the last look at any list.

    Of each kind those of known models come first.

    Args:
        prices: the published table.
        price_changes: the published table.
    """
    days = prices.select("observed_from", "last_seen").collect(engine="streaming")
    if days.is_empty():
        return Week("No price list is known", None, (), 0)
    until = last_day(days)
    found = of_the_week(price_changes, until)
    counts = dict(found.group_by("change").len().iter_rows())
    told = [counted(counts[kind], *words) for kind, words in _VERBS.items() if kind in counts]
    title = f"{listed(told) if told else 'No price changed'} in the week to {until}"
    is_unknown = pl.col("canonical_id").is_null()
    order = pl.col("change").replace_strict(
        {kind: place for place, kind in enumerate(_VERBS)}, return_dtype=pl.Int64
    )
    shown = (
        found.with_columns(place=is_unknown.rank("ordinal").over("change"))
        .filter(pl.col("place") <= MOST_OF_A_KIND)
        .sort(order, "place", maintain_order=True)
    )
    lines = tuple(_line(row) for row in shown.iter_rows(named=True))
    return Week(title[0].upper() + title[1:], until, lines, found.height - len(lines))


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        change=row["change"],
        seller=row["seller"],
        model=row["model"],
        input=_both(row, "input"),
        output=_both(row, "output"),
        day=_days(row),
        certainty=row["certainty"],
        source=row["source"],
    )


def _both(row: Mapping[str, Any], what: str) -> str:
    """A price before and after: `5 to 2.5`; one of them where there is no other, or they are equal."""
    then, now = row[f"{what}_usd_per_mtok_before"], row[f"{what}_usd_per_mtok"]
    said = [f"{price:.4g}" for price in (then, now) if price is not None]
    return " to ".join(dict.fromkeys(said))


def _days(row: Mapping[str, Any]) -> str:
    if row["date_earliest"] in (None, row["date"]):
        return str(row["date"])
    return f"{row['date_earliest']} to {row['date']}"


def feed(price_changes: pl.DataFrame, homepage: str = "") -> bytes | None:
    """The newest changes as an Atom feed; None if there are none.

    Args:
        price_changes: the published table.
        homepage: address at which readers find the releases; empty if there is none.
    """
    if price_changes.is_empty():
        return None
    newest = price_changes.sort("date", *PRICE_CHANGES.key, nulls_last=True).tail(NEWEST_IN_FEED)
    entries = [_entry(row) for row in newest.iter_rows(named=True)]
    return atom.feed("price-changes", "Changes of prices of language models", entries, homepage)


def _entry(row: Mapping[str, Any]) -> atom.Entry:
    prices = [f"{what} {_both(row, what)}" for what in ("input", "output") if _both(row, what)]
    amounts = f"{', '.join(prices)} {UNIT}" if prices else "no price stated"
    kind = "" if row["offer"] == "standard" else f" ({row['offer'].replace('_', ' ')})"
    remark = f" {row['reason']}." if row["reason"] else ""
    return atom.Entry(
        identity="price-change/" + "/".join(str(row[name]) for name in PRICE_CHANGES.key),
        title=f"{row['change'].capitalize()}: {row['model']} at {row['seller']}{kind}",
        updated=datetime.combine(row["date"], time(), UTC),
        text=f"{amounts}; on {_days(row)} ({row['certainty']}), by {row['source']}.{remark}",
    )
