"""Take the pictures of the page of the latest release that `docs/report.md` shows, with Chromium.

Run by `make screenshots`. Not here: the charts in `docs/` (`build`), which need no browser.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, sync_playwright

from densing_pipeline.publication.report.page import PAGE_FILE
from densing_pipeline.settings import Settings

FOLDER = Path(__file__).parent


class View(NamedTuple):
    """What a picture shows.

    Attributes:
        section: part of the page at its top; empty for the first screen.
        width: width of the window in pixels.
        scheme: colour scheme.
    """

    section: str
    width: int
    scheme: Literal["light", "dark"] = "light"


VIEWS = {
    "report-top.jpg": View("", 1100),
    "report-price.jpg": View("price", 1100),
    "report-phone.jpg": View("price", 360, "dark"),
}
"""The pictures by file name."""

HEIGHT, QUALITY = 760, 82
"""Height of the window in pixels, and quality of the pictures in per cent."""


def main() -> int:
    """Take every picture; 1 if there is no browser or no page."""
    browser = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    page = Settings().publish_dir / "latest" / PAGE_FILE
    if browser is None or not page.exists():
        lacking = (
            f"{page} is not there: `make run` publishes it" if browser
            else "needs Chromium (on Debian and Ubuntu: apt install chromium), or its path in CHROMIUM"
        )  # fmt: skip
        print(lacking, file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        # Without a sandbox of its own it also runs in containers; it opens our own page alone.
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for name, view in VIEWS.items():
            take(opened, page, view, FOLDER / name)
        opened.close()
    return 0


def take(browser: Browser, page: Path, view: View, to: Path) -> None:
    """Take one picture.

    Args:
        browser: the browser.
        page: the page on disk.
        view: what is shown.
        to: the picture, a JPEG.
    """
    window = {"width": view.width, "height": HEIGHT}
    context = browser.new_context(viewport=window, color_scheme=view.scheme, offline=True)
    shown = context.new_page()
    shown.goto(page.resolve().as_uri())
    if view.section:
        shown.locator(f"#{view.section}-chart").scroll_into_view_if_needed()
        shown.locator(f"#{view.section}-chart[data-drawn]").wait_for()
        shown.locator(f"#{view.section}").evaluate(
            "one => one.scrollIntoView({behavior: 'instant'})"
        )
    shown.screenshot(path=to, type="jpeg", quality=QUALITY)
    context.close()


if __name__ == "__main__":
    sys.exit(main())
