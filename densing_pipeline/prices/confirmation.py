"""Decide what a look at a price list means for one offer: which price stands, and which was a slip.

    another price, or a new offer        provisional: kept beside the standing price, which goes on
    the same price on another day        confirmed: it stands from the day it was first seen; the
                                         standing price ended on that day
    the price before is back in 14 days  slip: the price before stands as it did

An absence goes the same way: one look without an offer changes nothing, the second ends its price, and an
offer that is back within 14 days was never away. If it is back at another price, the old one holds until that
look, and the new one began at some time since the last look that found the old one. The list decides alone; other
lists are not asked.

A price that a seller's own list stated was charged, so its days stay in the history whatever became of it
(`Look.is_own`). In a list that people keep, a slip was an error, and the price before held all along.

Not here: comparing a whole list with the rows known so far (`fold`), and what a change in a list that people
keep says about the price before (`corrections`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from densing_pipeline.prices import corrections
from densing_pipeline.prices.sources.snapshot import MAIN_PRICE_COLUMNS

REVERSAL_DAYS = 14
"""Days from the first look at another price, or at none, within which the return of the price before
makes a slip of it."""

RETIRED = "unconfirmed"
"""Flag of an offer from the day on which its list calls it retired; earlier rows keep their flag."""

PRICE = ("offer", *MAIN_PRICE_COLUMNS, "currency")
"""Columns that make a price; kinds of offer that switch (free, promotional) are part of it."""

TERMS = ("cache_read_usd_per_mtok", "stated_flag")
"""Columns that the list's word alone decides: they change on the day of the look."""

Row = dict[str, Any]
"""A row of `fold.OPEN_SCHEMA`."""

_DAY = timedelta(days=1)


class Look(NamedTuple):
    """One look at a list.

    Attributes:
        day: its day.
        before: day of the last look that covered the model and counts; None if this is the first.
        is_own: whether the sellers' own system writes the list.
    """

    day: date
    before: date | None
    is_own: bool


@dataclass(frozen=True)
class Offer:
    """What is known of one offer, or of one dated price of an offer, after a look.

    Attributes:
        standing: the price that is believed to hold. `missed_on` is the first look since it was
            last found that did not find it.
        provisional: a price that one look found, beside or after the standing one.
        left: the price before, which ended on `valid_to`; `missed_on` is the first look that did
            not find it. Kept for the days within which it may return, and after that as the only
            trace of an offer that is gone.
    """

    standing: Row | None = None
    provisional: Row | None = None
    left: Row | None = None

    @property
    def known(self) -> Row | None:
        """Any row of the offer, for what stays when its price changes."""
        return self.standing or self.provisional or self.left


class Step(NamedTuple):
    """The offer after a look, the rows that no later look will change, and the kind of change."""

    offer: Offer
    closed: list[Row]
    kind: str


def step(offer: Offer, listed: Row | None, look: Look, *, is_redated: bool = False) -> Step:
    """The offer after one look.

    Args:
        offer: what was known before.
        listed: the row that the list states now; None if it has none.
        look: the look, which covered the model of the offer.
        is_redated: whether the list states the offer with other dates instead of this row.
    """
    if listed is None:
        found = _retracted(offer, look) if is_redated else _missed(offer, look)
    elif _is_live(listed) and (offer.standing is None or _is_live(offer.standing)):
        found = _listed(offer, listed, look)
    else:
        found = _dated(offer, listed, look)
    return _finished(found, look)


def _listed(offer: Offer, listed: Row, look: Look) -> Step:
    """An undated price is listed: it stands, is back, is seen again, or is another one."""
    standing, provisional, left = offer.standing, offer.provisional, offer.left
    if standing and _is_same(listed, standing):
        if standing["missed_on"] is None:
            now, closed = _continued(standing, listed, look)
            return Step(Offer(now, None, left), closed, "restated")
        if _is_in_time(standing, look):
            return _reversed(offer, standing, listed, look)
    elif left and _is_same(listed, left) and _is_in_time(left, look):
        return _reversed(offer, left, listed, look)
    elif provisional and _is_same(listed, provisional):
        return _confirmed(offer, provisional, listed, look)
    if held := _held(offer, look):
        goes_on, closed = _held_on(held, look)
        before = left if held is standing else None
        return Step(
            Offer(goes_on, _begun(offer, listed, look, held), before), closed, "provisional"
        )
    if look.before is None:
        return Step(Offer(_undated(listed)), [], "first")
    gone, closed = _departed(offer, look, is_absent=False)
    kind = "provisional" if standing or provisional else "new"
    return Step(Offer(None, _begun(offer, listed, look), gone), closed, kind)


def _held(offer: Offer, look: Look) -> Row | None:
    """The price that holds until this look, which found another one; None if there is none.

    It is the one that the look before found, or that of an offer which has been missing for up to 14 days.
    An end that the list itself stated stays.
    """
    row = offer.standing or offer.left
    if row is None or offer.provisional or not _is_live(row):
        return None
    return row if row["missed_on"] is None or _is_in_time(row, look) else None


def _held_on(held: Row, look: Look) -> tuple[Row, list[Row]]:
    """The row of a price that holds until this look, and that of its end, should one have been noted."""
    missed_on = held["missed_on"] or look.day
    if held["valid_to"] is None:
        return held | {"missed_on": missed_on}, []
    goes_on = held | {"missed_on": missed_on, "valid_to": None, "observed_from": look.day}
    return goes_on, [_superseded(held, look)]


def _confirmed(offer: Offer, provisional: Row, listed: Row, look: Look) -> Step:
    """The provisional price was seen on another day: it stands, and the one before has left."""
    before = offer.standing or offer.left
    remark: Row = {}
    if before and not look.is_own and listed["stated_flag"] is None:
        remark = corrections.remark(before, provisional)
    if remark:
        remark["valid_from_earliest"] = None  # nothing is known of when it began
    closed = [_superseded(provisional, look)]
    left = offer.left
    if offer.standing:
        closed += [_superseded(offer.standing, look), *_rows(left)]
        left = _settled(offer.standing, _end(offer.standing, provisional), look)
    now = _again(provisional, listed, look) | remark
    is_change = left is not None and left["valid_to"] == now["valid_from"]
    kind = "corrected" if remark else "changed" if is_change else "seen"
    return Step(Offer(now, None, left), closed, kind)


def _reversed(offer: Offer, before: Row, listed: Row, look: Look) -> Step:
    """The price before is back in time: another one between was a slip, an absence was none."""
    slips = [row for row in _rows(offer.standing, offer.provisional) if row is not before]
    # A slip that a third price replaced ended there.
    ends = [
        _end(row, offer.provisional) if row is offer.standing and offer.provisional else look.day
        for row in slips
    ]
    closed = [made for row, end in zip(slips, ends, strict=True) for made in _slip(row, end, look)]
    if slips and look.is_own:
        if before is offer.standing:
            closed += [
                _superseded(before, look),
                _settled(before, _end(before, offer.provisional), look),
            ]
        else:
            closed.append(before)
        now = _begun(offer, listed, look, slips[-1]) | {
            "flag": listed["flag"], "reason": listed["reason"],
        }  # fmt: skip
    else:
        goes_on = before | {"valid_to": None, "missed_on": None}
        now, settled = _continued(goes_on, listed, look)
        closed += [_superseded(before, look), *settled[1:]]
    left = offer.left if before is offer.standing else None
    return Step(Offer(now, None, left), closed, "slip" if slips else "seen")


def _missed(offer: Offer, look: Look) -> Step:
    """The list has the offer no more, or not on this day."""
    standing = offer.standing
    if standing and standing["missed_on"] is None:
        missed = standing | {"missed_on": look.day}
        return Step(Offer(missed, None, offer.left), [], "absent")
    if standing and _is_over(standing):
        return Step(offer, [], "same")
    gone, closed = _departed(offer, look, is_absent=True)
    return Step(Offer(None, None, gone), closed, "absent")


def _departed(offer: Offer, look: Look, *, is_absent: bool) -> tuple[Row | None, list[Row]]:
    """The price that has left because this look, the second, did not find it either; and closed rows.

    A provisional price that this look does not find is closed too. It was charged if the seller's
    own list had it; in another list it stays provisional for ever.

    Args:
        offer: what was known before.
        look: the look.
        is_absent: whether the look found no price at all, rather than another one.
    """
    standing, provisional, left = offer.standing, offer.provisional, offer.left
    closed: list[Row] = []
    if provisional:
        closed.append(_superseded(provisional, look))
        end = provisional["last_seen"] + _DAY if is_absent else look.day
        lapsed = _settled(provisional, end, look) | {"missed_on": look.day}
        if look.is_own and provisional["stated_flag"] is None:
            lapsed |= {"flag": None, "reason": None}
        if not standing and left and not look.is_own and _is_in_time(left, look):
            # One look alone found the other price, so the one before may still return.
            return left, [*closed, lapsed]
        if not standing:
            return lapsed, [*closed, *_rows(left)]
        if look.is_own and is_absent:
            # It was charged after the standing price, which it ended, so that one is not merely absent.
            ended = _settled(standing, _end(standing, provisional), look)
            return lapsed, [*closed, _superseded(standing, look), ended, *_rows(left)]
        closed.append(lapsed)
    if not standing:
        return left, closed
    closed += [_superseded(standing, look), *_rows(left)]
    end = _end(standing, provisional)
    if standing["valid_to"]:
        end = min(end, standing["valid_to"])
    gone = _settled(standing, end, look)
    # An announcement that is taken back before its day never held.
    return (gone if gone["valid_from"] < end else None), closed


def _dated(offer: Offer, listed: Row, look: Look) -> Step:
    """A price with dates of the list's own, which are taken as they are stated."""
    standing = offer.standing
    closed = [_superseded(row, look) for row in _rows(standing, offer.provisional)]
    if not standing:
        closed += [
            _superseded(left, look) if not _is_live(listed) else left for left in _rows(offer.left)
        ]
        return Step(Offer(_as_stated(listed)), closed, "first" if look.before is None else "new")
    is_same = _is_same(listed, standing) and listed["stated_to"] == standing["stated_to"]
    has_new_remark = listed["stated_flag"] != standing["stated_flag"]
    if is_same and has_new_remark and not standing["stated_to"] and _may_switch(listed, standing):
        now, closed = _continued(standing, listed, look)
        return Step(Offer(now, None, offer.left), closed, "restated")
    now = _as_stated(listed)
    if _is_live(listed):
        now |= _start(standing)
    if _is_same(listed, standing) and listed["stated_flag"] is standing["stated_flag"] is None:
        now |= {"flag": standing["flag"], "reason": standing["reason"]}
    now |= {
        "first_seen": standing["first_seen"], "hub_id": listed["hub_id"] or standing["hub_id"],
    }  # fmt: skip
    return Step(Offer(now, None, offer.left), closed, "restated")


def _retracted(offer: Offer, look: Look) -> Step:
    """The list states the offer with other dates: its word on this row is taken back."""
    taken_back = [_superseded(row, look) for row in _rows(offer.standing, offer.provisional)]
    return Step(Offer(), [*taken_back, *_rows(offer.left)], "restated")


def _finished(found: Step, look: Look) -> Step:
    """The step, with the row of a price that can no longer return closed for good."""
    standing, left = found.offer.standing, found.offer.left
    if not (standing and left) or _is_in_time(left, look):
        return found
    doubt = {} if look.is_own else corrections.doubt(left, standing)
    closed = [left]
    if doubt and left["observed_from"] == look.day:
        closed = [left | doubt]
    elif doubt:
        closed = [_superseded(left, look), left | doubt | {"observed_from": look.day}]
    return Step(Offer(standing, found.offer.provisional), [*found.closed, *closed], found.kind)


def _continued(standing: Row, listed: Row, look: Look) -> tuple[Row, list[Row]]:
    """The row of a price that goes on, and the closed ones, the superseded row first.

    New terms, such as another price of cached input or the remark that the offer is retired, hold
    from this day on.
    """
    superseded = _superseded(standing, look)
    now = _again(standing, listed, look)
    if all(listed[name] == standing[name] for name in TERMS):
        return now, [superseded]
    begun = {
        "valid_from": look.day, "valid_from_earliest": _earliest(look),
        "valid_from_latest": look.day, "basis": "first_observed",
    }  # fmt: skip
    if listed["stated_flag"] != standing["stated_flag"]:
        begun |= {"flag": listed["flag"], "reason": listed["reason"]}
    return now | begun, [superseded, _settled(standing, look.day, look)]


def _again(row: Row, listed: Row, look: Look) -> Row:
    """The row of a known price that this look found again."""
    was_provisional = row["flag"] == corrections.PROVISIONAL
    judged = listed if was_provisional or listed["stated_flag"] else row
    return listed | _start(row) | {
        "flag": judged["flag"], "reason": judged["reason"], "first_seen": row["first_seen"],
        "hub_id": listed["hub_id"] or row["hub_id"],
    }  # fmt: skip


def _start(row: Row) -> Row:
    """The start of a price that is known, with its basis."""
    return {
        "valid_from": row["valid_from"] or row["observed_from"],
        "valid_from_earliest": row["valid_from_earliest"],
        "valid_from_latest": row["valid_from_latest"],
        "basis": row["basis"],
    }


def _begun(offer: Offer, listed: Row, look: Look, held: Row | None = None) -> Row:
    """The row of a price that this look found first.

    Args:
        offer: what was known before.
        listed: the row that the list states now.
        look: the look.
        held: the price that held until this look; None if the offer was not there.
    """
    known = offer.known
    earliest = _earliest(look)
    if held:
        # The last look need not have found the price held, and one that found it need not count.
        earliest = min(earliest or look.day, held["last_seen"] + _DAY)
    return listed | {
        "valid_from": look.day, "valid_from_earliest": earliest,
        "valid_from_latest": look.day, "basis": "first_observed",
        "first_seen": known["first_seen"] if known else look.day,
        "hub_id": listed["hub_id"] or (known and known["hub_id"]),
        "flag": listed["flag"] or corrections.PROVISIONAL,
        "reason": listed["reason"] if listed["flag"] else "seen on one day so far",
    }  # fmt: skip


def _undated(listed: Row) -> Row:
    """The row of a price that was there at the first look."""
    return listed | {"basis": "undated", "valid_from_latest": listed["observed_from"]}


def _as_stated(listed: Row) -> Row:
    """The row of a price with the dates of the list."""
    stated = "undated" if listed["stated_from"] is None else listed["basis"] or "documented"
    return listed | {"basis": stated}


def _superseded(row: Row, look: Look) -> Row:
    return row | {"observed_to": look.day}


def _settled(row: Row, end: date, look: Look) -> Row:
    """The row with its end, known from this look on."""
    start = row["valid_from"] or row["observed_from"]
    return row | {"valid_from": start, "valid_to": end, "observed_from": look.day}


def _slip(row: Row, end: date, look: Look) -> list[Row]:
    """The closed rows of a price that turned out to be a slip, and ended on a day."""
    is_listed = row["stated_flag"] is not None
    why = f"the price before was back on {look.day}"
    mark = {} if is_listed else {"flag": corrections.SLIP, "reason": why}
    return [_superseded(row, look), _settled(row, end, look) | mark]


def _end(standing: Row, provisional: Row | None) -> date:
    """The end of a price: the first look at another, or the day after it was last seen."""
    end: date = provisional["valid_from"] if provisional else standing["last_seen"] + _DAY
    return end


def _earliest(look: Look) -> date | None:
    """The first day on which a price that this look found first may have begun."""
    return look.before + _DAY if look.before else None


def _is_same(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in PRICE)


def _is_live(row: Row) -> bool:
    """Whether the list states what holds now, without dates of its own."""
    return row["stated_from"] is None and row["stated_to"] is None


def _is_over(row: Row) -> bool:
    """Whether the list itself had ended the price before it dropped it."""
    return row["valid_to"] is not None and row["valid_to"] <= row["last_seen"] + _DAY


def _is_in_time(row: Row, look: Look) -> bool:
    """Whether a price that was missed may still return as if nothing had been."""
    in_time: bool = look.day - row["missed_on"] <= timedelta(days=REVERSAL_DAYS)
    return in_time


def _may_switch(listed: Row, standing: Row) -> bool:
    return all(row["stated_flag"] in (None, RETIRED) for row in (listed, standing))


def _rows(*rows: Row | None) -> list[Row]:
    return [row for row in rows if row is not None]
