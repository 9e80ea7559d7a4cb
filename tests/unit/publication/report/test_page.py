"""The page says what the release says, sends no request, and shows names as text."""

import json
import re
from datetime import UTC, date, datetime
from html import unescape

import polars as pl
import pytest

from densing_pipeline.publication.answers import GROWTH, Answer, Estimate, answers
from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.price_news import week
from densing_pipeline.publication.report import cards, glyphs
from densing_pipeline.publication.report import page as pages
from densing_pipeline.publication.report.sections import (
    TEXTS,
    revisions_title,
    sections,
    sources,
    sources_title,
    waiting,
    waiting_title,
)
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


def unbroken(text):
    """A text as the templates write it."""
    asks = "{% from 'chart_block.html.j2' import unbroken %}{{ unbroken(text) }}"
    return pages.templates().from_string(asks).render(text=text)


def test_every_chart_has_a_text_beside_it():
    assert set(TEXTS) == set(CHARTS)
    assert {table for text in TEXTS.values() for table in text.tables} <= set(PUBLISHED)


def test_the_page_has_every_answer_and_section(page, release):
    text = re.sub(r"</?span[^>]*>", "", page)
    for answer in answers(release):
        assert answer.sentence.replace("'", "&#39;") in text
    for name in CHARTS:
        assert f'<section id="{name}"' in page


def test_the_page_tells_the_changes_of_the_week(page, release):
    found = week(release["prices"].lazy(), release["price_changes"])
    assert f'<h2 id="week-title">{unbroken(found.title)}.</h2>' in page
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
        assert f"<title>{figure.title}</title>" in unescape(text)
        assert HOSTILE not in text


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
    assert HOSTILE in "".join(_content(page)["charts"]["density"]["data"]["rows"]["model"]["of"])


def test_charts_without_data_have_their_reason_and_no_specification(tables):
    empty = {name: table.empty() for name, table in PUBLISHED.items()}
    found = sections({name: chart(empty) for name, chart in CHARTS.items()})
    assert json.loads(pages.embedded(found))["charts"] == {}


@pytest.mark.parametrize(
    ("months", "low", "high", "figure", "interval"),
    [
        (4.1, 3.0, 5.9, "halves every 4.1 months", "3.0 to 5.9 months (95 % interval), as capable as gpt-4"),
        (4.1, 3.0, None, "cannot be told", ""),
        (None, None, None, "cannot be told", ""),
    ],
)  # fmt: skip
def test_the_card_of_the_price_has_the_number_and_its_interval_or_says_that_there_is_none(
    months, low, high, figure, interval
):
    estimate = Estimate("gpt-4", "ok", months, low, high, "")
    given = Answer("price", "Said.", "Rests.", 1, None, None, None, (estimate,))
    made_card = cards.price_card(given)
    assert (made_card.figure, made_card.interval) == (figure, interval)


def test_a_price_without_an_upper_end_is_no_pace_on_its_card():
    estimates = (
        Estimate("gpt-4", "ok", 3.0, 1.0, 9.0, ""),
        Estimate("o1", "ok", 2.7, 0.0, None, ""),
    )
    made_card = cards.price_card(Answer("price", "Said.", "Rests.", 1, None, None, None, estimates))
    assert (made_card.figure, made_card.series, made_card.others) == (
        "halves every 3.0 months",
        "gpt-4",
        (),
    )
    assert made_card.text == "No pace can be told of o1. Rests."


def test_the_card_of_the_price_has_its_curve_and_how_often_its_intervals_hold(release):
    halving = release["price_halving"].with_columns(simulated_coverage=pl.lit(0.97))
    given = cards.cards(answers(release), {**release, "price_halving": halving})
    (price,) = [one for one in given if one.section == "price"]
    assert price.held == "Such intervals held the truth in 97 % of simulated worlds."
    assert price.glyph.startswith("<svg")
    assert price.glyph.count("V") == 2  # two falls after the first price


@pytest.mark.parametrize(
    ("low", "high", "has_dot"), [(0.3, 1.2, True), (-0.3, 1.2, False), (-1.2, -0.3, True)]
)
def test_the_drawing_of_a_pace_has_a_dot_only_where_a_pace_is_told(low, high, has_dot):
    one = Estimate("s, total", "ok", 11.9, None, None, "", growth=(low + high) / 2, growth_low=low, growth_high=high)  # fmt: skip
    drawn = cards.ruler_glyph(one, cards.axis_of([one]))
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
    assert cards.pace(estimate) == said


def test_every_ruler_has_a_card_with_its_doublings_a_year():
    growth = {"growth": 0.7, "growth_low": 0.3465735902799726, "growth_high": 1.3862943611198906}
    estimates = tuple(
        Estimate(f"{name}, {basis}", "ok", 11.9, 6.0, 24.0, "", 9, date(2026, 1, 2), **growth)
        for name in ("skills", "knowledge")
        for basis in ("active", "total")
    )
    found = cards.cards([Answer(GROWTH, "Said.", "Rests.", 9, None, None, None, estimates)])
    assert [one.topic for one in found] == ["Density: skills", "Density: knowledge"]
    assert found[0].interval == "6.0 to 24.0 months by total parameters (95 % interval)"
    assert found[0].text == "It rests on 9 models to 2026-01-02."
    assert [name for name, _ in found[0].others] == ["by active parameters"]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.7, 1.4, "5.9 to 11.9 months"),
        (0.0, 0.7, "1.0- to 2.0-fold a year"),
        (-0.7, 0.7, "0.5- to 2.0-fold a year"),
        (None, None, ""),
    ],
)
def test_the_interval_of_a_pace_is_in_months_only_if_one_is_told(low, high, said):
    one = Estimate("s, total", "ok", 1.0, None, None, "", growth=0.7, growth_low=low, growth_high=high)  # fmt: skip
    assert cards.ends_of(one) == said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to 2026-11-29.", 'to <span class="unbroken">2026-11-29</span>.'),
        ("(2026-01 to 95 %)", '(<span class="unbroken">2026-01</span> to <span class="unbroken">95 %</span>)'),
        ("1.8 c each", '<span class="unbroken">1.8 c</span> each'),
        ("3 cats <b>", "3 cats &lt;b&gt;"),
        ("</span><script>2026-11-29", '&lt;/span&gt;&lt;script&gt;<span class="unbroken">2026-11-29</span>'),
    ],
)  # fmt: skip
def test_no_line_breaks_inside_a_day_or_a_number_with_its_unit_and_names_are_escaped(text, shown):
    assert unbroken(text) == shown


@pytest.mark.parametrize(
    ("values", "embedded"),
    [
        (["a", "b", "a", "a"], {"of": ["a", "b"], "at": [0, 1, 0, 0]}),
        (["a", "b", "a"], ["a", "b", "a"]),
        ([None, "a", None, "a", None], {"of": [None, "a"], "at": [0, 1, 0, 1, 0]}),
        ([1, 1, 1, 1], [1, 1, 1, 1]),
    ],
)
def test_text_that_repeats_is_embedded_once(values, embedded):
    assert pages.compact(pl.Series(values)) == embedded


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (["embedded", "disabled"], "No source was asked; the package brings data of 2026-01-01"),
        (["ok", "failed"], "1 of 2 sources answered when last asked; data of 2026-01-01 to 2026-01-02"),
        (["unchanged", "embedded"], "1 of 1 source answered when last asked; data of 2026-01-01 to 2026-01-02"),
        (["disabled", "disabled"], "No source has data yet"),
    ],
)  # fmt: skip
def test_the_sources_say_how_many_answered_and_how_old_their_data_are(tables, outcomes, said):
    health = pl.concat([tables["source_health"]] * 2).with_columns(
        source=pl.Series(["a", "b"]), outcome=pl.Series(outcomes),
        polled_at=pl.Series([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)]),
    )  # fmt: skip
    assert sources_title(sources(health)) == said


@pytest.mark.parametrize(
    ("state", "said"),
    [("done", "Every known model is evaluated"), ("queued", "1 model not evaluated here: 1 queued")],
)  # fmt: skip
def test_what_waits_is_counted_by_state(tables, state, said):
    assert (
        waiting_title(waiting(tables["evaluation_queue"].with_columns(state=pl.lit(state)))) == said
    )


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "No published number moved"), (1, "1 published number moved"), (1200, "1,200 published numbers moved")],
)  # fmt: skip
def test_what_moved_is_counted(count, said):
    assert revisions_title(count) == f"{said} since the release before"


def test_a_source_whose_address_is_no_web_page_is_no_link(release):
    source = {"title": "A", "version": "1", "license": "x", "path": "javascript:alert(1)"}
    text = pages.page(
        release, {}, "2026-04-01-abc", [source, source | {"path": "https://example.org/a"}]
    )
    assert 'href="javascript' not in text
    assert "<dd>1; x; javascript:alert(1)</dd>" in text
    assert '<a href="https://example.org/a"' in text
