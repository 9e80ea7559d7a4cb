"""The page in a real browser: it draws, sends no request, and can be used by keyboard and on a phone."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.report.page import LIBRARY_FILE, PAGE_FILE, pages
from densing_pipeline.tables.published import PUBLISHED
from tests.conftest import one_row
from tests.full_release import HOSTILE, full_release
from tests.releases import some_provenance

pytestmark = pytest.mark.slow

MODELS = 40
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a release that has something to tell in every chart, on disk."""
    tables = full_release({name: one_row(table) for name, table in PUBLISHED.items()})
    figures = {name: chart(tables) for name, chart in CHARTS.items()}
    release = tmp_path_factory.mktemp("release")
    for path, text in pages(
        tables, figures, "2026-04-01-abc", some_provenance().source_list()
    ).items():
        (release / path).parent.mkdir(parents=True, exist_ok=True)
        (release / path).write_text(text)
    return release / PAGE_FILE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(
            "needs Chromium (on Debian and Ubuntu: apt install chromium), or its path in CHROMIUM"
        )
    with sync_playwright() as playwright:
        # Without a sandbox of its own it also runs as root, as in containers; it opens our own page alone.
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()


class Opened:
    """A page in the browser, with what it said and asked for."""

    def __init__(
        self, browser: Browser, file: Path, *, width: int, scheme: str, at: str = ""
    ) -> None:
        """Open a file in a browser without network."""
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            offline=True,
        )
        self.page: Page = context.new_page()
        self.page.set_default_timeout(120_000)
        expect.set_options(timeout=60_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{file.as_uri()}{at}")

    def draw(self, name: str) -> None:
        self.page.locator(f"#{name}-chart").scroll_into_view_if_needed()
        self.page.locator(f"#{name}-chart[data-drawn]").wait_for()

    def symbols(self, name: str) -> Locator:
        """The points that a chart draws first."""
        return self.page.locator(f"#{name}-chart .mark-symbol.role-mark").first.locator("path")


def test_every_chart_draws_without_a_word_or_a_request(browser, file):
    opened = Opened(browser, file, width=1200, scheme="light")
    for name in CHARTS:
        opened.draw(name)
        assert opened.page.locator(f"#{name}-chart path").count() > 2, name
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:"))] == []
    expect(opened.symbols("density")).to_have_count(MODELS)


def test_a_choice_filters_the_chart_and_its_table_and_stands_in_the_address(browser, file):
    opened = Opened(browser, file, width=1200, scheme="light")
    opened.draw("density")
    opened.page.locator("details[data-chart=density] summary").click()
    lines = opened.page.locator("details[data-chart=density] tbody tr")
    assert lines.count() == MODELS
    opened.page.select_option("select[data-chart=density][data-param=weights]", "closed")
    assert lines.count() == 1
    assert opened.page.url.endswith("#density?weights=closed")
    expect(opened.symbols("density")).to_have_count(1)
    opened.page.go_back()
    expect(lines).to_have_count(MODELS)


def test_a_search_by_name_filters_the_table_and_stands_in_the_address(browser, file):
    opened = Opened(browser, file, width=1200, scheme="light")
    opened.draw("density")
    opened.page.locator("details[data-chart=density] summary").click()
    lines = opened.page.locator("details[data-chart=density] tbody tr")
    field = opened.page.locator("input[data-chart=density]")
    field.fill("MODEL-3")
    expect(lines).to_have_count(10)  # model-3 and model-30 to model-38
    expect(opened.symbols("density")).to_have_count(10)
    field.press("Enter")
    assert opened.page.url.endswith("#density?find=MODEL-3")
    opened.page.reload()
    expect(field).to_have_value("MODEL-3")
    opened.page.locator("details[data-chart=density] summary").click()
    field.fill("<script>")
    expect(lines).to_have_count(1)
    field.fill("no such model")
    expect(opened.page.locator("#density-point")).to_have_text(
        "The release has nothing under this choice."
    )
    assert opened.said == []


def test_an_address_opens_the_state_that_it_names(browser, file):
    opened = Opened(
        browser,
        file,
        width=1200,
        scheme="light",
        at="#density?weights=closed&basis=active&scores=nonsense",
    )
    opened.draw("density")
    expect(opened.symbols("density")).to_have_count(1)
    chosen = opened.page.locator("select[data-chart=density]").evaluate_all(
        "all => all.map(one => one.value)"
    )
    assert chosen == ["active", "mmlu", "nmi-2025", "closed"]


def test_the_keyboard_goes_from_point_to_point_and_a_name_is_text(browser, file):
    opened = Opened(browser, file, width=1200, scheme="light")
    opened.draw("density")
    chart, said = opened.page.locator("#density-chart"), opened.page.locator("#density-point")
    chart.focus()
    chart.press("ArrowRight")
    assert said.inner_text().startswith("Model: model-0; Released: 2023-01-01;")
    chart.press("ArrowLeft")
    assert HOSTILE in said.inner_text()
    chart.press("Escape")
    assert said.inner_text() == ""
    assert opened.said == []


def test_a_column_sorts_its_table_up_and_down(browser, file):
    opened = Opened(browser, file, width=1200, scheme="light")
    opened.page.locator("details[data-chart=smallest] summary").click()
    head = opened.page.locator("details[data-chart=smallest] th").nth(2)
    read = "all => all.map(one => Number(one.textContent))"
    cells = opened.page.locator("details[data-chart=smallest] tbody td:nth-child(3)")
    head.locator("button").click()
    assert cells.evaluate_all(read) == sorted(cells.evaluate_all(read))
    opened.page.locator("details[data-chart=smallest] th").nth(2).locator("button").click()
    assert cells.evaluate_all(read) == sorted(cells.evaluate_all(read), reverse=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_a_phone_follows_the_theme_and_axe_finds_no_serious_fault(
    browser, file, scheme, width
):
    opened = Opened(browser, file, width=width, scheme=scheme)
    for name in CHARTS:
        opened.draw(name)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    paper = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(18, 23, 29)" if scheme == "dark" else "rgb(255, 255, 255)")
    found = Axe().run(opened.page).response["violations"]
    serious = [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_the_numbers_of_a_chart_are_saved_as_csv_without_formulas(browser, file):
    opened = Opened(browser, file, width=1200, scheme="light")
    opened.page.locator("details[data-chart=price] summary").click()
    with opened.page.expect_download() as saved:
        opened.page.locator("button[data-chart=price][data-save=csv]").click()
    assert saved.value.suggested_filename == "price.csv"
    lines = Path(saved.value.path()).read_text().split("\n")
    assert lines[0].startswith("As capable as,Curve,Since,")
    assert len(lines) == 1 + 5


def test_a_chart_alone_draws_the_state_of_its_address_and_loads_its_library_only(browser, file):
    alone = file.parent / "charts" / "density.html"
    opened = Opened(browser, alone, width=700, scheme="light", at="#density?weights=closed")
    opened.draw("density")
    expect(opened.symbols("density")).to_have_count(1)
    assert opened.said == []
    loaded = [url for url in opened.asked if url.startswith("file:")]
    assert [Path(url.partition("#")[0]).name for url in loaded] == [
        "density.html",
        Path(LIBRARY_FILE).name,
    ]
    link = opened.page.locator("a.state")
    assert link.get_attribute("href") == "#density?weights=closed"
    opened.page.select_option("select[data-param=weights]", "all")
    assert link.get_attribute("href") == "#density"


def test_the_card_of_a_model_opens_from_its_point_and_from_its_address(browser, file):
    opened = Opened(browser, file, width=1200, scheme="light")
    opened.draw("density")
    chart = opened.page.locator("#density-chart")
    chart.focus()
    chart.press("ArrowRight")
    opened.page.locator("#density-point a").click()
    card = opened.page.locator("#model-card")
    expect(card.locator("h3").first).to_have_text("org/model-0")
    expect(card.locator(".lineage li").first).to_contain_text("org/model-0, released 2023-01-01")
    assert opened.page.url.endswith("#models?id=org%2Fmodel-0")
    opened.page.fill("#model", f"org/{HOSTILE}")
    opened.page.locator("#model").press("Enter")
    expect(card.locator("h3").first).to_have_text(f"org/{HOSTILE}")
    opened.page.go_back()
    expect(card.locator("h3").first).to_have_text("org/model-0")
    assert opened.said == []
