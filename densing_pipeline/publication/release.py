"""Publish all tables of a run as one release, atomically, and only when their content changed.

    published/releases/<release_id>/   every table as parquet, datapackage.json, croissant.json, README.md,
                                       CITATION.cff, headline.json, the charts, the page and those of its charts in report/
    published/latest                   link to the newest release, replaced when the release is whole
    published/releases.*               the list of releases (`catalogue`), written after that

A release id is the day of the newest data and a digest of tables and sources. Content that equals
that of the latest release up to rounding makes no new release, because processors round the last
digits differently. Whenever the process is killed, `latest` points at a complete release.

Not here: the content of `datapackage.json` (`datapackage`) of the charts (`charts`) and of the page (`report`).
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from densing_pipeline import files
from densing_pipeline.publication import catalogue, layout
from densing_pipeline.publication.answers import HEADLINE_FILE, answers, headline
from densing_pipeline.publication.card import (
    CARD_FILE,
    CITATION_FILE,
    card,
    citation,
    cited,
)
from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.charts.rendering import svg
from densing_pipeline.publication.croissant import CROISSANT_FILE, croissant
from densing_pipeline.publication.datapackage import (
    REPLAYED,
    RESOURCES_FILE,
    Provenance,
    datapackage,
    listed_files,
    with_descriptions,
)
from densing_pipeline.publication.price_news import FEED_FILE, feed
from densing_pipeline.publication.report.page import LIBRARY_FILE, pages
from densing_pipeline.publication.stored_tables import scan
from densing_pipeline.tables.dates import newest
from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import TableError

UNCHANGED_WITHIN = 1e-5
"""Relative difference up to which floats count as equal; fits on two processors differ by 1e-6."""


@dataclass(frozen=True)
class Release:
    """A published release.

    Attributes:
        release_id: day of the newest data and digest of tables and sources.
        path: folder of the release.
        is_new: false if this content had been published before.
        rows: rows by table.
        bytes: size of all tables.
    """

    release_id: str
    path: Path
    is_new: bool
    rows: dict[str, int]
    bytes: int


def publish(
    tables: Mapping[str, pl.DataFrame], folder: Path, made: Provenance, keep: int | None = None
) -> Release:
    """Publish the tables unless the same content is published already.

    The list of releases is brought up to date in any case, and old releases are removed.

    Args:
        tables: every published table by name. Of stored ones (`StoredTables`) a long one is never in memory as a whole.
        folder: directory that holds `releases/` and `latest`.
        made: code, versions and settings the tables were computed with.
        keep: newest releases that are kept, besides the last of each month; all if None.

    Raises:
        TableError: a table is missing, unknown, invalid or has dates in the future, `latest` is
            not a link, or the releases there are of another clock.
    """
    if set(tables) != set(PUBLISHED):
        raise TableError(
            f"a release needs exactly the tables {', '.join(PUBLISHED)}; "
            f"missing: {sorted(set(PUBLISHED) - set(tables))}, unknown: {sorted(set(tables) - set(PUBLISHED))}"
        )
    for name in PUBLISHED:
        PUBLISHED[name].validate(scan(tables, name))
    as_of = newest(pl.concat([tables["densing_law"]["as_of"], tables["price_halving"]["as_of"]]))
    if as_of > made.created.date():
        raise TableError(
            f"the newest data are of {as_of}, but today is {made.created.date()}: correct the date "
            "of observation in the facts or the source it came from"
        )
    latest = folder / "latest"
    if latest.exists() and not latest.is_symlink():
        raise TableError(f"{latest} is not a link to a release; move it away and run again")
    with locked(folder):
        _check_clock(latest, made)
        for leftover in folder.glob("releases/.tmp-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        target, is_new = _build(tables, folder, as_of.isoformat(), made)
        point(latest, target)
        _list(folder, target.name, keep, made.homepage)
    return Release(
        release_id=target.name,
        path=target,
        is_new=is_new,
        rows={name: scan(tables, name).select(pl.len()).collect().item() for name in PUBLISHED},
        bytes=sum(file.stat().st_size for file in target.glob("*.parquet")),
    )


def _check_clock(latest: Path, made: Provenance) -> None:
    """Keep releases of tests and replays, whose clock `DENSING_NOW` sets, apart from real ones.

    Raises:
        TableError: the latest release is of the other kind.
    """
    if not is_whole(latest):
        return
    if _package(latest)["provenance"].get(REPLAYED, False) != made.is_replayed:
        theirs = "real nights" if made.is_replayed else "a clock that DENSING_NOW had set"
        raise TableError(
            f"{latest.parent} has releases of {theirs}: {'unset DENSING_NOW, or ' if made.is_replayed else ''}"
            "set DENSING_STATE_DIR and DENSING_PUBLISH_URL to directories of their own"
        )


def is_whole(release: Path) -> bool:
    """Whether every file of a release exists and has the recorded hash."""
    try:
        package = _package(release)
        return bool(package["resources"]) and all(
            f"sha256:{files.file_sha256(release / file['path'])}" == file["hash"]
            for file in listed_files(package)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class Published:
    """A complete release on disk.

    Attributes:
        release_id: its name.
        path: its folder.
        package: its `datapackage.json`.
    """

    release_id: str
    path: Path
    package: Mapping[str, Any]

    def scan(self, name: str) -> pl.LazyFrame | None:
        """One of its tables as a query, maybe with the columns of an earlier version; None if it lacks the table."""
        path = self.path / f"{name}.parquet"
        return pl.scan_parquet(path) if path.exists() else None

    def table(self, name: str) -> pl.DataFrame | None:
        """One of its tables as `scan` gives it, read."""
        rows = self.scan(name)
        return None if rows is None else rows.collect()


def latest_release(folder: Path) -> Published | None:
    """The latest complete release; None if there is none.

    If `latest` is damaged, the newest complete release is returned.
    """
    releases = [folder / "latest", *(folder / "releases").glob("20*")]
    whole = [path.resolve() for path in releases[:1] if is_whole(path)]
    whole = whole or [path for path in releases[1:] if is_whole(path)]
    found = max(whole, key=lambda path: (str(_package(path)["created"]), path.name), default=None)
    return None if found is None else Published(found.name, found, _package(found))


def published_at(path: Path) -> Published | None:
    """The release in a folder; None if there is none or it is damaged."""
    if not is_whole(path):
        return None
    found = path.resolve()
    return Published(found.name, found, _package(found))


def nothing_published(folder: Path) -> str:
    """What to say of a folder without a release, with the remedy."""
    return f"{folder}: nothing is published there yet; `densing run` publishes a first release"


def published_before(folder: Path, name: str) -> pl.DataFrame | None:
    """One table of the latest complete release, maybe with older columns; None if there is none."""
    release = latest_release(folder)
    return release.table(name) if release else None


def read_latest(folder: Path) -> dict[str, pl.DataFrame]:
    """The tables of the latest release.

    Raises:
        TableError: nothing is published there, or the release is damaged or of an older layout.
    """
    latest = folder / "latest"
    if not latest.exists():
        raise TableError(nothing_published(latest))
    if not is_whole(latest):
        raise TableError(
            f"{latest.resolve()}: the release is damaged; run the nightly job again to rebuild it"
        )
    if missing := [name for name in PUBLISHED if not (latest / f"{name}.parquet").exists()]:
        raise TableError(
            f"{latest.resolve()}: made by another version of the pipeline, without "
            f"{', '.join(missing)}; run the nightly job again (make run)"
        )
    return {name: pl.read_parquet(latest / f"{name}.parquet") for name in PUBLISHED}


def _build(
    tables: Mapping[str, pl.DataFrame], folder: Path, day: str, made: Provenance
) -> tuple[Path, bool]:
    """The folder of the release with this content, and whether it was made now."""
    releases, before = folder / "releases", latest_release(folder)
    building = Path(tempfile.mkdtemp(prefix=".tmp-", dir=releases))
    try:
        for name in PUBLISHED:
            layout.write(scan(tables, name), building / f"{name}.parquet")
        if before is not None and _same_content(before, building, made):
            return before.path, False
        target = releases / f"{day}-{_digest(building, made)}"
        if is_whole(target):
            return target, False
        figures = {name: chart(tables) for name, chart in CHARTS.items()}
        for name, figure in figures.items():
            if figure.chart is not None:
                (building / f"{name}.svg").write_bytes(svg(figure))
        for path, text in pages(
            tables, figures, target.name, made.source_list(), made.homepage, _library(before)
        ).items():
            (building / path).parent.mkdir(parents=True, exist_ok=True)
            (building / path).write_text(text, encoding="utf-8")
        given = headline(target.name, answers(tables))
        (building / HEADLINE_FILE).write_text(_json(given), encoding="utf-8")
        if (changes := feed(tables["price_changes"], made.homepage)) is not None:
            (building / FEED_FILE).write_bytes(changes)
        previous = before.release_id if before else None
        package = datapackage(tables, building, target.name, made, previous)
        _describe(building, package, [answer["sentence"] for answer in given["answers"]])
        files.make_public(building)
        files.flush(building)
        if target.exists():  # damaged by something outside: keep it for inspection
            target.rename(Path(tempfile.mkdtemp(prefix="damaged-", dir=releases)) / target.name)
        files.rename(building, target)
        return target, True
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _library(before: Published | None) -> str | None:
    """The library of the charts from the release before, whose hash is checked; None if it has another one."""
    if before is None or not (before.path / LIBRARY_FILE).exists():
        return None
    return (before.path / LIBRARY_FILE).read_text(encoding="utf-8")


def _describe(building: Path, package: dict[str, Any], sentences: Sequence[str]) -> None:
    """Write the descriptions of a release that is built, the one that has all hashes last."""
    written = {
        CARD_FILE: card(package, sentences),
        CITATION_FILE: citation(package),
        CROISSANT_FILE: _json(croissant(package, cited(package))),
    }
    for name, text in written.items():
        (building / name).write_text(text, encoding="utf-8")
    (building / RESOURCES_FILE).write_text(
        _json(with_descriptions(package, building)), encoding="utf-8"
    )


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _same_content(release: Published, building: Path, made: Provenance) -> bool:
    """Whether a release has the tables of a folder and these sources, up to `UNCHANGED_WITHIN`."""
    return release.package["sources"] == made.source_list() and all(
        _same_rows(release.path / f"{name}.parquet", building / f"{name}.parquet")
        for name, table in PUBLISHED.items()
        if not table.operational
    )


def _same_rows(published: Path, written: Path) -> bool:
    """Whether two files have the same rows in the same order, up to `UNCHANGED_WITHIN`."""
    if not published.exists():
        return False
    if files.file_sha256(published) == files.file_sha256(written):
        return True
    both = [pl.scan_parquet(path) for path in (published, written)]
    counts = {rows.select(pl.len()).collect().item() for rows in both}
    if len(counts) > 1:
        return False
    try:
        for first in range(0, max(*counts, 1), layout.GROUP_ROWS):
            then, now = (rows.slice(first, layout.GROUP_ROWS).collect() for rows in both)
            assert_frame_equal(then, now, rel_tol=UNCHANGED_WITHIN, abs_tol=0)
    except AssertionError:
        return False
    return True


def _digest(building: Path, made: Provenance) -> str:
    """Digest of the sources and of every table that is not `operational`."""
    digest = hashlib.sha256(json.dumps(made.source_list()).encode())
    for name, table in PUBLISHED.items():
        if not table.operational:
            digest.update(f"{name}:{files.file_sha256(building / f'{name}.parquet')}\n".encode())
    return digest.hexdigest()[:12]


def _package(release: Path) -> dict[str, Any]:
    package: dict[str, Any] = json.loads((release / RESOURCES_FILE).read_text(encoding="utf-8"))
    return package


def _list(folder: Path, latest: str, keep: int | None, homepage: str) -> None:
    """Bring the list of releases up to date, then remove the releases that it calls removed."""
    known = catalogue.in_folder(folder)
    retired = catalogue.retired(known, latest, keep) if keep is not None else []
    available = set(known.filter("is_available")["release_id"]) - set(retired)
    catalogue.write(folder, catalogue.with_available(known, available), homepage)
    for name in retired:
        # In one step, so that a reader finds the whole release or none of it.
        away = Path(tempfile.mkdtemp(prefix=".tmp-", dir=folder / "releases"))
        files.rename(folder / "releases" / name, away / name)
        shutil.rmtree(away, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, for one publisher at a time; it is released if the process dies."""
    for each in (folder, folder / "releases"):
        if not each.exists():
            each.mkdir(parents=True, exist_ok=True)
            each.chmod(files.PUBLIC_FOLDER)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def point(link: Path, target: Path) -> None:
    """Make the link point at the target in one step."""
    if link.is_symlink() and link.resolve() == target.resolve():
        return
    files.link(link, target.relative_to(link.parent))
