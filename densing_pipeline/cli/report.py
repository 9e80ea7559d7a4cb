"""`densing report`: the page of the latest release, in the browser."""

import webbrowser

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import published_folder
from densing_pipeline.publication.release import latest_release, nothing_published
from densing_pipeline.publication.report.page import PAGE_FILE


def latest(screen: Screen, *, in_browser: bool) -> None:
    """Print where the page of the latest release is, and open it.

    Raises:
        CommandError: nothing is published, or the release has no page.
    """
    folder = published_folder()
    release = latest_release(folder)
    if release is None:
        raise CommandError(nothing_published(folder))
    page = release.path / PAGE_FILE
    if not page.exists():
        raise CommandError(
            f"{release.path}: made by another version of the pipeline, without a page; `densing run` "
            "publishes one that has it"
        )
    screen.line(str(page))
    if in_browser and not webbrowser.open(page.as_uri()):
        screen.say("No browser could be opened here; open the file with any browser.")
    if screen.failure:
        raise screen.failure
