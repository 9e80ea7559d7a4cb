"""A release: all tables of one moment, swapped in atomically, and only when their content changed.

    published/releases/<release_id>/   every table as parquet, datapackage.json, figures
    published/latest                   link to the newest release, replaced as the last step

A release id is the day of the newest data and the digest of the tables, so the same content is the
same release. Whatever stops the process, `latest` keeps pointing at one whole release.

Not here: what is in `datapackage.json` (`datapackage`) and in the pictures (`figures`).
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from densing_pipeline.publication.datapackage import RESOURCES_FILE, Provenance, datapackage
from densing_pipeline.publication.figures import FIGURES
from densing_pipeline.tables.dates import newest
from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import TableError


@dataclass(frozen=True)
class Release:
    """A published release.

    Attributes:
        release_id: day of the newest data and digest of the tables.
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


def publish(tables: Mapping[str, pl.DataFrame], folder: Path, provenance: Provenance) -> Release:
    """Publish the tables unless the same content is published already.

    Args:
        tables: every published table by name.
        folder: directory that holds `releases/` and `latest`.
        provenance: code, versions and settings the tables were computed with.

    Raises:
        TableError: a table is missing, unknown or does not satisfy its declaration.
    """
    if set(tables) != set(PUBLISHED):
        raise TableError(
            f"a release needs exactly the tables {', '.join(PUBLISHED)}; "
            f"missing: {sorted(set(PUBLISHED) - set(tables))}, unknown: {sorted(set(tables) - set(PUBLISHED))}"
        )
    for name, frame in tables.items():
        PUBLISHED[name].validate(frame)
    releases = folder / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    for leftover in releases.glob(".tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    building = releases / f".tmp-{os.getpid()}"
    building.mkdir()
    try:
        for name, frame in tables.items():
            frame.write_parquet(building / f"{name}.parquet", compression="zstd", statistics=True)
        release_id = _release_id(tables, building)
        target = releases / release_id
        size = sum(file.stat().st_size for file in building.glob("*.parquet"))
        is_new = not is_whole(target)
        if is_new:
            for stem, figure in FIGURES.items():
                (building / f"{stem}.svg").write_bytes(figure(tables))
            package = datapackage(tables, building, release_id, provenance)
            (building / RESOURCES_FILE).write_text(
                json.dumps(package, indent=2, ensure_ascii=False, default=str) + "\n",
                encoding="utf-8",
            )
            _flush(building)
            if target.exists():  # damaged by something outside: keep it for inspection
                target.rename(releases / f"damaged-{release_id}-{os.getpid()}")
            building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    _point(folder / "latest", target)
    return Release(
        release_id, target, is_new, {name: frame.height for name, frame in tables.items()}, size
    )


def is_whole(release: Path) -> bool:
    """Whether every resource of a release is there with the recorded size and hash."""
    try:
        package = json.loads((release / RESOURCES_FILE).read_text(encoding="utf-8"))
        return bool(package["resources"]) and all(
            f"sha256:{_sha256(release / resource['path'])}" == resource["hash"]
            for resource in package["resources"]
        )
    except (OSError, ValueError, KeyError):
        return False


def read_latest(folder: Path) -> dict[str, pl.DataFrame]:
    """The tables of the latest release.

    Raises:
        TableError: nothing is published there, or the release is damaged.
    """
    latest = folder / "latest"
    if not latest.exists():
        raise TableError(
            f"{latest}: nothing is published there yet; run the nightly job (make run)"
        )
    if not is_whole(latest):
        raise TableError(
            f"{latest.resolve()}: the release is damaged; run the nightly job again to rebuild it"
        )
    return {name: pl.read_parquet(latest / f"{name}.parquet") for name in PUBLISHED}


def _release_id(tables: Mapping[str, pl.DataFrame], building: Path) -> str:
    """Day of the newest estimate and a digest of every table that is not about operation."""
    digest = hashlib.sha256()
    for name, table in PUBLISHED.items():
        if not table.operational:
            digest.update(f"{name}:{_sha256(building / f'{name}.parquet')}\n".encode())
    as_of = newest(pl.concat([tables["densing_law"]["as_of"], tables["price_halving"]["as_of"]]))
    return f"{as_of.isoformat()}-{digest.hexdigest()[:12]}"


def _point(link: Path, target: Path) -> None:
    """Make the link point at the target in one step."""
    if link.is_symlink() and link.resolve() == target.resolve():
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target.relative_to(link.parent), target_is_directory=True)
    temporary.replace(link)
    _flush_directory(link.parent)


def _flush(folder: Path) -> None:
    """Force the folder's files to disk, so that a renamed release is whole after a power cut."""
    for file in folder.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    _flush_directory(folder)


def _flush_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # some file systems cannot flush a directory
        os.fsync(descriptor)
    os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
