"""Which polled prices count as on sale, and until when."""

from datetime import date, timedelta

import polars as pl
import pytest

from densing_pipeline.cost.admission import blended, on_sale, persistent, to_date

JAN, FEB, MAR, DEC = date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1), date(2025, 12, 1)


def polled(model, last_seen, **columns):
    return {
        "model": model,
        "input_usd_per_mtok": 1.0,
        "valid_from": JAN,
        "observed_from": JAN,
        "last_seen": last_seen,
        "basis": "first_observed",
    } | columns


def ends(offers):
    return {row["model"]: to_date(row["end"]) for row in offers.to_dicts()}


def test_a_price_ends_when_the_book_says_so_whatever_its_list_was_last_seen_to_name(book):
    rows = [polled("gone", FEB, valid_to=MAR), polled("missed once", FEB), polled("stays", DEC)]
    assert ends(on_sale(book(rows), DEC)) == {
        "gone": MAR,
        "missed once": DEC + timedelta(days=1),
        "stays": DEC + timedelta(days=1),
    }


def test_a_list_that_was_not_asked_again_withdraws_nothing(book):
    rows = [polled("a", FEB), polled("b", DEC, source="other list")]
    assert ends(on_sale(book(rows), DEC))["a"] == DEC + timedelta(days=1)


def test_as_of_an_earlier_day_an_offer_withdrawn_later_is_on_sale(book):
    offers = on_sale(book([polled("gone", FEB), polled("stays", DEC)]), JAN)
    assert ends(offers)["gone"] == JAN + timedelta(days=1)


def test_a_price_of_a_list_that_is_no_longer_asked_has_not_shown_that_it_lasts(book):
    rows = [
        polled("seen twice", MAR),
        polled("seen once", MAR, valid_from=MAR, observed_from=MAR),
        polled("other", DEC, source="other list"),
    ]
    offers = persistent(blended(on_sale(book(rows), DEC), 1.0))
    assert sorted(offers["model"]) == ["other", "seen twice"]


def passing(valid_from, valid_to, price=0.5, **columns):
    """A price of `a` that was provisional, a slip, or none."""
    return polled(
        "a", FEB, input_usd_per_mtok=price, valid_from=valid_from, valid_to=valid_to, **columns
    )


@pytest.mark.parametrize(
    "how", [{"flag": "slip"}, {"flag": "provisional"}, {"offer": "free"}, {"offer": "promotional"}]
)
@pytest.mark.parametrize("price", [0.5, 2.0])
def test_a_passing_price_counts_as_the_price_before_it(book, how, price):
    day = FEB + timedelta(days=3)
    rows = [
        polled("a", JAN, valid_to=FEB),
        passing(FEB, day, price, **how),
        polled("a", DEC, valid_from=day),
    ]
    offers = on_sale(book(rows), DEC)
    assert offers["input_usd_per_mtok"].to_list() == [1.0] * 3
    assert [to_date(n) for n in offers["end"]] == [FEB, day, DEC + timedelta(days=1)]


def test_a_passing_price_beside_one_that_stands_changes_nothing(book):
    rows = [
        polled("a", DEC),
        passing(FEB, MAR, flag="slip"),
        passing(MAR, None, flag="provisional"),
    ]
    offers = on_sale(book(rows), DEC)
    assert offers.select("input_usd_per_mtok", "end").rows() == [
        (1.0, (DEC - date(1970, 1, 1)).days + 1)
    ]


def test_a_passing_price_that_follows_none_does_not_count(book):
    assert on_sale(book([passing(FEB, MAR, flag="provisional")]), DEC).is_empty()
    rows = [polled("a", JAN, valid_to=FEB), passing(MAR, None, flag="provisional")]
    assert ends(on_sale(book(rows), DEC)) == {"a": FEB}


def test_a_free_offer_counts_at_the_price_before_for_fourteen_days(book):
    rows = [polled("a", JAN, valid_to=FEB), passing(FEB, None, 0.0, offer="free")]
    assert to_date(on_sale(book(rows), DEC)["end"].max()) == FEB + timedelta(days=14)


def test_a_price_that_one_look_alone_found_has_not_lasted_until_the_next(book):
    rows = [
        polled("once", JAN, valid_to=MAR),
        polled("twice", FEB, valid_to=MAR),
        polled("announced", None, valid_to=MAR, basis="announced"),
    ]
    assert persistent(blended(on_sale(book(rows), DEC), 1.0))["model"].sort().to_list() == [
        "announced",
        "twice",
    ]


def test_a_correction_began_on_a_day_nobody_knows(book):
    offers = on_sale(book([polled("a", DEC, flag="correction")]), DEC)
    assert offers["basis"].to_list() == ["undated"]
    assert offers.select(pl.col("start")).item() == (JAN - date(1970, 1, 1)).days


def test_a_price_counts_once_it_could_be_paid_for_thirty_days_on_end(book):
    rows = [
        {"model": model, "input_usd_per_mtok": 1.0, "valid_from": JAN, "observed_from": JAN, "valid_to": JAN + timedelta(days=days)}
        for model, days in (("thirty", 30), ("29", 29))
    ]  # fmt: skip
    offers = persistent(blended(on_sale(book(rows), DEC), 1.0))
    assert offers["model"].to_list() == ["thirty"]


def test_only_prices_above_zero_of_short_prompts_are_on_sale(book):
    rows = [
        {"model": "priced", "input_usd_per_mtok": 0.001, "valid_from": JAN, "observed_from": JAN},
        {"model": "free", "input_usd_per_mtok": 0.0, "valid_from": JAN, "observed_from": JAN},
        {
            "model": "long",
            "input_usd_per_mtok": 1.0,
            "valid_from": JAN,
            "observed_from": JAN,
            "context_over_tokens": 1,
        },
    ]
    assert on_sale(book(rows), DEC)["model"].to_list() == ["priced"]


def test_an_offer_without_an_output_price_has_a_price_for_input_alone(book):
    rows = [{"model": "a", "input_usd_per_mtok": 2.0, "valid_from": JAN, "observed_from": JAN}]
    offers = on_sale(book(rows), DEC)
    assert blended(offers, 1.0)["usd_per_mtok"].to_list() == [2.0]
    assert blended(offers, 0.99).is_empty()


def test_a_price_counts_up_to_the_day_from_which_it_is_presumed(book):
    assert ends(on_sale(book([polled("a", DEC, presumed_from=MAR)]), DEC)) == {"a": MAR}


@pytest.mark.parametrize(
    ("begins", "counts_to"),
    [
        (JAN, FEB),  # OpenRouter's own list is known from February on
        (FEB, None),
        (MAR, None),
        (DEC, DEC + timedelta(days=1)),  # it was last seen in March
    ],
)
def test_openrouters_own_list_decides_on_its_prices_while_it_is_known(book, begins, counts_to):
    copy = polled("a", DEC, source="litellm", provider="openrouter", valid_from=begins)
    own = polled("b", MAR, source="openrouter", provider="openrouter", observed_from=FEB)
    found = ends(on_sale(book([copy, own]), DEC))
    assert found.get("a") == counts_to


def test_a_copy_counts_where_openrouters_own_list_was_never_seen(book):
    copy = polled("a", DEC, source="litellm", provider="openrouter")
    assert ends(on_sale(book([copy]), DEC)) == {"a": DEC + timedelta(days=1)}
