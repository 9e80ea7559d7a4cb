"""The list of releases, kept at the root of the place they are published to.

    releases.json      every release that was ever published there, oldest first
    releases.parquet   the same as a table (`tables.published.RELEASES`)
    releases.atom      an Atom feed of the newest ones

A release that was removed (`retired`) stays in the list, with `is_available` false. The three files follow
from the releases and from the list before; they are written after a release is in its place, and what a
killed process left out is written by the next one.

Not here: how a release is made (`release`), and what is in it.
"""

import io
import json
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline import files
from densing_pipeline.publication import atom
from densing_pipeline.publication.answers import HEADLINE_FILE
from densing_pipeline.publication.datapackage import RESOURCES_FILE
from densing_pipeline.publication.moved import of_release, sentences
from densing_pipeline.tables import contract
from densing_pipeline.tables.published import RELEASES, REVISIONS
from densing_pipeline.tables.schemas import TableError

LIST_FILE = "releases.json"
TABLE_FILE = "releases.parquet"
FEED_FILE = "releases.atom"
FILES = (LIST_FILE, TABLE_FILE, FEED_FILE)

UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, pl.exceptions.PolarsError, TableError,
)  # fmt: skip
"""What reading a document raises that was altered from outside: it may be any JSON, or none."""

FEED_ENTRIES = 50
"""Most releases in the feed, the newest ones."""


def row(release: Path) -> pl.DataFrame:
    """The row of a release that lies in a folder.

    Raises:
        OSError: a file of the release is not there.
        ValueError, KeyError, TypeError, AttributeError, IndexError: its description is damaged.
    """
    text = (release / RESOURCES_FILE).read_bytes()
    package: dict[str, Any] = json.loads(text)
    revisions = REVISIONS.cast(pl.read_parquet(release / "revisions.parquet"))
    previous = package["provenance"].get("previous_release")
    moved = of_release(revisions, previous)
    return RELEASES.cast(
        pl.DataFrame(
            {
                "release_id": [package["version"]],
                "created_at": [datetime.fromisoformat(package["created"])],
                "previous_release_id": [previous],
                "path": [f"releases/{package['version']}"],
                "descriptor_sha256": [files.file_sha256(release / RESOURCES_FILE)],
                "n_tables": [len(package["resources"])],
                "n_rows": [sum(resource["rows"] for resource in package["resources"])],
                "n_bytes": [sum(resource["bytes"] for resource in package["resources"])],
                "n_revisions": [moved.height],
                "what_moved": [" ".join(sentences(moved)) or None],
                "headline": [_headline(release)],
                "is_available": [True],
            },
            schema_overrides=RELEASES.polars_schema,
        )
    )


def _headline(release: Path) -> str | None:
    """The first answer of a release; None for one of an earlier version, which has no answers."""
    path = release / HEADLINE_FILE
    if not path.exists():
        return None
    given = json.loads(path.read_bytes())["answers"]
    return str(given[0]["text"]) if given else None


def read(content: bytes | None) -> pl.DataFrame:
    """The releases of a `releases.json`; none if there is no such file or it is damaged."""
    try:
        entries = json.loads(content or b"")["releases"]
        frame = pl.DataFrame(entries, infer_schema_length=None)
        instants = pl.col("created_at").str.to_datetime(time_unit="us", time_zone="UTC")
        return RELEASES.validate(RELEASES.cast(frame.with_columns(instants)))
    except UNREADABLE:
        return RELEASES.empty()


def merged(known: pl.DataFrame, rows: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """A list with the rows of further releases, each in the place of an earlier row of the same release."""
    together = pl.concat([known, *rows])
    return RELEASES.cast(together.unique("release_id", keep="last", maintain_order=True))


def with_available(known: pl.DataFrame, available: Collection[str]) -> pl.DataFrame:
    """A list that says of these releases alone that they can be had."""
    return known.with_columns(is_available=pl.col("release_id").is_in(list(available)))


def in_folder(folder: Path) -> pl.DataFrame:
    """The list of the releases published to a folder: its list, and releases that the list lacks."""
    path = folder / LIST_FILE
    known = read(path.read_bytes() if path.exists() else None)
    present = {found.parent.name: found.parent for found in _descriptors(folder)}
    listed = set(known["release_id"])
    rows = []
    for name in sorted(set(present) - listed):
        try:
            rows.append(row(present[name]))
        except UNREADABLE:
            # Altered from outside; `release.is_whole` says so to whoever reads it.
            continue
    return with_available(merged(known, rows), set(present))


def _descriptors(folder: Path) -> Iterable[Path]:
    return folder.glob(f"releases/20*/{RESOURCES_FILE}")


def retired(known: pl.DataFrame, latest: str, keep: int) -> list[str]:
    """The releases to remove: all but the newest `keep`, the last of each month, and the latest one.

    Args:
        known: the list of releases.
        latest: the release that is the latest one, which may not be the newest.
        keep: how many of the newest stay.
    """
    order = known.filter("is_available").sort("created_at", "release_id")
    month = pl.col("created_at").dt.strftime("%Y-%m")
    of_months = order.unique(month, keep="last", maintain_order=True)["release_id"]
    stay = {latest, *order["release_id"].tail(keep), *of_months}
    return [name for name in order["release_id"] if name not in stay]


def rendered(known: pl.DataFrame, homepage: str = "") -> dict[str, bytes]:
    """The content of the three files, by name; the same list gives the same bytes.

    Args:
        known: the list of releases, at least one.
        homepage: address at which readers find the releases; empty if there is none.
    """
    oldest_first = known.sort("created_at", "release_id")
    entries = [
        entry | {"created_at": entry["created_at"].isoformat()} for entry in oldest_first.to_dicts()
    ]
    document = {"contract": contract.NAME, "releases": entries}
    table = io.BytesIO()
    known.write_parquet(table, compression="zstd")
    return {
        LIST_FILE: (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(),
        TABLE_FILE: table.getvalue(),
        FEED_FILE: _feed(oldest_first.tail(FEED_ENTRIES), homepage),
    }


def _feed(releases: pl.DataFrame, homepage: str) -> bytes:
    entries = [
        atom.Entry(
            identity=f"release/{one['release_id']}",
            title=f"Release {one['release_id']}",
            updated=one["created_at"],
            text="\n\n".join(
                filter(None, (one["headline"], one["what_moved"] or "No published number moved."))
            ),
            link=f"{homepage.rstrip('/')}/{one['path']}/" if homepage else "",
        )
        for one in releases.to_dicts()
    ]
    return atom.feed("releases", "Releases of densing-pipeline", entries, homepage)


def write(folder: Path, known: pl.DataFrame, homepage: str = "") -> None:
    """Write the three files of a folder, each only if its content changed."""
    for name, content in rendered(known, homepage).items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            files.write(path, content, files.PUBLIC_FILE)
