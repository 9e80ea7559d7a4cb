"""The page says what the release says, sends no request, and shows names as text."""

import json
import re
from datetime import UTC, datetime
from html import unescape

import polars as pl
import pytest

from densing_pipeline.publication.answers import answers
from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.price_news import week
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
from tests.full_release import HOSTILE, full_release
from tests.releases import some_provenance

pytestmark = pytest.mark.heavy


@pytest.fixture
def release(tables):
    return full_release(tables)


@pytest.fixture
def page(release, monkeypatch):
    # The drawing library takes seconds to bundle and is the same in every page.
    monkeypatch.setattr(pages, "javascript", lambda: "")
    figures = {name: chart(release) for name, chart in CHARTS.items()}
    return pages.page(release, figures, "2026-04-01-abc", some_provenance().source_list())


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
    made_pages = pages.pages(
        release, figures, "2026-04-01-abc", some_provenance().source_list(), homepage
    )
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
