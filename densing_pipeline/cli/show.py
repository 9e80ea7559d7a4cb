"""`densing show`, and the end of `densing run`: the answers of the latest release, and its tables."""

from densing_pipeline import clock
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import published_folder, reader_settings
from densing_pipeline.publication import summary
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from densing_pipeline.tables.schemas import TableError

NOT_POLLED = (
    "This run asked nobody: it used the facts bundled with the package and what earlier runs fetched. "
    "`densing run --live` asks the price lists and the Hub."
)
NEXT = (
    "Next: `densing report` opens the page with every chart, `densing show --all` prints the tables, `densing explain MODEL` where a model's density "
    "comes from, `densing --help` the other commands."
)


def latest(screen: Screen, *, with_tables: bool) -> None:
    """Print the answers of the latest release, and its tables if asked for.

    Raises:
        CommandError: nothing is published, or the release cannot be read.
    """
    published_folder()
    _print(screen, reader_settings(), with_tables=with_tables)
    if not with_tables:
        screen.say(NEXT)
    if screen.failure:
        raise screen.failure


def after_a_run(screen: Screen, settings: Settings) -> None:
    """Print the answers of the release that a run has just made or confirmed.

    Whatever goes wrong here is said and no more: the release is published.
    """
    try:
        _print(screen, settings, with_tables=False)
        if not (settings.poll or settings.hub_poll):
            screen.say(NOT_POLLED, end="\n\n")
        screen.say(NEXT)
    except Exception as error:
        screen.problem(f"The release is published, but its answers cannot be shown: {error}")
    if screen.failure:
        screen.problem(
            f"The release is published, but the screen cannot be written: {screen.failure}"
        )


def _print(screen: Screen, settings: Settings, *, with_tables: bool) -> None:
    try:
        tables = read_latest(settings.publish_dir)
    except TableError as error:
        raise CommandError(str(error)) from error
    now = clock.now()
    for paragraph in summary.paragraphs(tables, now):
        screen.say(paragraph, end="\n\n")
    if with_tables:
        for part in summary.table_views(tables, now):
            screen.show(part)
            screen.say()
    screen.line(summary.where((settings.publish_dir / "latest").resolve()))
    screen.say()
