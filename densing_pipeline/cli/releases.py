"""`densing releases`: the releases of the publish place, and what moved between two of them."""

from datetime import UTC
from pathlib import Path

from rich.table import Table

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import published_folder
from densing_pipeline.publication import catalogue
from densing_pipeline.publication.moved import markdown
from densing_pipeline.publication.release import (
    Published,
    latest_release,
    nothing_published,
    published_at,
)
from densing_pipeline.publication.revisions import COMPARED, moved
from densing_pipeline.text import plain


def show(screen: Screen) -> None:
    """Print every release, oldest first.

    Raises:
        CommandError: nothing is published.
    """
    folder = published_folder()
    known = catalogue.in_folder(folder).sort("created_at", "release_id")
    latest = latest_release(folder)
    if known.is_empty() or latest is None:
        raise CommandError(nothing_published(folder))
    table = Table(box=None, pad_edge=False)
    for title in ("release", "made", "rows", "MB", "numbers moved", ""):
        table.add_column(
            title, justify="right" if title in ("rows", "MB", "numbers moved") else "left"
        )
    for one in known.iter_rows(named=True):
        state = "latest" if one["release_id"] == latest.release_id else ""
        table.add_row(
            plain(one["release_id"]),
            one["created_at"].astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
            f"{one['n_rows']:,}",
            f"{one['n_bytes'] / 1e6:.1f}",
            str(one["n_revisions"]),
            state if one["is_available"] else "removed",
        )
    screen.show(table)


def compare(screen: Screen, before: str | None, after: str | None) -> None:
    """Print what published numbers moved between two releases, as a list in Markdown.

    Raises:
        CommandError: a release is not there or damaged, or is of a version that cannot be compared.
    """
    folder = published_folder()
    newer = _found(folder, after) if after else latest_release(folder)
    if newer is None:
        raise CommandError(nothing_published(folder))
    older = before or newer.package["provenance"].get("previous_release")
    if older is None:
        raise CommandError(f"{newer.release_id} is the first release; name one to compare it with")
    tables = {name: newer.table(name) for name in COMPARED}
    known = {name: table for name, table in tables.items() if table is not None}
    if missing := [name for name in COMPARED if name not in known]:
        raise CommandError(
            f"{newer.path}: made by another version of the pipeline, without {', '.join(missing)}"
        )
    screen.line(markdown(moved(_found(folder, older), known, newer.package)))


def _found(folder: Path, name: str) -> Published:
    """A release by its name, or by the path of its folder."""
    for path in (folder / "releases" / name, Path(name)):
        if (found := published_at(path)) is not None:
            return found
    raise CommandError(
        f"{name}: no release of that name in {folder}, and no folder with one; "
        "`densing releases` lists them"
    )
