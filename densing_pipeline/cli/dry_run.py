"""`densing run --dry-run`: what a night would ask, read and write, and what would stop it; nothing is asked or written."""

import errno
import os
from pathlib import Path

from densing_pipeline import state
from densing_pipeline.addresses import shown
from densing_pipeline.cli.errors import CommandError, sentence
from densing_pipeline.cli.night import with_polls
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import reader_settings
from densing_pipeline.settings import Settings


def run(screen: Screen, *, is_live: bool) -> None:
    """Print it.

    Args:
        screen: where it is printed.
        is_live: whether the night would ask the sources, whatever the variables say.

    Raises:
        CommandError: something would stop the night; the message says what.
    """
    settings = with_polls(reader_settings(), is_live=is_live)
    for line in (*_asked(settings), *_places(settings)):
        screen.say(line)
    if problems := _problems(settings):
        raise CommandError("\n".join(problems))
    screen.say("Nothing would stop it.")


def _asked(settings: Settings) -> list[str]:
    """Whom the night would ask."""
    if not settings.poll:
        told = ["No price list or score source would be asked (DENSING_POLL is off)."]
    else:
        from densing_pipeline.prices.sources import SOURCES as LISTS
        from densing_pipeline.score_sources.sources import SOURCES as SCORES

        urls = {each.url(settings): name for name, each in LISTS.items()}
        urls |= {each.url(settings): name for name, each in SCORES.items()}
        told = [f"Would ask {name} at {shown(url)}." for url, name in sorted(urls.items())]
    if not settings.hub_poll:
        return [*told, "The Hub would not be asked (DENSING_HUB_POLL is off)."]
    return [*told, f"Would ask the Hub at {shown(settings.hub_endpoint or 'its own address')}."]


def _places(settings: Settings) -> list[str]:
    """Where the night would read and write."""
    from densing_pipeline.publication.release import published_at

    latest = published_at(settings.publish_dir / "latest")
    place = shown(settings.publish_url) if settings.is_remote else settings.publish_dir.absolute()
    return [
        f"Tables and landed responses: {settings.state_dir.absolute()}.",
        f"Releases: {place}, the latest {latest.release_id if latest else 'is to be the first'}.",
        f"Intervals from {settings.bootstrap_draws:,} resamples with seed {settings.seed}; "
        f"a step is ended after {settings.step_hours:g} hours, the night after {settings.night_hours:g}.",
    ]


def _problems(settings: Settings) -> list[str]:
    """What would stop the night, a sentence each."""
    found = state.obstacles(settings.state_dir)
    releases = settings.publish_dir.absolute() / "releases"
    if releases.exists() and not releases.is_dir():
        found.append(sentence(FileExistsError(errno.EEXIST, "", str(releases))))
    for path in (settings.state_dir, settings.publish_dir):
        nearest = next(each for each in (path, *path.absolute().parents) if each.exists())
        if not os.access(nearest, os.W_OK) or _is_read_only(nearest):
            found.append(
                f"{nearest} cannot be written; make it writable, or name another directory"
            )
    if not found:
        # Importing dagster takes seconds.
        from densing_pipeline.orchestration import storage

        try:
            storage.check(settings)
        except state.StorageError as error:
            found.append(str(error))
    return found


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
