"""The page says what the release says, sends no request, and shows names as text."""

import json
import re
from datetime import date

import polars as pl
import pytest

from densing_pipeline.publication.answers import GROWTH, Answer, Estimate, answers
from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.price_news import week
from densing_pipeline.publication.report import glyphs
from densing_pipeline.publication.report import page as pages
from densing_pipeline.publication.report.sections import TEXTS, sections, waiting
from densing_pipeline.tables.published import PUBLISHED
from tests.releases import made
from tests.told import HOSTILE, told

pytestmark = pytest.mark.heavy


@pytest.fixture
def release(tables):
    return told(tables)


@pytest.fixture
def page(release, monkeypatch):
    # The drawing library takes seconds to bundle and is the same in every page.
    monkeypatch.setattr(pages, "javascript", lambda: "")
    figures = {name: chart(release) for name, chart in CHARTS.items()}
    return pages.page(release, figures, "2026-04-01-abc", made().source_list())


def test_every_chart_has_a_text_beside_it():
    assert set(TEXTS) == set(CHARTS)
    assert {table for text in TEXTS.values() for table in text.tables} <= set(PUBLISHED)


def test_the_page_has_every_answer_and_section(page, release):
    for answer in answers(release):
        assert answer.basis.replace("'", "&#39;") in page
    for name in CHARTS:
        assert f'<section id="{name}"' in page


def test_the_page_tells_the_changes_of_the_week(page, release):
    found = week(release["prices"], release["price_changes"])
    assert f'<h2 id="week-title">{found.title}.</h2>' in page
    assert 'href="../price_changes.atom"' in page or not found.lines


def test_the_page_asks_for_nothing_and_forbids_it(page):
    assert "default-src 'none'" in page
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert [one for one in loaded if one.startswith("http") and one != "https://example.org"] == []
    assert re.findall(r"<link|@import|url\(", page) == []


def test_the_page_describes_its_data_set_to_search_engines(page):
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    described = json.loads(found.group(1))
    assert (described["@type"], described["version"]) == ("Dataset", "2026-04-01-abc")
    assert described["dateModified"] == "2026-04-01"
    assert {one["contentUrl"] for one in described["distribution"]} == {
        f"../{name}.parquet" for name in PUBLISHED
    }


def test_every_chart_has_a_page_of_its_own_that_loads_the_library_alone(release, monkeypatch):
    monkeypatch.setattr(pages, "javascript", lambda: "the library")
    figures = {name: chart(release) for name, chart in CHARTS.items()}
    homepage = "https://example.org/data/"
    made_pages = pages.pages(release, figures, "2026-04-01-abc", made().source_list(), homepage)
    assert made_pages[pages.LIBRARY_FILE] == "the library"
    for name, figure in figures.items():
        text = made_pages[pages.CHART_FILE.format(name)]
        assert text.startswith("<!doctype html>")
        assert re.findall(r'src="([^"]+)"', text) == [pages.LIBRARY_FILE.rpartition("/")[2]]
        assert f'content="{homepage}latest/{name}.svg"' in text
        assert list(_content(text)["charts"]) == [name]
        assert "models" not in _content(text)
        assert figure.title.partition("'")[0] in text


def test_a_chart_that_has_nothing_to_show_has_no_page_of_its_own(release, monkeypatch):
    monkeypatch.setattr(pages, "javascript", lambda: "")
    figure = CHARTS["fresh"]({**release, "benchmark_gap": release["benchmark_gap"].clear()})
    made_pages = pages.pages(release, {"fresh": figure}, "2026-04-01-abc", [])
    assert set(made_pages) == {pages.PAGE_FILE, pages.LIBRARY_FILE}


def test_the_week_stands_after_the_charts_of_prices(page):
    places = [page.index(f'<section id="{name}"') for name in ("index", "week", "smallest")]
    assert places == sorted(places)


def _content(text):
    data = re.search(r'<script type="application/json" id="content">(.*?)</script>', text, re.S)
    return json.loads(data.group(1))


def test_names_are_escaped_in_the_text_and_in_the_data(page):
    assert HOSTILE not in page
    assert "<img" not in page
    assert HOSTILE in "".join(_content(page)["charts"]["density"]["data"]["rows"]["model"])


def test_charts_without_data_have_their_reason_and_no_specification(tables):
    empty = {name: table.empty() for name, table in PUBLISHED.items()}
    found = sections({name: chart(empty) for name, chart in CHARTS.items()})
    assert json.loads(pages.embedded(found))["charts"] == {}


@pytest.mark.parametrize(
    ("months", "low", "high", "figure", "interval"),
    [
        (4.1, 3.0, 5.9, "doubles every 4.1 months", "3.0 to 5.9 months"),
        (4.1, 3.0, None, "doubles every 4.1 months", "at least 3.0 months"),
        (None, None, None, "cannot be told", ""),
    ],
)
def test_a_card_has_the_number_and_its_interval_or_says_that_there_is_none(
    months, low, high, figure, interval
):
    estimate = Estimate("mmlu", "ok", months, low, high, "")
    made_card = pages.card(Answer("density", "Said.", "Rests.", 1, None, None, None, (estimate,)))
    assert (made_card.figure, made_card.interval) == (figure, interval)


def test_a_price_without_an_upper_end_is_no_pace_on_its_card():
    estimates = (
        Estimate("gpt-4", "ok", 3.0, 1.0, 9.0, ""),
        Estimate("o1", "ok", 2.7, 0.0, None, ""),
    )
    made_card = pages.card(Answer("price", "Said.", "Rests.", 1, None, None, None, estimates))
    assert (made_card.figure, made_card.series, made_card.others) == (
        "halves every 3.0 months",
        "gpt-4",
        (),
    )


def test_the_card_of_the_price_has_its_curve_and_how_often_its_intervals_hold(release):
    halving = release["price_halving"].with_columns(simulated_coverage=pl.lit(0.97))
    given = pages.cards(answers(release), {**release, "price_halving": halving})
    (price,) = [one for one in given if one.section == "price"]
    assert price.held == "Such intervals held the truth in 97 % of simulated worlds."
    assert price.glyph.startswith("<svg")
    assert price.glyph.count("V") == 2  # two falls after the first price


@pytest.mark.parametrize(
    ("low", "high", "has_dot"), [(0.3, 1.2, True), (-0.3, 1.2, False), (-1.2, -0.3, True)]
)
def test_the_drawing_of_a_pace_has_a_dot_only_where_a_pace_is_told(low, high, has_dot):
    one = Estimate("s, total", "ok", 11.9, None, None, "", growth=(low + high) / 2, growth_low=low, growth_high=high)  # fmt: skip
    drawn = pages.ruler_glyph(one, pages.axis_of([one]))
    assert ("circle" in drawn) is has_dot
    numbers = [float(x) for x in re.findall(r' (?:x|x1|cx)="([^"]+)"', drawn)]
    assert all(0 <= x <= glyphs.WIDTH for x in numbers)


def test_what_waits_is_counted_by_kind_of_reason(tables):
    queue = tables["evaluation_queue"]
    reasons = [
        "needs 80.1 GiB, this installation has 80",
        "needs 1,562.4 GiB, this",
        "a base model",
    ]
    frame = pl.concat([queue] * 3).with_columns(reason=pl.Series(reasons))
    assert waiting(frame).select("reason", "models").rows() == [
        ("needs more memory than this installation has", 2),
        ("a base model", 1),
    ]


@pytest.mark.parametrize(
    ("growth", "low", "high", "said"),
    [
        (0.7, 0.1, 1.4, "doubles every 11.9 months"),
        (0.7, 0.0, 1.4, "no growth shown"),
        (0.7, None, None, "no growth shown"),
        (-0.7, -1.4, -0.1, "falls"),
        (None, None, None, "cannot be told"),
    ],
)
def test_a_pace_is_a_number_only_where_the_interval_is_above_zero(growth, low, high, said):
    estimate = Estimate(
        "skills, total", "ok", 11.9, None, None, "", growth=growth, growth_low=low, growth_high=high
    )
    assert pages.pace(estimate) == said


def test_every_ruler_has_a_card_with_its_doublings_a_year():
    growth = {"growth": 0.7, "growth_low": 0.3465735902799726, "growth_high": 1.3862943611198906}
    estimates = tuple(
        Estimate(f"{name}, {basis}", "ok", 11.9, 6.0, 24.0, "", 9, date(2026, 1, 2), **growth)
        for name in ("skills", "knowledge")
        for basis in ("active", "total")
    )
    found = pages.cards([Answer(GROWTH, "Said.", "Rests.", 9, None, None, None, estimates)])
    assert [one.topic for one in found] == ["Density: skills", "Density: knowledge"]
    assert found[0].interval == "by total parameters, 0.5 to 2.0 doublings a year"
    assert found[0].text == "It rests on 9 models to 2026-01-02."
    assert [name for name, _ in found[0].others] == ["by active parameters"]
