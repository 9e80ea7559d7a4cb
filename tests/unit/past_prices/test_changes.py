"""`price_changes` tells each change once, with both prices and the days between which it came."""

from datetime import date, timedelta

import polars as pl
import pytest

from densing_pipeline.past_prices.changes import of_the_week, price_changes
from densing_pipeline.prices.as_of import last_day
from densing_pipeline.tables.published import (
    CAPABILITY_INDEX,
    MODEL_LINKS,
    PRICE_CHANGES,
    PRICE_POLLS,
    PRICES,
)

pytestmark = pytest.mark.heavy

START = date(2025, 1, 1)
OLD, NEW = (2.0, 8.0), (1.0, 4.0)
DAYS = range(0, 60, 2)
NOTHING = (PRICES, MODEL_LINKS, PRICE_POLLS, CAPABILITY_INDEX)
INPUTS = ("prices", "model_links", "price_polls", "capability_index")


def day(n: int) -> date:
    return START + timedelta(days=n)


@pytest.fixture
def changes_of(folded):
    """Changes of the offer `m` of a list that is seen every other day and always has `x`."""

    def make(price_on, days=DAYS, source="openrouter"):
        looks = {
            day(n): {"x": OLD} | ({} if price_on(n) is None else {"m": price_on(n)}) for n in days
        }
        book = folded(looks, source=source)
        found = PRICE_CHANGES.validate(price_changes(*(book[name] for name in INPUTS)))
        assert found.filter(pl.col("model") != "m").is_empty()
        return [
            (row["change"], row["date_earliest"], row["date"], row["certainty"],
             row["input_usd_per_mtok_before"], row["input_usd_per_mtok"])
            for row in found.iter_rows(named=True)
        ]  # fmt: skip

    return make


@pytest.mark.parametrize(
    ("after", "kind"),
    [(NEW, "cut"), ((3.0, 8.0), "rise"), ((1.0, 9.0), "mixed"), ((2.0, 7.0), "cut")],
)
def test_a_move_is_told_by_its_direction(changes_of, after, kind):
    found = changes_of(lambda n: OLD if n < 30 else after)
    assert found == [(kind, day(29), day(30), "interval", 2.0, after[0])]


def test_a_look_the_day_before_gives_the_day(changes_of):
    found = changes_of(lambda n: OLD if n < 30 else NEW, range(60))
    assert found == [("cut", day(30), day(30), "day", 2.0, 1.0)]


def test_prices_that_are_equal_but_for_conversion_have_not_changed(changes_of):
    assert changes_of(lambda n: OLD if n < 30 else (2.0005, 8.0)) == []
    assert [one[0] for one in changes_of(lambda n: OLD if n < 30 else (2.01, 8.0))] == ["rise"]


def test_an_offer_comes_and_goes(changes_of):
    found = changes_of(lambda n: OLD if 10 <= n < 30 else None)
    assert found == [
        ("arrival", day(9), day(10), "interval", None, 2.0),
        ("departure", day(29), day(30), "interval", 2.0, None),
    ]


def test_an_absence_of_two_weeks_is_none_and_a_longer_one_is_told(changes_of):
    assert changes_of(lambda n: None if 20 <= n < 30 else OLD) == []
    found = changes_of(lambda n: None if 20 <= n < 50 else OLD)
    assert [one[0] for one in found] == ["departure", "arrival"]


def test_what_a_list_takes_back_is_no_change(changes_of):
    for source in ("openrouter", "litellm"):
        assert changes_of(lambda n: NEW if n in (20, 22) else OLD, source=source) == []


def test_the_newest_change_is_provisional_until_a_second_look(changes_of):
    assert changes_of(lambda n: NEW if n == 58 else OLD) == [
        ("cut", day(57), day(58), "provisional", 2.0, 1.0)
    ]


def test_a_promotion_begins_and_ends(changes_of):
    found = changes_of(lambda n: (0, 0) if 20 <= n < 50 else OLD)
    assert [(one[0], one[4], one[5]) for one in found] == [
        ("promotion", 2.0, 0.0),
        ("end of promotion", 0.0, 2.0),
    ]


def test_a_mended_entry_of_a_list_that_people_keep_is_no_change(changes_of):
    tenfold = lambda n: (20.0, 80.0) if n < 30 else OLD  # noqa: E731
    assert changes_of(tenfold, source="litellm") == []
    assert [one[0] for one in changes_of(tenfold)] == ["cut"]


@pytest.mark.parametrize(
    ("model", "released", "is_linked"),
    [("v3-chat", day(31), False), ("v3-chat", day(30), True), ("DeepSeek-V3", day(31), True)],
)
def test_a_change_before_a_models_release_is_of_what_its_further_name_sold_then(
    folded, model, released, is_linked
):
    looks = {day(n): {model: OLD if n < 30 else NEW} for n in DAYS}
    book = folded(looks, **{model.replace("-", "_"): "deepseek-ai/DeepSeek-V3"})
    release = {
        "source": "epoch-eci", "index_name": "ECI", "licence_basis": "CC-BY-4.0", "model": "DeepSeek-V3",
        "index_value": 140.0, "release_date": released, "observed_from": START, "snapshot_sha256": "",
    }  # fmt: skip
    book["capability_index"] = CAPABILITY_INDEX.cast(pl.DataFrame([release]))
    found = PRICE_CHANGES.validate(price_changes(*(book[name] for name in INPUTS)))
    assert found.select("change", "date").rows() == [("cut", day(30))]
    assert found["canonical_id"].to_list() == ["deepseek-ai/DeepSeek-V3" if is_linked else None]


def test_no_prices_have_no_changes():
    assert price_changes(*(table.empty() for table in NOTHING)).is_empty()
    assert of_the_week(PRICE_CHANGES.empty(), START).is_empty()


def test_the_bundled_lists_know_the_changes_that_everybody_knows(bundled_book):
    found = price_changes(*(bundled_book[name] for name in INPUTS))
    PRICE_CHANGES.validate(found)
    cuts = found.filter(change="cut", source="list-prices").select("model", "date").rows()
    assert ("o3", date(2025, 6, 10)) in cuts
    assert ("gpt-4o", date(2024, 10, 2)) in cuts
    ended = found.filter(change="end of promotion", source="list-prices")
    assert ended["date"].to_list() == [date(2025, 2, 8)], "DeepSeek's introductory price"
    both = found.filter(pl.col("change").is_in(["cut", "rise", "mixed"]))
    prices = ("input_usd_per_mtok", "output_usd_per_mtok")
    assert both.filter(pl.all_horizontal(pl.col(n).is_null() for n in prices)).is_empty()
    assert found.filter(pl.col("date") > last_day(bundled_book["prices"])).is_empty()


def test_the_week_tells_a_change_once_though_several_lists_have_it(bundled_book):
    found = price_changes(*(bundled_book[name] for name in INPUTS))
    week = of_the_week(found, date(2025, 6, 14))
    o3 = week.filter(model="o3", change="cut", seller="openai")
    assert o3["source"].to_list() == ["list-prices"], "LiteLLM has it too"
    assert week["date"].is_between(date(2025, 6, 8), date(2025, 6, 14)).all()
    kinds = week["change"].to_list()
    order = PRICE_CHANGES.column("change").allowed
    assert kinds == sorted(kinds, key=order.index), "cuts first"
