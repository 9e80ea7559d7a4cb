"""`datapackage.json`: contents and provenance of a release, and how to reproduce it.

Data Package v2, https://datapackage.org/standard/data-package/
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.files import file_sha256
from densing_pipeline.publication.answers import HEADLINE_FILE
from densing_pipeline.publication.consistency import LIBRARIES
from densing_pipeline.settings import Settings
from densing_pipeline.tables import dictionary
from densing_pipeline.tables.published import PUBLISHED

RESOURCES_FILE = "datapackage.json"


@dataclass(frozen=True)
class Provenance:
    """Code, libraries, settings and sources with which the tables were computed.

    Attributes:
        created: when the release was made.
        git_sha: commit of the code, with `-dirty` if files differ from it; empty outside a checkout.
        versions: versions of the libraries that can change a number.
        seed: seed of every random draw.
        bootstrap_draws: resamples behind every bootstrap interval.
        sources: the fact table `sources`.
    """

    created: datetime
    git_sha: str
    versions: dict[str, str]
    seed: int
    bootstrap_draws: int
    sources: pl.DataFrame

    def source_list(self) -> list[dict[str, str]]:
        """The sources as a data package lists them."""
        return [
            {
                "title": row["title"],
                "path": row["source_url"],
                "version": row["version"],
                "license": row["licence"],
                "published": row["published_at"].isoformat(),
            }
            for row in self.sources.to_dicts()
        ]

    def differs_from(self, package: Mapping[str, Any]) -> str:
        """The differences between this provenance and that of a published package, in words."""
        before = package["provenance"]
        known = {source["title"]: source for source in package["sources"]}
        moved = [one["title"] for one in self.source_list() if known.get(one["title"]) != one]
        parts = [
            f"sources: {', '.join(map(str, moved))}" if moved else "",
            "settings" if (self.seed, self.bootstrap_draws)
            != (before["seed"], before["bootstrap_draws"]) else "",
            "code" if self.git_sha != before["git_sha"] else "",
            "libraries" if self.versions != before["versions"] else "",
        ]  # fmt: skip
        return "; ".join(filter(None, parts)) or "models, scores or prices"


def provenance(settings: Settings, sources: pl.DataFrame) -> Provenance:
    """The provenance of a release made now, here, with these settings."""
    return Provenance(
        created=datetime.now(UTC),
        git_sha=_git_sha(),
        versions={name: version(name) for name in LIBRARIES},
        seed=settings.seed,
        bootstrap_draws=settings.bootstrap_draws,
        sources=sources,
    )


def datapackage(
    tables: Mapping[str, pl.DataFrame], folder: Path, release_id: str, made: Provenance
) -> dict[str, object]:
    """The descriptor of a release whose parquet files lie in `folder`."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "densing-pipeline",
        "title": "Densing Law and price-halving estimates",
        "description": "How fast language models get denser and cheaper, with uncertainty.",
        "homepage": "https://arxiv.org/abs/2412.04315",
        "version": release_id,
        "created": made.created.isoformat(timespec="seconds"),
        "licenses": [
            {
                "name": "CC-BY-4.0",
                "title": "Creative Commons Attribution 4.0",
                "path": "https://creativecommons.org/licenses/by/4.0/",
            }
        ],
        "sources": made.source_list(),
        "provenance": {
            "git_sha": made.git_sha,
            "versions": made.versions,
            "seed": made.seed,
            "bootstrap_draws": made.bootstrap_draws,
        },
        "resources": [_resource(name, frame, folder) for name, frame in tables.items()],
        "figures": [
            {"path": path.name, "mediatype": "image/svg+xml", "hash": _hash(path)}
            for path in sorted(folder.glob("*.svg"))
        ],
        "answers": [
            {"path": path.name, "mediatype": "application/json", "hash": _hash(path)}
            for path in sorted(folder.glob(HEADLINE_FILE))
        ],
        "pages": [
            {
                "path": path.relative_to(folder).as_posix(),
                "mediatype": "text/html",
                "hash": _hash(path),
            }
            for path in sorted(folder.glob("report/*.html"))
        ],
    }


def _resource(name: str, frame: pl.DataFrame, folder: Path) -> dict[str, object]:
    table, path = PUBLISHED[name], folder / f"{name}.parquet"
    return {
        "name": name,
        "path": path.name,
        "title": f"One row is {table.grain}",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "bytes": path.stat().st_size,
        "hash": _hash(path),
        "rows": frame.height,
        "schema": {
            "fields": [dictionary.field(column, table) for column in table.names],
            "primaryKey": list(table.key),
        },
    }


def _hash(path: Path) -> str:
    return f"sha256:{file_sha256(path)}"


def _git_sha() -> str:
    """Commit of the checkout this code runs from; empty if it runs from elsewhere.

    An installed package may lie inside an unrelated repository, so this file must be tracked by
    git.
    """
    here = Path(__file__)
    try:
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
