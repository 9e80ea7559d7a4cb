"""The price of a day: what the looks at a list say of it, and no more."""

from datetime import date, timedelta

import polars as pl
import pytest

from densing_pipeline import clock
from densing_pipeline.past_prices.on_day import CERTAINTIES, KNOWN, price_on_day
from densing_pipeline.past_prices.wording import sentence
from densing_pipeline.prices.as_of import last_day
from densing_pipeline.tables.published import CAPABILITY_INDEX

START = date(2025, 1, 1)
OLD, NEW = (2.0, 8.0), (1.0, 4.0)


def day(n: int) -> date:
    return START + timedelta(days=n)


def only(answer):
    """The one offer of an answer."""
    (offer,) = answer.offers
    assert offer.certainty in CERTAINTIES
    return offer


def told(offer):
    """Price, certainty, and the other price there may have been."""
    return offer.input_usd_per_mtok, offer.certainty, offer.or_input_usd_per_mtok


@pytest.fixture
def cut(folded):
    """A price that was cut between two looks ten days apart, and confirmed."""
    looks = {day(n): {"m": OLD, "x": OLD} for n in (0, 10, 20)}
    looks |= {day(n): {"m": NEW, "x": OLD} for n in (30, 40)}
    return folded(looks)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (-1, (None, "unknown", None)),
        (0, (2.0, "seen", None)),
        (5, (2.0, "between looks", None)),
        (20, (2.0, "seen", None)),
        (21, (2.0, "changing", 1.0)),
        (29, (2.0, "changing", 1.0)),
        (30, (1.0, "seen", None)),
        (35, (1.0, "between looks", None)),
        (40, (1.0, "seen", None)),
        (41, (1.0, "last seen before", None)),
    ],
)
def test_a_cut_between_two_looks(cut, on, expected):
    assert told(only(price_on_day(cut, "m", day(on)))) == expected


def test_the_answer_of_a_day_says_since_when_until_when_and_from_which_bytes(cut):
    offer = only(price_on_day(cut, "m", day(25)))
    assert (offer.since_earliest, offer.since, offer.until) == (None, day(0), day(30))
    assert (offer.seen_before, offer.seen_after) == (day(20), day(30))
    after = only(price_on_day(cut, "m", day(35)))
    assert (after.since_earliest, after.since) == (day(21), day(30))
    assert after.snapshot_sha256 == f"of {day(40)}", "the look that confirmed it"


def test_an_answer_with_what_was_known_then_knows_no_later_look(cut):
    assert told(only(price_on_day(cut, "m", day(25), known=day(25)))) == (
        2.0,
        "last seen before",
        None,
    )
    early = price_on_day(cut, "m", day(30), known=day(30))
    assert told(only(early)) == (2.0, "provisional", 1.0)
    assert early.known == day(30)


def test_an_arrival_and_a_departure(folded):
    there = {"m": OLD, "x": OLD}
    looks = {day(0): {"x": OLD}, day(10): there, day(20): there}
    looks |= {day(n): {"x": OLD} for n in (30, 40, 50)}
    book = folded(looks)
    expected = {
        -5: (None, "unknown", None),
        0: (None, "not offered", None),
        5: (None, "changing", 2.0),
        10: (2.0, "seen", None),
        15: (2.0, "between looks", None),
        20: (2.0, "seen", None),
        21: (2.0, "changing", None),
        29: (2.0, "changing", None),
        30: (None, "not offered", None),
        45: (None, "not offered", None),
    }
    found = {n: told(only(price_on_day(book, "m", day(n)))) for n in expected}
    assert found == expected
    assert "ended on" in only(price_on_day(book, "m", day(45))).reason


def test_a_price_that_one_look_found_is_told_beside_the_one_that_stands(folded):
    looks = {day(n): {"m": OLD, "x": OLD} for n in (0, 10)} | {day(20): {"m": NEW, "x": OLD}}
    book = folded(looks)
    assert told(only(price_on_day(book, "m", day(20)))) == (2.0, "provisional", 1.0)
    assert told(only(price_on_day(book, "m", day(10)))) == (2.0, "seen", None)


def test_a_price_that_a_sellers_own_list_took_back_was_charged(folded):
    looks = {day(n): {"m": NEW if n == 11 else OLD, "x": OLD} for n in range(9, 15)}
    offer = only(price_on_day(folded(looks), "m", day(11)))
    assert told(offer) == (1.0, "seen", None)
    assert "taken back" in offer.reason


def test_in_a_list_that_people_keep_it_was_an_error_and_is_told_beside(folded):
    looks = {day(n): {"m": NEW if n == 11 else OLD, "x": OLD} for n in range(9, 15)}
    offer = only(price_on_day(folded(looks, source="litellm"), "m", day(11)))
    assert told(offer) == (2.0, "provisional", 1.0)


def test_what_a_price_was_before_a_correction_is_doubted(folded):
    looks = {day(n): {"m": (20.0, 80.0), "x": OLD} for n in (0, 10)}
    looks |= {day(n): {"m": OLD, "x": OLD} for n in (20, 30)}
    offer = only(price_on_day(folded(looks, source="litellm"), "m", day(10)))
    assert (offer.input_usd_per_mtok, offer.certainty) == (20.0, "doubted")
    assert offer.reason.startswith("corrected later")


@pytest.mark.parametrize(
    ("model", "on", "prices"),
    [
        ("o3", date(2025, 6, 9), (10, 40)),
        ("o3", date(2025, 6, 10), (2, 8)),
        ("deepseek-chat", date(2025, 2, 7), (0.14, 0.28)),
        ("deepseek-chat", date(2025, 2, 8), (0.27, 1.1)),
        ("deepseek-chat", date(2025, 9, 29), (0.28, 0.42)),
        ("gpt-4o", date(2024, 10, 1), (5, 15)),
        ("gpt-4o", date(2024, 10, 2), (2.5, 10)),
        ("gpt-4o-2024-08-06", date(2024, 10, 1), (2.5, 10)),
        ("gpt-3.5-turbo-0125", date(2024, 3, 1), (0.5, 1.5)),
        ("claude-3-5-sonnet-20240620", date(2024, 7, 1), (3, 15)),
    ],
)
def test_well_known_prices_come_first_and_are_known_of_their_day(bundled_book, model, on, prices):
    first = price_on_day(bundled_book, model, on).offers[0]
    assert (first.input_usd_per_mtok, first.output_usd_per_mtok) == prices
    assert first.certainty in KNOWN


@pytest.mark.parametrize(
    ("model", "changed", "before"),
    [("o3", date(2025, 6, 10), 10.0), ("gpt-4o", date(2024, 10, 2), 5.0)],
)
def test_the_router_had_a_known_change_by_the_next_day_or_two(bundled_book, model, changed, before):
    def at_router(on):
        offers = price_on_day(bundled_book, model, on).offers
        return next(one for one in offers if one.source == "openrouter" and one.is_named)

    assert at_router(changed - timedelta(days=1)).input_usd_per_mtok == before
    after = at_router(changed + timedelta(days=2))
    assert (after.input_usd_per_mtok, after.certainty in KNOWN) == (
        {"o3": 2.0, "gpt-4o": 2.5}[model],
        True,
    )


def test_a_list_that_does_not_reach_a_day_says_nothing_of_it(bundled_book):
    offers = price_on_day(bundled_book, "gpt-4o", date(2025, 1, 15)).offers
    undated = [one for one in offers if one.source == "genai-prices"]
    assert {one.certainty for one in undated} == {"unknown"}
    assert all(one.input_usd_per_mtok is None and one.reason for one in undated)


def test_the_sentence_names_day_prices_seller_list_and_certainty(bundled_book):
    answer = price_on_day(bundled_book, "gpt-4o", date(2025, 1, 15))
    assert sentence(answer, answer.offers) == (
        "On 2025-01-15 gpt-4o cost at openai: 2.5 for input, 10 for output, 1.25 for cached input, in "
        "USD per million tokens (standard offer, list-prices; dated, since 2024-10-02)."
    )
    early = price_on_day(bundled_book, "gpt-4o", date(2021, 1, 1))
    assert "is not known" in sentence(early, early.offers)


def test_the_frame_has_a_row_for_each_offer_and_its_types_without_any(bundled_book):
    answer = price_on_day(bundled_book, "gpt-4o", date(2025, 1, 15))
    assert answer.frame.height == len(answer.offers)
    assert answer.frame["source"].to_list() == [one.source for one in answer.offers]
    early = price_on_day(bundled_book, "gpt-4o", date(2021, 1, 1))
    assert early.frame.schema == answer.frame.schema


@pytest.mark.parametrize("model", ["gpt-4o", "o3"])
def test_where_no_price_is_sure_the_maker_itself_comes_first(bundled_book, model):
    after_all_looks = last_day(bundled_book["prices"]) + timedelta(days=1)
    offers = price_on_day(bundled_book, model, min(after_all_looks, clock.now().date())).offers
    sold = [
        one for one in offers if one.certainty == "last seen before" and one.offer == "standard"
    ]
    of_maker = [one.seller == "openai" for one in sold]
    assert of_maker[0]
    assert not all(of_maker), "others sell it too"


@pytest.mark.parametrize(
    ("asked", "on", "is_there"),
    [
        ("deepseek-ai/DeepSeek-V3", date(2024, 12, 25), False),
        ("deepseek-ai/DeepSeek-V3", date(2024, 12, 26), True),
        ("deepseek-chat", date(2024, 12, 25), True),
    ],
)
def test_a_further_name_counts_for_a_model_from_its_release_on(bundled_book, asked, on, is_there):
    """OpenRouter's `deepseek/deepseek-chat` was DeepSeek-V2.5 on the day before DeepSeek-V3 came out."""
    release = {
        "source": "epoch-eci", "index_name": "ECI", "licence_basis": "CC-BY-4.0", "model": "DeepSeek-V3",
        "index_value": 140.0, "release_date": date(2024, 12, 26), "observed_from": START, "snapshot_sha256": "",
    }  # fmt: skip
    index = CAPABILITY_INDEX.cast(pl.DataFrame([release]))
    offers = price_on_day(bundled_book | {"capability_index": index}, asked, on).offers
    assert ("deepseek/deepseek-chat" in {one.model for one in offers}) is is_there
