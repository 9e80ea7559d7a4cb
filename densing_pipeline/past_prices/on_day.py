"""What a model cost on a day: each offer of it with its prices, how sure they are, and what they rest on.

The book has looks at lists, not a price for every day. So an answer says between which looks its day lies:
`CERTAINTIES` has the cases. A price is never carried to a day that nothing speaks for: the answer is then
`unknown`, with the reason.

Not here: which names mean the model (`naming`), and which offers count for a level (`cost.admission`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import polars as pl

from densing_pipeline import clock, facts
from densing_pipeline.past_prices.naming import OFFER, meant
from densing_pipeline.prices.as_of import known as known_rows
from densing_pipeline.prices.as_of import last_day
from densing_pipeline.prices.book import rejudged
from densing_pipeline.prices.names import organisation, seller
from densing_pipeline.prices.sources import partial_lists
from densing_pipeline.score_sources.index_values import index_scores
from densing_pipeline.text import quoted

TABLES = ("prices", "price_polls", "model_links", "capability_index")
"""Published tables that an answer is computed from."""

CERTAINTIES = {
    "dated": "the seller, or a dated document, says so",
    "seen": "the list had this price on that very day",
    "between looks": "the list had this price at the look before and at the look after",
    "changing": "it changed between two looks, and the day lies between them: this price, the other, or a third",
    "provisional": "one look found another price, or this one, and no other look yet",
    "last seen before": "the list had this price when it was last seen, before that day",
    "presumed": "the list still has this price, but nothing shows that the seller still asks it",
    "doubted": "the book does not believe this price; the reason says why",
    "not offered": "the list was looked at, and did not have the offer",
    "unknown": "nothing says what the price was",
}
"""How sure a price is of a day, the surest first."""

SURE = ("dated", "seen")
"""Certainties of a price that is known of the very day."""

KNOWN = (*SURE, "between looks")
"""Certainties of a price that speaks for itself: no other is known that the day may have had."""

NO_PRICE = ("not offered", "unknown")
"""Certainties of an answer without a price."""

KINDS_OF_ONE_OFFER = ("standard", "free", "promotional")
"""Kinds of offer that follow each other as the price of one and the same offer."""

SEAT = ("source", "provider", "model", "kind", "context_over_tokens", "quantisation")
"""Columns that identify an offer over time; `kind` is one for `KINDS_OF_ONE_OFFER`."""

_BESIDE = ("provisional", "slip")
"""Flags of prices that stand beside another one, which goes on."""

_DOUBTS = ("refused", "suspect", "unconfirmed", "future")
"""Flags of prices that do not count."""

_DATED = ("announced", "documented")
"""Bases of a price whose day somebody states."""

_DAY = timedelta(days=1)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OfferOnDay:
    """One offer of a model on a day.

    Attributes:
        source: the price list, or the bundled table of list prices.
        provider: seller, as the list names it.
        seller: the company, one name for all spellings.
        model: name of the model, as the list writes it.
        canonical_id: the model it sells; None if no rule links the name.
        is_named: whether it is sold under the name asked for; otherwise under another name of that model.
        offer: kind of offer: `standard`, `batch`, `long_context` ...
        context_over_tokens: prompt length above which the price holds; 0 for the base price.
        quantisation: number format that the seller states.
        input_usd_per_mtok: price of input, USD per million tokens; None if not stated or unknown.
        output_usd_per_mtok: price of output.
        cache_read_usd_per_mtok: price of cached input.
        certainty: how sure the price is of that day (`CERTAINTIES`).
        or_input_usd_per_mtok: the other price of input that the day may have had (`changing`, `provisional`).
        or_output_usd_per_mtok: the other price of output.
        since: first day on which the price is known to have held.
        since_earliest: earliest day on which it can have begun; None if nothing is known of it.
        until: first day on which it is known, or was taken, to hold no more; None if it has not ended.
        seen_before: last look at the list up to the day; None if there was none.
        seen_after: first look from the day on; None if there was none.
        reason: what must be read with the price, or why it is not known.
        source_url: address of the list or document.
        snapshot_sha256: hash of the bytes that the price was read from.
        observed_from: day on which these bytes were received or compiled.
    """

    source: str
    provider: str
    seller: str
    model: str
    canonical_id: str | None
    is_named: bool
    offer: str
    context_over_tokens: int
    quantisation: str | None
    input_usd_per_mtok: float | None
    output_usd_per_mtok: float | None
    cache_read_usd_per_mtok: float | None
    certainty: str
    or_input_usd_per_mtok: float | None
    or_output_usd_per_mtok: float | None
    since: date | None
    since_earliest: date | None
    until: date | None
    seen_before: date | None
    seen_after: date | None
    reason: str
    source_url: str | None
    snapshot_sha256: str
    observed_from: date


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """What a model cost on a day.

    Attributes:
        asked: the name asked for.
        on: the day.
        known: the day up to which the book was read.
        canonical_ids: the models that are sold under the name; several where a name passed from one to another.
        offers: every offer of it, those under the name first, the surest first.
    """

    asked: str
    on: date
    known: date
    canonical_ids: tuple[str, ...]
    offers: tuple[OfferOnDay, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """The offers as a frame, one row each."""
        rows = [tuple(getattr(one, name) for name in _SCHEMA) for one in self.offers]
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


_TYPES = {"is_named": pl.Boolean, "context_over_tokens": pl.Int64, "observed_from": pl.Date}
_TYPES |= dict.fromkeys(("since", "since_earliest", "until", "seen_before", "seen_after"), pl.Date)
_SCHEMA = {
    one.name: pl.Float64 if one.name.endswith("_usd_per_mtok") else _TYPES.get(one.name, pl.String)
    for one in fields(OfferOnDay)
}


class FutureDayError(ValueError):
    """The day asked for has not come; the message names the last one that has."""


def price_on_day(
    tables: Mapping[str, pl.DataFrame], asked: str, on: date, known: date | None = None
) -> PriceAnswer:
    """What a model cost on a day.

    Args:
        tables: `TABLES` of one release.
        asked: a name of the model: that of a price list, a Hub id, or another spelling of one (`naming.meant`).
        on: the day, UTC.
        known: answer with what was known at the end of this day; with everything if left out.

    Raises:
        UnknownModelError: no offer has the name.
        FutureDayError: the day has not come.
        TableError: the book is empty.
    """
    of_model = meant(tables["model_links"], asked)
    prices, polls = tables["prices"], tables["price_polls"]
    last = last_day(prices)
    if on > (today := max(last, clock.now().date())):
        raise FutureDayError(
            f"what {quoted(asked)} will cost on {on} nobody knows: give a day up to {today}, UTC"
        )
    if known is None or known >= last:
        current = prices.filter(pl.col("observed_to").is_null())
    else:
        current = rejudged(known_rows(prices, known, polls).collect())
        polls = polls.filter(pl.col("seen_on") <= known)
    # What the paper's figure shows is no offer.
    current = current.filter(pl.col("flag").is_null() | (pl.col("flag") != "figure"))
    mine = with_seats(
        current.join(
            _sold_on(of_model.offers, tables["capability_index"], on),
            on=OFFER,
            how="inner",
            maintain_order="left",
        )
    ).to_dicts()
    looks = looks_of(polls)
    found = [
        _on_day(list(rows), on, looks.get(list_of(seat), ()))
        for seat, rows in groupby(mine, key=lambda row: tuple(row[name] for name in SEAT))
    ]
    found.sort(key=_order)
    return PriceAnswer(
        asked, on, min(known, last) if known else last, of_model.canonical_ids, tuple(found)
    )


def _sold_on(offers: pl.DataFrame, capability_index: pl.DataFrame, on: date) -> pl.DataFrame:
    """The offers without further names of a model that came out after a day: they sold an earlier model then."""
    later = [one for one, day in released_on(capability_index).items() if day > on]
    return offers.filter(
        pl.col("is_named") | ~pl.col("canonical_id").is_in(later).fill_null(value=False)
    )


def released_on(capability_index: pl.DataFrame) -> dict[str, date]:
    """The day of release of each model that is sold, by `canonical_id`, where it is known.

    Args:
        capability_index: the published table.
    """
    released = index_scores(capability_index, facts.load("sold_models"))
    days = (
        released.drop_nulls("release_date")
        .group_by("canonical_id")
        .agg(pl.col("release_date").max())
    )
    return dict(days.sort("canonical_id").iter_rows())


def _order(one: OfferOnDay) -> tuple[Any, ...]:
    """Place of an offer among others: under the name asked for, known, ordinary, sure, of the maker itself."""
    place = list(CERTAINTIES).index(one.certainty)
    maker = organisation((one.canonical_id or "").partition("/")[0])
    of_maker = maker == organisation(one.provider) or seller(maker) == one.seller
    return (
        not one.is_named, one.certainty in NO_PRICE, one.offer not in ("standard", "promotional"),
        one.context_over_tokens, one.certainty not in KNOWN, one.certainty in ("presumed", "doubted"),
        not of_maker, place, one.seller, one.source, one.model, one.offer,
    )  # fmt: skip


def with_seats(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `prices` with the column `kind` of `SEAT`, by seat and start."""
    kind = (
        pl.when(pl.col("offer").is_in(KINDS_OF_ONE_OFFER))
        .then(pl.lit("standard"))
        .otherwise("offer")
    )
    start = pl.coalesce("valid_from", "observed_from")
    return rows.with_columns(kind=kind).sort(
        *SEAT, start, "observed_from", nulls_last=True, maintain_order=True
    )


def looks_of(polls: pl.DataFrame) -> dict[tuple[str, str | None], list[date]]:
    """The days on which each list, or each model of a partial list, was seen, in order.

    Args:
        polls: rows of `price_polls`.
    """
    days = polls.select("source", "model", "seen_on").sort("source", "model", "seen_on")
    found: dict[tuple[str, str | None], list[date]] = {}
    for source, model, day in days.iter_rows():
        found.setdefault((source, model), []).append(day)
    return found


def list_of(seat: tuple[Any, ...]) -> tuple[str, str | None]:
    """What a look at an offer is a look at: its list, or its model alone where the list is partial."""
    source, _, model = seat[:3]
    return source, model if source in partial_lists() else None


def _on_day(rows: Sequence[Row], on: date, looks: Sequence[date]) -> OfferOnDay:
    """One offer on a day, from all its rows in the order in which they began."""
    before = looks[bisect_right(looks, on) - 1] if looks and looks[0] <= on else None
    after = looks[bisect_left(looks, on)] if looks and looks[-1] >= on else None
    held = [row for row in rows if _first_day(row) <= on and not _has_ended(row, on)]
    solid = [row for row in held if row["flag"] not in _BESIDE]
    if not held:
        return _absent(rows, on, before, after, looks)
    row = (solid or held)[-1]
    beside = [one for one in held if one is not row and one["flag"] in _BESIDE]
    following = _following(rows, row)
    certainty, reason = _certainty(row, on, before, after, following)
    other: Row | None = None
    if certainty not in ("doubted", "presumed"):
        if beside:
            certainty, other = "provisional", beside[-1]
            reason = f"one look found another price on {other['valid_from']}"
        elif certainty == "changing":
            other = following
    return _told(row, certainty, reason, before, after, other)


def _first_day(row: Row) -> date:
    """First day on which a row is known to hold (`prices.comparison.known_from`)."""
    if row["valid_from"] is not None:
        return _day(row["valid_from"])
    ended = row["valid_to"]
    return _day(min(row["observed_from"], ended - _DAY) if ended else row["observed_from"])


def _day(value: Any) -> date:
    return date.fromordinal(value.toordinal())


def _has_ended(row: Row, on: date) -> bool:
    return row["valid_to"] is not None and row["valid_to"] <= on


def _following(rows: Sequence[Row], row: Row) -> Row | None:
    """The row that begins on the day on which this one ends; None if the offer was gone or goes on."""
    ended = row["valid_to"]
    if ended is None:
        return None
    later = [one for one in rows if one is not row and _first_day(one) == ended]
    return later[0] if later else None


def _certainty(
    row: Row, on: date, before: date | None, after: date | None, following: Row | None
) -> tuple[str, str]:
    """How sure a price that holds on a day is of it, and what must be read with it."""
    said = row["reason"] or ""
    if row["flag"] in _DOUBTS:
        return "doubted", said or f"flag {row['flag']}"
    if row["presumed_from"] and row["presumed_from"] <= on:
        return "presumed", f"nothing has been seen of the seller since {row['presumed_from']}"
    if following and following["flag"] == "correction":
        return "doubted", f"corrected later: {following['reason']}"
    if row["flag"] == "provisional":
        return "provisional", f"seen on {row['valid_from']} alone"
    if row["basis"] in _DATED and row["last_seen"] is None:
        if row["valid_to"] or on <= row["observed_from"]:
            return "dated", said
        return "last seen before", f"compiled on {row['observed_from']}"
    if _may_have_ended(row, on, following):
        last = row["last_seen"]
        if following is None:
            return "changing", f"last seen on {last}, gone on {row['valid_to']}"
        return (
            "changing",
            f"this price until {last or 'an unknown day'}, the other from {row['valid_to']}",
        )
    if row["flag"] == "slip":
        said = f"taken back: {said}" if said else "taken back within 14 days"
    if on == row["observed_from"] or (before == on and (row["last_seen"] or on) >= on):
        return "seen", said
    if row["last_seen"] is not None and on <= row["last_seen"]:
        return "between looks", said
    last = row["last_seen"] or row["observed_from"]
    if row["valid_to"]:  # dated by its list on both sides
        return "between looks", said
    return "last seen before", said or f"last seen on {last}"


def _may_have_ended(row: Row, on: date, following: Row | None) -> bool:
    """Whether a price that ended may have ended by a day already, since no look lies between."""
    if row["valid_to"] is None:
        return False
    if following is None or following["valid_from"] is None:
        return row["last_seen"] is not None and row["last_seen"] < on
    earliest = following["valid_from_earliest"]
    if earliest is None:
        return row["last_seen"] is None or row["last_seen"] < on
    return bool(earliest <= on)


def missed_on(row: Row, looks: Sequence[date]) -> date | None:
    """The first look that did not find an offer any more; None if its end is not what looks say.

    Args:
        row: the row of its last price, which ended on the day after it was last seen.
        looks: the days on which the list was seen, in order.
    """
    last = row["last_seen"]
    if last is None or row["valid_to"] is None or row["valid_to"] > last + _DAY:
        return None
    place = bisect_right(looks, last)
    return looks[place] if place < len(looks) else None


def _absent(
    rows: Sequence[Row],
    on: date,
    before: date | None,
    after: date | None,
    looks: Sequence[date],
) -> OfferOnDay:
    """An offer of which no price is known to hold on a day: why."""
    later = [row for row in rows if _first_day(row) > on]
    earlier = [row for row in rows if _has_ended(row, on)]
    if earlier:
        gone = missed_on(earlier[-1], looks)
        if gone is not None and gone > on:
            reason = f"last seen on {earlier[-1]['last_seen']}, gone on {gone}"
            return _told(earlier[-1], "changing", reason, before, after, None)
    row = later[0] if later else rows[-1]
    earliest, is_dated = row["valid_from_earliest"], row["basis"] in _DATED
    other: Row | None = None
    if earlier and (before or not later or earlier[-1]["basis"] in _DATED):
        certainty, reason = "not offered", f"ended on {max(one['valid_to'] for one in earlier)}"
        if before and after and before < on:
            reason += f", and not there on {before} and {after}"
        row = earlier[-1]
    elif not earlier and earliest is not None and earliest <= on:
        certainty, other = "changing", row
        reason = f"first seen on {row['valid_from']}, not yet there on {earliest - _DAY}"
    elif not earlier and earliest is not None and (is_dated or before):
        certainty, reason = "not offered", f"begins on {row['valid_from']}"
    else:
        certainty, reason = "unknown", f"known from {_first_day(row)} on"
    return _told(row, certainty, reason, before, after, other, is_price=False)


def _told(
    row: Row,
    certainty: str,
    reason: str,
    before: date | None,
    after: date | None,
    other: Row | None,
    *,
    is_price: bool = True,
) -> OfferOnDay:
    """The answer for one offer; without a price, the row is that of another day and gives names alone."""
    return OfferOnDay(
        source=row["source"],
        provider=row["provider"],
        seller=seller(row["provider"]),
        model=row["model"],
        canonical_id=row["canonical_id"],
        is_named=row["is_named"],
        offer=row["offer"],
        context_over_tokens=row["context_over_tokens"],
        quantisation=row["quantisation"],
        input_usd_per_mtok=row["input_usd_per_mtok"] if is_price else None,
        output_usd_per_mtok=row["output_usd_per_mtok"] if is_price else None,
        cache_read_usd_per_mtok=row["cache_read_usd_per_mtok"] if is_price else None,
        certainty=certainty,
        or_input_usd_per_mtok=None if other is None else other["input_usd_per_mtok"],
        or_output_usd_per_mtok=None if other is None else other["output_usd_per_mtok"],
        since=_first_day(row) if is_price else None,
        since_earliest=row["valid_from_earliest"] if is_price else None,
        until=row["valid_to"] if is_price else None,
        seen_before=before,
        seen_after=after,
        reason=reason,
        source_url=row["source_url"],
        snapshot_sha256=row["snapshot_sha256"],
        observed_from=row["observed_from"],
    )
