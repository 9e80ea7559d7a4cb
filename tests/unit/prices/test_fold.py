"""One snapshot after another becomes a history on two axes of time."""

from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest

from densing_pipeline.prices.as_of import as_of, known
from densing_pipeline.prices.corrections import price_changes
from densing_pipeline.prices.fold import Open, fold
from densing_pipeline.tables.published import PRICES

START = date(2025, 1, 1)


def offer(model, price, output=None, **columns):
    kind = "standard" if price else "free"
    return {
        "provider": "seller",
        "model": model,
        "offer": kind,
        "input_usd_per_mtok": price,
        "output_usd_per_mtok": price if output is None else output,
    } | columns


def quotes(*offers):
    return pl.DataFrame(list(offers), schema=PRICES.polars_schema)


def history(*snapshots, source="list", believed_until=None):
    """The rows after snapshots, given as (days since the start, quotes).

    `believed_until` has the day of the last look that counts before a snapshot, by the day of that.
    """
    state, closed, counts = Open.nothing(), [], []
    for day, found in snapshots:
        folded = fold(
            state, found,
            source=source, observed_on=START + timedelta(days=day), snapshot_sha256=f"{day}",
            last_look=(believed_until or {}).get(day),
        )  # fmt: skip
        state = folded.state
        closed.append(folded.closed)
        counts.append(folded.counts)
    book = pl.concat([*closed, state.rows.select(PRICES.names)])
    return PRICES.validate(PRICES.cast(book)), counts


def believed(book):
    return book.filter(pl.col("observed_to").is_null())


def day(days):
    return START + timedelta(days=days)


def price_of(book, valid, observed, model="a"):
    return (
        as_of(book, day(valid), day(observed)).filter(model=model)["input_usd_per_mtok"].to_list()
    )


def test_what_was_there_at_the_first_look_has_no_date():
    book, _ = history((0, quotes(offer("a", 1.0))))
    row = book.row(0, named=True)
    assert (row["valid_from"], row["basis"], row["observed_from"]) == (None, "undated", START)


def test_an_offer_that_appears_later_holds_from_the_day_it_was_seen():
    book, _ = history((0, quotes(offer("a", 1.0))), (9, quotes(offer("a", 1.0), offer("b", 2.0))))
    row = book.filter(model="b").row(0, named=True)
    assert (row["valid_from"], row["basis"]) == (day(9), "first_observed")


def test_nothing_new_adds_no_row_but_moves_last_seen():
    same = quotes(offer("a", 1.0), offer("b", 2.0))
    book, counts = history((0, same), (1, same), (2, same))
    assert book.height == 2
    assert book["last_seen"].to_list() == [day(2)] * 2
    assert (counts[2].added, counts[2].changed, counts[2].listed) == (0, 0, 2)


def test_a_change_ends_the_old_price_once_it_was_seen_twice_and_keeps_what_was_believed():
    cut = quotes(offer("a", 0.8))
    book, counts = history((0, quotes(offer("a", 1.0))), (30, cut), (31, cut))
    assert [c.changed for c in counts] == [0, 0, 1]
    assert price_of(book, valid=10, observed=10) == [1.0]
    assert price_of(book, valid=40, observed=10) == [1.0], "on day 10 nobody knew of the change"
    assert price_of(book, valid=40, observed=40) == [0.8]
    assert price_of(book, valid=10, observed=40) == [1.0]
    assert price_changes(book)["date"].to_list() == [day(30)], "the day it was first seen"


def test_until_then_it_is_provisional_beside_the_price_that_stands():
    book, _ = history((0, quotes(offer("a", 1.0))), (30, quotes(offer("a", 0.8))))
    found = as_of(book, day(30), day(30)).sort("valid_from", nulls_last=False)
    assert found.select("input_usd_per_mtok", "flag").rows() == [(1.0, None), (0.8, "provisional")]
    assert price_changes(book).is_empty()


def test_nothing_is_known_of_the_time_before_the_first_look():
    book, _ = history((0, quotes(offer("a", 1.0))))
    assert price_of(book, valid=-1, observed=40) == []
    assert price_of(book, valid=1, observed=-1) == []


def test_absence_closes_nothing():
    book, counts = history(
        (0, quotes(offer("a", 1.0), offer("b", 2.0))), (30, quotes(offer("b", 2.0)))
    )
    row = book.filter(model="a").row(0, named=True)
    assert (row["valid_to"], row["observed_to"], row["last_seen"]) == (None, None, START)
    assert counts[1].absent == 1


def test_an_offer_that_comes_back_within_two_weeks_was_never_away():
    both, one = quotes(offer("a", 1.0), offer("b", 2.0)), quotes(offer("b", 2.0))
    book, _ = history((0, both), (1, one), (2, one), (15, both))
    spell = believed(book).filter(model="a").row(0, named=True)
    assert (spell["valid_from"], spell["valid_to"], spell["last_seen"]) == (START, None, day(15))
    assert price_changes(book).is_empty()
    assert known(book, day(3)).collect().filter(model="a").select(
        "valid_to", "last_seen"
    ).rows() == [(day(1), START)], "on day 3 it was gone"


def test_an_offer_that_two_looks_did_not_find_ended_the_day_after_it_was_last_seen():
    both, one = quotes(offer("a", 1.0), offer("b", 2.0)), quotes(offer("b", 2.0))
    book, counts = history((0, both), (30, both), (60, one), (90, one), (120, one))
    assert believed(book).filter(model="a")["valid_to"].to_list() == [day(31)]
    assert [c.absent for c in counts] == [0, 0, 1, 1, 0]


def test_an_offer_that_comes_back_later_was_away_since_it_was_last_seen():
    both, one = quotes(offer("a", 1.0), offer("b", 2.0)), quotes(offer("b", 2.0))
    book, _ = history((0, both), (30, both), (60, one), (90, both))
    spells = believed(book).filter(model="a").sort("valid_from")
    assert spells["valid_from"].to_list() == [START, day(90)]
    assert spells["valid_to"].to_list() == [day(31), None]
    assert price_changes(book).is_empty(), "coming back is no price move"


LISTS = pytest.mark.parametrize("source", ["openrouter", "litellm"])
LOOKS = pytest.mark.parametrize("absent", [(31,), (31, 32, 33)], ids=["one look", "looks"])


def with_absence(days, *later, source, before=1.0):
    """An offer at a price until day 30 and absent on some looks, then at other prices on later days."""
    other = offer("b", 1.0)
    nights = [(0, quotes(offer("a", before), other)), (30, quotes(offer("a", before), other))]
    nights += [(n, quotes(other)) for n in days]
    nights += [
        (n, quotes(offer("a", price), other) if price else quotes(other)) for n, price in later
    ]
    return history(*nights, source=source)


def spells(book):
    columns = ("input_usd_per_mtok", "valid_from", "valid_to", "flag")
    return believed(book).filter(model="a").sort("valid_from", "valid_to").select(columns).rows()


@LISTS
@LOOKS
@pytest.mark.parametrize(("back", "is_in_time"), [(45, True), (46, False)])
def test_an_offer_that_is_back_at_another_price_kept_the_old_one_until_then_if_within_fourteen_days(
    source, absent, back, is_in_time
):
    book, counts = with_absence(absent, (back, 0.8), (back + 1, 0.8), source=source)
    assert spells(book) == [
        (1.0, START, day(back if is_in_time else 31), None),
        (0.8, day(back), None, None),
    ]
    began = believed(book).filter(input_usd_per_mtok=0.8, model="a").row(0, named=True)
    assert began["valid_from_latest"] == day(back)
    assert began["valid_from_earliest"] == day(31 if is_in_time else max(absent) + 1)
    assert price_changes(book).height == is_in_time, "an offer that was away does not move"
    assert counts[-1].changed == is_in_time


@LISTS
@LOOKS
def test_it_is_known_to_have_been_there_from_the_look_on_that_found_it_again(source, absent):
    book, _ = with_absence(absent, (40, 0.8), (41, 0.8), source=source)
    ends = {
        n: known(book, day(n)).collect().filter(model="a", input_usd_per_mtok=1.0)
        for n in (39, 40, 41)
    }
    assert {n: rows["valid_to"].to_list() for n, rows in ends.items()} == {
        39: [None if len(absent) == 1 else day(31)], 40: [None], 41: [day(40)],
    }  # fmt: skip
    found = as_of(book, day(40), day(40)).filter(model="a").sort("input_usd_per_mtok")
    assert found.select("input_usd_per_mtok", "flag").rows() == [(0.8, "provisional"), (1.0, None)]


@LISTS
@LOOKS
@pytest.mark.parametrize(("back", "is_slip"), [(45, True), (46, False)])
def test_the_other_price_after_an_absence_is_a_slip_if_the_old_one_returns_in_time(
    source, absent, back, is_slip
):
    """The fourteen days begin with the first look that did not find the old price."""
    book, _ = with_absence(absent, (40, 0.8), (back, 1.0), (back + 1, 1.0), source=source)
    mark = "slip" if is_slip else "provisional" if source == "litellm" else None
    if is_slip and source == "litellm":
        expected = [(1.0, START, None, None), (0.8, day(40), day(back), mark)]
    else:
        expected = [
            (1.0, START, day(40), None), (0.8, day(40), day(back), mark), (1.0, day(back), None, None),
        ]  # fmt: skip
    assert spells(book) == expected
    assert price_changes(book).height == (0 if is_slip or source == "litellm" else 2)


@LISTS
@LOOKS
def test_a_third_price_after_an_absence_ends_the_first_where_the_second_was_seen(source, absent):
    book, _ = with_absence(absent, (40, 0.8), (41, 0.7), (42, 0.7), source=source)
    assert spells(book) == [
        (1.0, START, day(40), None),
        (0.8, day(40), day(41), "provisional" if source == "litellm" else None),
        (0.7, day(41), None, None),
    ]
    last = believed(book).filter(input_usd_per_mtok=0.7)
    assert last["valid_from_earliest"].to_list() == [day(41)]


def test_of_a_price_seen_once_before_an_absence_its_list_decides_whether_it_was_charged():
    nights = ((31, 0.8), (32, None), (33, None), (40, 0.7), (41, 0.7))
    own, _ = with_absence((), *nights, source="openrouter")
    assert spells(own) == [
        (1.0, START, day(31), None), (0.8, day(31), day(40), None), (0.7, day(40), None, None),
    ]  # fmt: skip
    kept, _ = with_absence((), *nights, source="litellm")
    assert spells(kept) == [
        (1.0, START, day(40), None), (0.8, day(31), day(32), "provisional"), (0.7, day(40), None, None),
    ]  # fmt: skip
    earliest = [
        believed(book).filter(input_usd_per_mtok=0.7)["valid_from_earliest"].item()
        for book in (own, kept)
    ]
    assert earliest == [day(32), day(31)], "after the last look at a price that is believed"


@LISTS
@pytest.mark.parametrize("new", [0.8, 1.5])
def test_a_price_that_changed_while_the_list_was_refused_may_have_begun_on_any_of_these_nights(
    source, new
):
    old, now = quotes(offer("a", 1.0)), quotes(offer("a", new))
    book, _ = history((0, old), (30, old), (33, now), (34, now), source=source)
    began = believed(book).filter(input_usd_per_mtok=new).row(0, named=True)
    interval = (began["valid_from_earliest"], began["valid_from_latest"])
    assert interval == (day(31), day(33))


def test_what_is_found_after_looks_that_do_not_count_may_have_begun_since_the_last_that_does():
    before, after = quotes(offer("a", 1.0)), quotes(offer("a", 2.0), offer("b", 3.0))
    book, _ = history(
        (0, before), (1, before), (2, before), (3, after), (4, after), believed_until={3: day(0)}
    )
    began = believed(book).filter(pl.col("valid_from") == day(3)).sort("model")
    assert began["valid_from_earliest"].to_list() == [day(1)] * 2
    always, _ = history((0, before), (1, before), (2, before), (3, after), (4, after))
    began = believed(always).filter(pl.col("valid_from") == day(3)).sort("model")
    assert began["valid_from_earliest"].to_list() == [day(3)] * 2


@LISTS
def test_an_absence_on_either_side_of_another_price_seen_once_leaves_no_hole(source):
    nights = ((33, 0.8), (34, None), (35, None), (40, 0.7), (41, 0.7))
    book, _ = with_absence((31, 32), *nights, source=source)
    sure = [row for row in spells(book) if row[3] is None]
    assert [(start, end) for _, start, end, _ in sure[1:]][-1] == (day(40), None)
    assert all(before[2] == after[1] for before, after in pairwise(sure))


def test_a_slip_after_which_the_offer_was_missing_ended_between_two_looks():
    nights = ((31, 0.8), (32, 0.8), (33, None), (36, 1.0), (37, 1.0))
    book, _ = with_absence((), *nights, source="openrouter")
    assert spells(book) == [
        (1.0, START, day(31), None), (0.8, day(31), day(36), "slip"), (1.0, day(36), None, None),
    ]  # fmt: skip
    now = believed(book).filter(pl.col("valid_to").is_null(), model="a")
    assert now["valid_from_earliest"].to_list() == [day(33)]


@LISTS
def test_a_retired_offer_that_comes_back_at_another_price_was_retired_until_then(source):
    other = quotes(offer("b", 1.0))
    sold, retired = (
        quotes(offer("a", 1.0, **more), offer("b", 1.0)) for more in ({}, {"flag": "unconfirmed"})
    )
    again = quotes(offer("a", 0.8), offer("b", 1.0))
    book, _ = history(
        (0, sold), (30, retired), (31, other), (32, other), (40, again), (41, again), source=source
    )
    assert spells(book) == [
        (1.0, START, day(30), None), (1.0, day(30), day(40), "unconfirmed"), (0.8, day(40), None, None),
    ]  # fmt: skip


@LISTS
def test_a_price_that_the_list_itself_ended_is_not_prolonged_by_another_one(source):
    other, again = quotes(offer("b", 1.0)), quotes(offer("a", 0.8), offer("b", 1.0))
    ended = quotes(offer("a", 1.0, valid_to=day(32)), offer("b", 1.0))
    book, _ = history(
        (0, ended), (30, ended), (31, other), (32, other), (40, again), (41, again), source=source
    )
    assert [(start, end) for _, start, end, _ in spells(book)] == [
        (START, day(31)), (day(40), None),
    ]  # fmt: skip


def test_a_price_that_its_list_takes_back_in_two_weeks_is_a_slip_and_history_stays_as_it_was():
    right, wrong = quotes(offer("a", 0.02)), quotes(offer("a", 0.2))
    nights = [(0, right), (365, right), (366, wrong), (367, wrong), (370, wrong), (371, right)]
    book, counts = history(*nights, source="litellm")
    now = believed(book).sort("valid_from")
    assert now.select("input_usd_per_mtok", "valid_from", "valid_to", "flag").rows() == [
        (0.02, START, None, None),
        (0.2, day(366), day(371), "slip"),
    ]
    assert counts[5].slips == 1
    assert price_changes(book).is_empty()
    assert price_of(book, valid=100, observed=368) == [0.02], "nor was the past rewritten meanwhile"


@pytest.mark.parametrize("passing", [0.0, 0.002, 0.03, 0.3])
def test_what_a_sellers_own_list_stated_was_charged_and_the_price_is_back_from_a_day_on(passing):
    usual, other = quotes(offer("a", 0.02)), quotes(offer("a", passing))
    book, _ = history((0, usual), (30, other), (31, other), (33, usual), source="openrouter")
    now = believed(book).sort("valid_from")
    assert now.select("input_usd_per_mtok", "valid_from", "valid_to", "flag", "basis").rows() == [
        (0.02, START, day(30), None, "undated"),
        (passing, day(30), day(33), "slip", "first_observed"),
        (0.02, day(33), None, None, "first_observed"),
    ]
    assert price_changes(book).is_empty(), "neither is a move"


@pytest.mark.parametrize(("days", "is_slip"), [(14, True), (15, False)])
@pytest.mark.parametrize("source", ["openrouter", "litellm"])
def test_a_slip_is_taken_back_within_fourteen_days(source, days, is_slip):
    usual, other = quotes(offer("a", 2.0)), quotes(offer("a", 3.0))
    nights = [(0, usual), (30, other), (31, other), (30 + days, usual), (31 + days, usual)]
    book, _ = history(*nights, source=source)
    assert ("slip" in believed(book)["flag"].to_list()) == is_slip
    assert price_changes(book).height == (0 if is_slip else 2)


def test_a_third_price_ends_the_first_where_it_was_missed():
    nights = [(0, 1.0), (30, 2.0), (31, 3.0), (32, 3.0)]
    book, _ = history(*((n, quotes(offer("a", price))) for n, price in nights), source="litellm")
    assert believed(book).sort("valid_from").select(
        "input_usd_per_mtok", "valid_from", "valid_to", "flag"
    ).rows() == [
        (1.0, START, day(30), None),
        (2.0, day(30), day(31), "provisional"),
        (3.0, day(31), None, None),
    ]
    own, _ = history(*((n, quotes(offer("a", p))) for n, p in nights), source="openrouter")
    assert own.filter(pl.col("valid_to") == day(31))["flag"].to_list() == [None], "it was charged"


def test_two_slips_in_a_row_are_both_slips():
    nights = [(0, 1.0), (30, 2.0), (31, 3.0), (32, 1.0)]
    book, _ = history(*((n, quotes(offer("a", price))) for n, price in nights))
    now = believed(book).sort("valid_from")
    assert now["flag"].to_list() == [None, "provisional", "slip"]
    assert now["valid_to"].to_list() == [None, day(31), day(32)]


@pytest.mark.parametrize(("before", "after"), [(0.1, 1.0), (0.002, 200.0)])
def test_a_price_in_a_list_kept_by_hand_that_was_replaced_tenfold_for_good_is_doubted(
    before, after
):
    low, high = (quotes(offer("a", price), offer("b", 1.0)) for price in (before, after))
    nights = [(0, quotes(offer("b", 1.0))), (30, low), (50, low), (60, high), (61, high)]
    book, counts = history(*nights, (74, high), source="litellm")
    assert believed(book).filter(model="a").sort("valid_from")["flag"].to_list() == [
        None, "correction",
    ], "it may still be a slip"  # fmt: skip
    book, counts = history(*nights, (75, high), source="litellm")
    assert counts[4].corrected == 1
    now = believed(book).filter(model="a").sort("valid_from")
    assert now.select("input_usd_per_mtok", "valid_from", "valid_to", "flag").rows() == [
        (before, day(30), day(60), "suspect"),
        (after, day(60), None, "correction"),
    ]
    assert price_of(book, valid=45, observed=45) == [before], "what was believed stays on record"
    assert price_changes(book).is_empty()


def test_a_tenfold_rise_in_a_sellers_own_list_is_a_price_move():
    """A promotion of 90 % that ended after two years was what one paid for two years."""
    low, high = (quotes(offer("a", price), offer("b", 1.0)) for price in (0.1, 1.0))
    nights = [(0, quotes(offer("b", 1.0))), (30, low), (700, low), (730, high), (731, high)]
    book, counts = history(*nights, (760, high), source="openrouter")
    now = believed(book).filter(model="a").sort("valid_from")
    assert now.select("input_usd_per_mtok", "valid_from", "valid_to", "flag").rows() == [
        (0.1, day(30), day(730), None),
        (1.0, day(730), None, None),
    ]
    assert price_of(book, valid=700, observed=800) == [0.1]
    assert price_changes(book)["date"].to_list() == [day(730)]
    assert sum(c.corrected for c in counts) == 0


@pytest.mark.parametrize("looks", [1, 2])
def test_a_cut_in_an_offers_first_week_is_a_move_in_a_sellers_own_list(looks):
    dear, cheap = (quotes(offer("a", price), offer("b", 1.0)) for price in (1.74, 0.435))
    nights = [(0, quotes(offer("b", 1.0))), *((30 + n, dear) for n in range(looks))]
    book, _ = history(*nights, (32, cheap), (90, cheap), source="openrouter")
    now = believed(book).filter(model="a").sort("valid_from")
    assert now.select("input_usd_per_mtok", "valid_from", "valid_to", "flag").rows() == [
        (1.74, day(30), day(32), None),
        (0.435, day(32), None, None),
    ]
    assert price_changes(book)["date"].to_list() == [day(32)]


@pytest.mark.parametrize("start", [None, -400])
def test_a_remark_that_an_offer_is_retired_leaves_its_past_alone(start):
    """It was sold until that day, whether the list dates the price or not."""
    dated = {} if start is None else {"valid_from": day(start), "basis": "announced"}
    sold, retired = offer("a", 1.0, **dated), offer("a", 1.0, flag="unconfirmed", **dated)
    book, counts = history((0, quotes(sold)), (100, quotes(retired)), (200, quotes(retired)))
    now = believed(book).sort("valid_from")
    began = START if start is None else day(start)
    assert now.select("valid_from", "valid_to", "flag").rows() == [
        (began, day(100), None),
        (day(100), None, "unconfirmed"),
    ]
    flags = as_of(book, day(50), day(200))["flag"].to_list()
    assert (flags, price_of(book, valid=50, observed=200)) == ([None], [1.0])
    assert counts[1].restated == 1
    assert price_changes(book).is_empty()


def test_an_offer_that_is_back_from_retirement_counts_again_from_that_day():
    sold, retired = offer("a", 1.0), offer("a", 1.0, flag="unconfirmed")
    book, _ = history((0, quotes(sold)), (100, quotes(retired)), (150, quotes(sold)))
    assert believed(book).sort("valid_from").select("valid_from", "flag").rows() == [
        (START, None),
        (day(100), "unconfirmed"),
        (day(150), None),
    ]


def test_another_repository_for_a_name_is_news_and_keeps_what_was_found_out_about_the_price():
    dear, cheap = (quotes(offer("a", price), offer("b", 1.0)) for price in (10.0, 1.0))
    moved = quotes(offer("a", 1.0, hub_id="maker/A"), offer("b", 1.0))
    nights = [(0, quotes(offer("b", 1.0))), (30, dear), (50, dear), (60, cheap), (61, cheap)]
    book, _ = history(*nights, (90, moved))
    row = believed(book).filter(model="a").sort("valid_from").row(-1, named=True)
    assert (row["hub_id"], row["flag"], row["valid_from"]) == ("maker/A", "correction", day(60))
    assert known(book, day(80)).collect()["hub_id"].null_count() == 3


def test_after_a_tenfold_fall_both_prices_stand_but_it_is_no_move():
    cheap = quotes(offer("a", 1.0))
    book, _ = history((0, quotes(offer("a", 10.0))), (30, cheap), (31, cheap), (60, cheap))
    now = believed(book).sort("valid_from")
    assert now["input_usd_per_mtok"].to_list() == [10.0, 1.0]
    assert now["flag"].to_list() == [None, "correction"]
    assert price_changes(book).is_empty()


def test_a_change_in_an_offers_first_week_is_a_correction_that_leaves_the_first_price_alone():
    cheap = quotes(offer("a", 2.0), offer("b", 1.0))
    dear = quotes(offer("a", 3.0), offer("b", 1.0))
    book, _ = history(
        (0, quotes(offer("b", 1.0))), (30, dear), (31, dear), (33, cheap), (34, cheap)
    )
    now = believed(book).filter(model="a").sort("valid_from")
    assert now["input_usd_per_mtok"].to_list() == [3.0, 2.0]
    assert now["flag"].to_list() == [None, "correction"]


def test_the_first_week_of_a_list_is_not_the_first_week_of_its_offers():
    cheap = quotes(offer("a", 2.0))
    book, counts = history((0, quotes(offer("a", 3.0))), (3, cheap), (4, cheap))
    assert counts[2].corrected == 0
    assert price_changes(book).height == 1


def test_a_price_after_none_is_a_correction_and_a_price_that_ends_is_not():
    free, paid = quotes(offer("a", 0.0)), quotes(offer("a", 1.0))
    book, counts = history(
        (0, free), (30, paid), (31, paid), (60, free), (61, free), (62, free)
    )  # fmt: skip
    assert [c.corrected for c in counts] == [0, 0, 1, 0, 0, 0]
    spells = believed(book).sort("valid_from")
    assert spells["offer"].to_list() == ["free", "standard", "free"]
    assert spells["valid_to"].to_list() == [day(30), day(60), None]


def test_an_announced_price_stays_apart_until_its_day():
    dated = quotes(
        offer("a", 1.0, valid_to=day(50), basis="announced"),
        offer("a", 2.0, valid_from=day(50), basis="announced"),
    )
    book, counts = history((0, dated), (60, dated))
    waiting = as_of(book, day(55), day(10)).filter(input_usd_per_mtok=2.0)
    assert waiting["flag"].to_list() == ["future"]
    assert price_of(book, valid=55, observed=60) == [2.0]
    assert believed(book).filter(input_usd_per_mtok=2.0)["flag"].to_list() == [None]
    assert counts[1].changed == 0


def test_an_announcement_that_is_taken_back_never_happened():
    announced = quotes(
        offer("a", 1.0, valid_from=day(-100), valid_to=day(50)), offer("a", 2.0, valid_from=day(50))
    )
    withdrawn = quotes(offer("a", 1.0, valid_from=day(-100)))
    book, _ = history((0, announced), (20, withdrawn))
    assert price_of(book, valid=60, observed=60) == [1.0]
    assert price_of(book, valid=60, observed=10) == [2.0]


def test_a_snapshot_of_a_day_already_folded_is_refused():
    with pytest.raises(ValueError, match="not after 2025-01-01"):
        history((0, quotes(offer("a", 1.0))), (0, quotes(offer("a", 2.0))))


def test_a_price_stated_twice_is_counted():
    _, counts = history((0, quotes(offer("a", 1.0), offer("a", 2.0))))
    assert (counts[0].doubled, counts[0].listed) == (1, 1)


def test_a_list_that_covers_other_models_every_night_says_nothing_of_those_it_leaves_out():
    a, b = quotes(offer("a", 1.0)), quotes(offer("b", 2.0))
    book, _ = history((0, a), (30, b), (31, b), (60, a), source="openrouter-endpoints")
    assert book.filter(model="a").height == 1, "it was never away"
    assert book.filter(model="b")["basis"].to_list() == ["undated"], "asked for the first time"


def test_a_seller_that_was_not_asked_for_kept_its_price_until_another_was_seen():
    a, b, new = quotes(offer("a", 1.0)), quotes(offer("b", 2.0)), quotes(offer("a", 0.9))
    book, _ = history(
        (0, a), (9, a), (10, b), (40, b), (60, new), (61, new), source="openrouter-endpoints"
    )
    now = believed(book).filter(model="a").sort("valid_from")
    assert now["valid_to"].to_list() == [day(60), None]
    assert now["valid_from_earliest"].to_list() == [None, day(10)], "it may have begun unseen"
    assert now["valid_from_latest"].to_list() == [START, day(60)]


def test_a_seller_that_a_partial_list_no_longer_names_beside_others_was_away():
    both = quotes(offer("a", 1.0), offer("a", 3.0, provider="other"))
    one = quotes(offer("a", 3.0, provider="other"))
    book, _ = history((0, both), (30, one), (31, one), (60, both), source="openrouter-endpoints")
    spells = believed(book).filter(provider="seller").sort("valid_from")
    assert spells["valid_to"].to_list() == [day(1), None]


@pytest.mark.parametrize(("factor", "is_move"), [(9.98, True), (9.99, False)])
@pytest.mark.parametrize("falls", [False, True])
def test_a_change_is_a_correction_from_tenfold_on_up_to_rounding(factor, is_move, falls):
    was, becomes = (factor, 1.0) if falls else (1.0, factor)
    after = quotes(offer("a", becomes))
    book, counts = history(
        (0, quotes(offer("a", was))), (30, after), (31, after), (60, after), source="litellm"
    )
    assert price_changes(book).height == is_move
    assert counts[2].corrected == (not is_move)
    assert ("suspect" in book["flag"].to_list()) == (not is_move and not falls)


@pytest.mark.parametrize(("days", "is_move"), [(6, False), (7, True)])
def test_a_change_is_a_correction_within_the_seven_days_of_an_offers_first_week(days, is_move):
    before, after = (quotes(offer("a", price), offer("b", 1.0)) for price in (3.0, 2.0))
    book, counts = history(
        (0, quotes(offer("b", 1.0))), (30, before), (31, before), (30 + days, after), (60, after)
    )
    assert price_changes(book).height == is_move
    assert counts[4].corrected == (not is_move)


@pytest.mark.parametrize(("days", "rows"), [(16, 1), (17, 2)])
def test_an_absence_ends_a_price_if_it_is_not_over_fourteen_days_after_it_was_noticed(days, rows):
    both, other = quotes(offer("a", 1.0), offer("b", 1.0)), quotes(offer("b", 1.0))
    book, _ = history((0, both), (2, other), (3, other), (days, both))
    assert believed(book).filter(model="a").height == rows


@pytest.mark.parametrize(("begins", "flag"), [(30, None), (31, "future")])
def test_a_price_that_begins_on_the_day_of_the_look_is_not_of_the_future(begins, flag):
    dated = quotes(offer("a", 1.0, valid_from=day(begins), basis="announced"))
    book, _ = history((30, dated))
    assert book["flag"].to_list() == [flag]
