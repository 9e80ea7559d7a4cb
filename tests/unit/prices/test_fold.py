"""One snapshot after another becomes a history on two axes of time."""

from datetime import date, timedelta

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


def history(*snapshots, source="list"):
    """The rows after snapshots, given as (days since the start, quotes)."""
    state, closed, counts = Open.nothing(), [], []
    for day, found in snapshots:
        folded = fold(
            state, found,
            source=source, observed_on=START + timedelta(days=day), snapshot_sha256=f"{day}",
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


def test_a_change_ends_the_old_price_and_keeps_what_was_believed():
    book, counts = history((0, quotes(offer("a", 1.0))), (30, quotes(offer("a", 0.8))))
    assert counts[1].changed == 1
    assert price_of(book, valid=10, observed=10) == [1.0]
    assert price_of(book, valid=40, observed=10) == [1.0], "on day 10 nobody knew of the change"
    assert price_of(book, valid=40, observed=40) == [0.8]
    assert price_of(book, valid=10, observed=40) == [1.0]
    assert price_changes(book)["date"].to_list() == [day(30)]


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


def test_an_offer_that_comes_back_within_a_week_was_never_away():
    both, one = quotes(offer("a", 1.0), offer("b", 2.0)), quotes(offer("b", 2.0))
    book, _ = history((0, both), (1, one), (7, both))
    spell = believed(book).filter(model="a").row(0, named=True)
    assert (spell["valid_from"], spell["valid_to"], spell["last_seen"]) == (START, None, day(7))
    assert price_changes(book).is_empty()
    assert known(book, day(3)).collect().filter(model="a")["last_seen"].to_list() == [START]


def test_an_offer_that_comes_back_later_was_away_since_it_was_last_seen():
    both, one = quotes(offer("a", 1.0), offer("b", 2.0)), quotes(offer("b", 2.0))
    book, _ = history((0, both), (30, both), (60, one), (90, both))
    spells = believed(book).filter(model="a").sort("valid_from")
    assert spells["valid_from"].to_list() == [START, day(90)]
    assert spells["valid_to"].to_list() == [day(31), None]
    assert price_changes(book).is_empty(), "coming back is no price move"


@pytest.mark.parametrize(("before", "after"), [(0.1, 1.0), (0.002, 200.0)])
def test_a_tenfold_rise_in_a_list_kept_by_hand_means_that_the_earlier_price_was_wrong(
    before, after
):
    book, counts = history(
        (0, quotes(offer("b", 1.0))),
        (30, quotes(offer("a", before), offer("b", 1.0))),
        (60, quotes(offer("a", after), offer("b", 1.0))),
        source="litellm",
    )
    assert counts[2].corrected == 1
    now = believed(book).filter(model="a")
    assert now["input_usd_per_mtok"].to_list() == [after]
    assert now["flag"].to_list() == ["correction"]
    assert now["valid_from"].to_list() == [day(30)], "it holds since the wrong one was said to"
    assert price_of(book, valid=45, observed=45) == [before], "what was believed stays on record"
    assert price_changes(book).is_empty()


def test_a_tenfold_rise_in_a_sellers_own_list_does_not_undo_the_price_before():
    """A promotion of 90 % that ended after two years was what one paid for two years."""
    book, counts = history(
        (0, quotes(offer("b", 1.0))),
        (30, quotes(offer("a", 0.1), offer("b", 1.0))),
        (730, quotes(offer("a", 1.0), offer("b", 1.0))),
        source="openrouter",
    )
    now = believed(book).filter(model="a").sort("valid_from")
    assert now.select("input_usd_per_mtok", "valid_from", "valid_to", "flag").rows() == [
        (0.1, day(30), day(730), None),
        (1.0, day(730), None, "suspect"),
    ]
    assert "replaced 0.1 in" in now["reason"][1]
    assert price_of(book, valid=700, observed=800) == [0.1]
    assert price_changes(book).is_empty(), "it is looked at before it counts as a move"
    assert counts[2].corrected == 1


def test_a_tenfold_rise_in_an_offers_first_week_is_a_mistake_whoever_made_it():
    book, _ = history(
        (0, quotes(offer("b", 1.0))),
        (30, quotes(offer("a", 0.1), offer("b", 1.0))),
        (34, quotes(offer("a", 1.0), offer("b", 1.0))),
        source="openrouter",
    )
    now = believed(book).filter(model="a")
    assert now.select("input_usd_per_mtok", "valid_from", "flag").rows() == [
        (1.0, day(30), "correction")
    ]


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
    book, _ = history(
        (0, quotes(offer("b", 1.0))),
        (30, quotes(offer("a", 10.0), offer("b", 1.0))),
        (60, quotes(offer("a", 1.0), offer("b", 1.0))),
        (90, quotes(offer("a", 1.0, hub_id="maker/A"), offer("b", 1.0))),
    )
    row = believed(book).filter(model="a").sort("valid_from").row(-1, named=True)
    assert (row["hub_id"], row["flag"], row["valid_from"]) == ("maker/A", "correction", day(60))
    assert known(book, day(80)).collect()["hub_id"].null_count() == 3


def test_after_a_tenfold_fall_both_prices_stand_but_it_is_no_move():
    book, _ = history((0, quotes(offer("a", 10.0))), (30, quotes(offer("a", 1.0))))
    now = believed(book).sort("valid_from")
    assert now["input_usd_per_mtok"].to_list() == [10.0, 1.0]
    assert now["flag"].to_list() == [None, "correction"]
    assert price_changes(book).is_empty()


def test_a_change_in_an_offers_first_week_is_a_correction():
    book, _ = history(
        (0, quotes(offer("b", 1.0))),
        (30, quotes(offer("a", 3.0), offer("b", 1.0))),
        (33, quotes(offer("a", 2.0), offer("b", 1.0))),
    )
    now = believed(book).filter(model="a")
    assert now["input_usd_per_mtok"].to_list() == [2.0]
    assert now["flag"].to_list() == ["correction"]


def test_the_first_week_of_a_list_is_not_the_first_week_of_its_offers():
    book, counts = history((0, quotes(offer("a", 3.0))), (3, quotes(offer("a", 2.0))))
    assert counts[1].corrected == 0
    assert price_changes(book).height == 1


def test_a_price_after_none_is_a_correction_and_a_price_that_ends_is_not():
    book, counts = history(
        (0, quotes(offer("a", 0.0))), (30, quotes(offer("a", 1.0))), (60, quotes(offer("a", 0.0)))
    )
    assert [c.corrected for c in counts] == [0, 1, 0]
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
    book, _ = history((0, a), (30, b), (60, a), source="openrouter-endpoints")
    assert book.filter(model="a").height == 1, "it was never away"
    assert book.filter(model="b")["basis"].to_list() == ["undated"], "asked for the first time"


def test_a_seller_that_a_partial_list_no_longer_names_beside_others_was_away():
    both = quotes(offer("a", 1.0), offer("a", 3.0, provider="other"))
    one = quotes(offer("a", 3.0, provider="other"))
    book, _ = history((0, both), (30, one), (60, both), source="openrouter-endpoints")
    spells = believed(book).filter(provider="seller").sort("valid_from")
    assert spells["valid_to"].to_list() == [day(1), None]


@pytest.mark.parametrize(("factor", "is_move"), [(9.98, True), (9.99, False)])
@pytest.mark.parametrize("falls", [False, True])
def test_a_change_is_a_correction_from_tenfold_on_up_to_rounding(factor, is_move, falls):
    was, becomes = (factor, 1.0) if falls else (1.0, factor)
    book, counts = history(
        (0, quotes(offer("a", was))), (30, quotes(offer("a", becomes))), source="litellm"
    )
    assert price_changes(book).height == is_move
    assert counts[1].corrected == (not is_move)


@pytest.mark.parametrize(("days", "is_move"), [(6, False), (7, True)])
def test_a_change_is_a_correction_within_the_seven_days_of_an_offers_first_week(days, is_move):
    book, counts = history(
        (0, quotes(offer("b", 1.0))),
        (30, quotes(offer("a", 3.0), offer("b", 1.0))),
        (30 + days, quotes(offer("a", 2.0), offer("b", 1.0))),
    )
    assert price_changes(book).height == is_move
    assert counts[2].corrected == (not is_move)


@pytest.mark.parametrize(("days", "rows"), [(7, 1), (8, 2)])
def test_an_absence_of_seven_days_is_none_and_one_of_eight_is(days, rows):
    both, other = quotes(offer("a", 1.0), offer("b", 1.0)), quotes(offer("b", 1.0))
    book, _ = history((0, both), (2, other), (days, both))
    assert believed(book).filter(model="a").height == rows


@pytest.mark.parametrize(("begins", "flag"), [(30, None), (31, "future")])
def test_a_price_that_begins_on_the_day_of_the_look_is_not_of_the_future(begins, flag):
    dated = quotes(offer("a", 1.0, valid_from=day(begins), basis="announced"))
    book, _ = history((30, dated))
    assert book["flag"].to_list() == [flag]
