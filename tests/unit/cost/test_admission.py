"""Which polled prices count as on sale, and until when."""

from datetime import date, timedelta

import polars as pl

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


def test_an_offer_its_list_no_longer_names_was_on_sale_until_it_was_last_seen(book):
    offers = on_sale(book([polled("gone", FEB), polled("stays", MAR)]), MAR)
    assert ends(offers) == {
        "gone": FEB + timedelta(days=1),
        "stays": MAR + timedelta(days=1),
    }


def test_a_list_that_was_not_asked_again_withdraws_nothing(book):
    rows = [polled("a", FEB), polled("b", DEC, source="other list")]
    assert ends(on_sale(book(rows), DEC))["a"] == DEC + timedelta(days=1)


def test_a_model_a_partial_list_did_not_ask_for_is_still_on_sale(book):
    rows = [
        polled("asked before", FEB, source="openrouter-endpoints"),
        polled("asked now", DEC, source="openrouter-endpoints"),
        polled("asked now", FEB, source="openrouter-endpoints", provider="gone"),
    ]
    offers = on_sale(book(rows), DEC)
    last = DEC + timedelta(days=1)
    found = {(r["provider"], r["model"]): to_date(r["end"]) for r in offers.to_dicts()}
    assert found == {
        ("maker", "asked before"): last,
        ("maker", "asked now"): last,
        ("gone", "asked now"): FEB + timedelta(days=1),
    }


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
