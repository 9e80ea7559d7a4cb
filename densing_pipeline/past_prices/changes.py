"""The table `price_changes`: cuts, rises, arrivals, departures and promotions of every offer in every list.

An offer's rows are read in the order in which they began, as the book believes them now. A price that its
list took back, mended, or that the book disbelieves is no change. Not here: when a new price counts as
confirmed (`prices.confirmation`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import polars as pl

from densing_pipeline.past_prices.naming import is_own_name
from densing_pipeline.past_prices.on_day import (
    SEAT,
    list_of,
    looks_of,
    missed_on,
    released_on,
    with_seats,
)
from densing_pipeline.prices.as_of import last_day
from densing_pipeline.prices.confirmation import REVERSAL_DAYS
from densing_pipeline.prices.names import normal, seller, split
from densing_pipeline.prices.sources import own_lists
from densing_pipeline.prices.sources.snapshot import MAIN_PRICE_COLUMNS
from densing_pipeline.tables.published import PRICE_CHANGES

WEEK_SHOWN = timedelta(days=7)
"""Span of the changes that are shown as those of the week."""

SAME_WITHIN = 1e-3
"""Relative difference up to which two prices are one, restated: some sellers convert theirs."""

_LOW_OFFERS = ("free", "promotional")

_NO_PRICES = ("refused", "future", "figure", "slip")
"""Flags of rows that stand beside the price of an offer."""

_DOUBTED = ("suspect", "unconfirmed")
"""Flags of rows whose price does not count: what it changed to or from is not told."""

_DATED = ("announced", "documented")

Row = Mapping[str, Any]


def price_changes(
    prices: pl.DataFrame,
    model_links: pl.DataFrame,
    price_polls: pl.DataFrame,
    capability_index: pl.DataFrame,
) -> pl.DataFrame:
    """Every change of an offer that the book knows of.

    Args:
        prices: the published table.
        model_links: the published table.
        price_polls: the published table.
        capability_index: the published table, which has the days of release of models that are sold.

    Returns:
        Rows of `price_changes`.
    """
    if prices.is_empty():
        return PRICE_CHANGES.empty()
    last = last_day(prices)
    first_looks = dict(prices.group_by("source").agg(pl.col("observed_from").min()).iter_rows())
    current = prices.filter(
        pl.col("observed_to").is_null(),
        pl.col("flag").is_null() | ~pl.col("flag").is_in(_NO_PRICES),
    )
    links = model_links.select("source", "provider", "model", "canonical_id")
    rows = with_seats(
        current.join(links, on=["source", "provider", "model"], how="left", maintain_order="left")
    )
    looks = looks_of(price_polls)
    found = [
        change
        for seat, offers in groupby(
            rows.iter_rows(named=True), key=lambda row: tuple(row[name] for name in SEAT)
        )
        for change in _of_offer(
            list(offers), first_looks[seat[0]], last, looks.get(list_of(seat), ())
        )
    ]
    if not found:
        return PRICE_CHANGES.empty()
    frame = pl.DataFrame(found, infer_schema_length=None)
    sellers = {name: seller(name) for name in frame["provider"].unique()}
    return PRICE_CHANGES.cast(
        frame.with_columns(
            seller=pl.col("provider").replace_strict(sellers),
            canonical_id=_sold(frame, released_on(capability_index)),
        ).unique(PRICE_CHANGES.key, keep="first", maintain_order=True)
    )


def _sold(frame: pl.DataFrame, released: Mapping[str, date]) -> pl.Series:
    """The model that each change is of; None before its release, unless the offer has its name: another one was sold then."""
    rows = frame.select("provider", "model", "canonical_id", "date").iter_rows()
    sold = [
        None
        if one in released and day < released[one] and not is_own_name(provider, name, one)
        else one
        for provider, name, one, day in rows
    ]
    return pl.Series(sold, dtype=pl.String)


def of_the_week(changes: pl.DataFrame, until: date) -> pl.DataFrame:
    """The changes of the last seven days, each once though several lists have it, the largest first.

    Args:
        changes: rows of `price_changes`.
        until: the last day.

    Returns:
        Rows of `price_changes`. Of lists that tell the same of one seller and model, the best documented
        counts: a dated document, then a list of the sellers' own.
    """
    recent = changes.filter(pl.col("date") > until - WEEK_SHOWN, pl.col("date") <= until)
    if recent.is_empty():
        return recent
    names = recent.select("provider", "model").unique()
    sold = [(*name, normal(split(*name)[1])) for name in names.iter_rows()]
    keyed = pl.DataFrame(
        sold, schema=dict.fromkeys(("provider", "model", "sold"), pl.String), orient="row"
    )
    now, before = (
        pl.col(name).fill_null(0)
        for name in (MAIN_PRICE_COLUMNS[0], f"{MAIN_PRICE_COLUMNS[0]}_before")
    )
    rank = (
        pl.when(pl.col("certainty") == "dated")
        .then(0)
        .when(pl.col("source").is_in(own_lists()))
        .then(1)
        .otherwise(2)
    )
    order = pl.col("change").replace_strict(
        {name: place for place, name in enumerate(CHANGES)}, return_dtype=pl.Int64
    )
    return (
        recent.join(keyed, on=["provider", "model"], how="left", maintain_order="left")
        .with_columns(rank=rank, order=order, moved=(now - before).abs() / (now + before))
        .sort("rank", "source", "model", maintain_order=True)
        .unique(
            ["seller", "sold", "offer", "context_over_tokens", "change"],
            keep="first",
            maintain_order=True,
        )
        .sort(
            "order", "moved", "seller", "model",
            descending=[False, True, False, False], nulls_last=True, maintain_order=True,
        )
        .select(changes.columns)
    )  # fmt: skip


CHANGES = PRICE_CHANGES.column("change").allowed
"""Kinds of change, in the order in which they are shown."""


def _of_offer(
    rows: Sequence[Row], first_look: date, last: date, looks: Sequence[date]
) -> Iterator[dict[str, Any]]:
    """The changes of one offer.

    Args:
        rows: its rows, in the order in which they began.
        first_look: the first day of its list: what was there then is no arrival.
        last: the last day that the book knows of.
        looks: the days on which its list was seen, in order.
    """
    before: Row | None = None
    was_there = False
    for row in rows:
        is_last = row is rows[-1]
        if row["flag"] in _DOUBTED:
            before, was_there = None, True
            continue
        if row["flag"] == "provisional" and not (is_last and row["valid_to"] is None):
            continue  # one look alone had it, and later ones did not
        started = row["valid_from"] or row["observed_from"]
        gone_on = before["valid_to"] if before else None
        if before is None:
            is_new = row["basis"] != "undated" or started > first_look
            if is_new and not was_there:
                yield _change("arrival", row, None, row)
        elif gone_on is not None and started - gone_on > timedelta(days=REVERSAL_DAYS):
            yield _departure(before, looks)
            yield _change("arrival", row, None, row) | {
                "reason": f"back after {(started - gone_on).days} days"
            }
        elif row["flag"] != "correction" and (gone_on is not None or row["flag"] == "provisional"):
            yield from _moved(before, row)
        before, was_there = row, True
    if before and before["valid_to"] is not None and before["valid_to"] <= last:
        yield _departure(before, looks)


def _moved(before: Row, row: Row) -> Iterator[dict[str, Any]]:
    """The change from one price to another, if they differ."""
    kind = _kind(before, row)
    if kind is not None:
        yield _change(kind, row, before, row)


def _kind(before: Row, after: Row) -> str | None:
    """What became of an offer's price; None if input and output cost what they did."""
    was_low, is_low = before["offer"] in _LOW_OFFERS, after["offer"] in _LOW_OFFERS
    if was_low != is_low:
        return "promotion" if is_low else "end of promotion"
    moves = {
        (now > then) - (now < then)
        for then, now in ((before[name], after[name]) for name in MAIN_PRICE_COLUMNS)
        if then is not None and now is not None and abs(now - then) > SAME_WITHIN * then
    }
    if not moves:
        return None
    return "mixed" if len(moves) == 2 else "cut" if -1 in moves else "rise"


def _change(kind: str, row: Row, before: Row | None, after: Row | None) -> dict[str, Any]:
    """A change to the price of a row."""
    day = row["valid_from"] or row["observed_from"]
    earliest = row["valid_from_earliest"]
    if row["valid_from"] is None and before and before["last_seen"]:
        earliest = before["last_seen"] + timedelta(days=1)
    return _told(kind, row, before, after, day, earliest, is_dated=row["basis"] in _DATED)


def _departure(row: Row, looks: Sequence[date]) -> dict[str, Any]:
    """The end of an offer, of which the row has the last price: on the first look without it, or before."""
    day = missed_on(row, looks) or row["valid_to"]
    earliest = row["last_seen"] and row["last_seen"] + timedelta(days=1)
    is_dated = row["basis"] in _DATED and row["last_seen"] is None
    told = _told("departure", row, row, None, day, earliest, is_dated=is_dated)
    return told | {"reason": None}


def _told(
    kind: str,
    row: Row,
    before: Row | None,
    after: Row | None,
    day: date,
    earliest: date | None,
    *,
    is_dated: bool,
) -> dict[str, Any]:
    """A row of `price_changes`, less the seller."""
    certainty = (
        "provisional"
        if row["flag"] == "provisional"
        else "dated"
        if is_dated
        else "unknown"
        if earliest is None
        else "day"
        if earliest == day
        else "interval"
    )
    amounts = {
        f"{name}{suffix}": one and one[name]
        for name in MAIN_PRICE_COLUMNS
        for suffix, one in (("", after), ("_before", before))
    }
    return {
        "source": row["source"],
        "provider": row["provider"],
        "model": row["model"],
        "canonical_id": row["canonical_id"],
        "offer": row["offer"],
        "context_over_tokens": row["context_over_tokens"],
        "quantisation": row["quantisation"],
        "change": kind,
        "date": day,
        "date_earliest": day if is_dated else min(earliest, day) if earliest else None,
        "certainty": certainty,
        **amounts,
        "reason": row["reason"],
        "source_url": row["source_url"],
        "snapshot_sha256": row["snapshot_sha256"],
    }
