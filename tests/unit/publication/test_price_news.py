"""Changes of prices for readers: the week of the page, and the feed."""

from datetime import date, timedelta
from xml.etree import ElementTree

import polars as pl
import pytest

from densing_pipeline.publication.price_news import MOST_OF_A_KIND, NEWEST_IN_FEED, feed, week
from densing_pipeline.tables.published import PRICE_CHANGES, PRICES
from tests.conftest import one_row

UNTIL = date(2026, 1, 31)
ATOM = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture
def prices():
    return one_row(PRICES).with_columns(observed_from=pl.lit(UNTIL))


def changes(*found):
    base = one_row(PRICE_CHANGES).row(0, named=True) | {
        "change": "cut", "date": UNTIL, "date_earliest": UNTIL, "certainty": "day",
        "input_usd_per_mtok_before": 5.0, "input_usd_per_mtok": 2.5,
        "output_usd_per_mtok_before": 10.0, "output_usd_per_mtok": 10.0,
    }  # fmt: skip
    rows = [base | {"model": f"m{place:03d}"} | one for place, one in enumerate(found)]
    return PRICE_CHANGES.cast(pl.DataFrame(rows, schema=PRICE_CHANGES.polars_schema))


def test_the_week_is_told_in_one_sentence_and_a_line_for_each_change(prices):
    found = week(
        prices.lazy(),
        changes(
            {},
            {"change": "rise", "input_usd_per_mtok": 7.0},
            {"date": UNTIL - timedelta(days=6), "date_earliest": UNTIL - timedelta(days=8)},
            {"date": UNTIL - timedelta(days=7), "date_earliest": None},
        ),
    )
    assert found.title == "2 prices fell and 1 price rose in the week to 2026-01-31"
    assert [(one.change, one.input, one.output) for one in found.lines] == [
        ("cut", "5 to 2.5", "10"),
        ("cut", "5 to 2.5", "10"),
        ("rise", "5 to 7", "10"),
    ]
    assert {one.day for one in found.lines} == {"2026-01-31", "2026-01-23 to 2026-01-25"}
    assert found.left_out == 0


def test_of_many_changes_of_a_kind_those_of_known_models_are_listed(prices):
    many: list[dict[str, str]] = [{}] * (MOST_OF_A_KIND + 5) + [{"canonical_id": "org/known"}]
    found = week(prices.lazy(), changes(*many))
    assert len(found.lines) == MOST_OF_A_KIND
    assert found.lines[0].model == f"m{MOST_OF_A_KIND + 5:03d}"
    assert found.left_out == 6


def test_a_week_without_changes_and_a_release_without_prices_say_so(prices):
    assert week(prices.lazy(), changes()).title == "No price changed in the week to 2026-01-31"
    nothing = week(PRICES.empty().lazy(), changes())
    assert (nothing.title, nothing.until) == ("No price list is known", None)


def test_the_feed_has_the_newest_changes_first_each_with_an_id_of_its_own():
    found = changes(
        {"model": "a <b> & c", "seller": "shop"},
        *({"date": UNTIL - timedelta(days=day)} for day in range(1, NEWEST_IN_FEED + 10)),
    )
    root = ElementTree.fromstring(feed(found))  # noqa: S314
    entries = root.findall("a:entry", ATOM)
    assert len(entries) == NEWEST_IN_FEED
    assert entries[0].find("a:title", ATOM).text == "Cut: a <b> & c at shop"
    assert (
        "input 5 to 2.5, output 10 USD per million tokens"
        in entries[0].find("a:content", ATOM).text
    )
    assert len({one.find("a:id", ATOM).text for one in entries}) == NEWEST_IN_FEED
    updated = [one.find("a:updated", ATOM).text for one in entries]
    assert updated == sorted(updated, reverse=True)
    assert feed(found) == feed(found.reverse()), "the order of rows makes no other feed"
    assert feed(changes()) is None


@pytest.mark.parametrize(
    "name", ["</title><script>alert(1)</script>", "a\uffff\ufffeb", "&amp;]]>", "x" * 200]
)
def test_the_feed_is_well_formed_whatever_a_model_is_called(name):
    root = ElementTree.fromstring(feed(changes({"model": name})))  # noqa: S314
    entry = root.find("a:entry", ATOM)
    title = entry.findtext("a:title", namespaces=ATOM)
    assert title.startswith("Cut: " + name.replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd"))
    assert [element.tag.rpartition("}")[2] for element in entry] == [
        "id",
        "title",
        "updated",
        "content",
    ]
