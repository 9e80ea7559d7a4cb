"""`datapackage.json`: contents and provenance of a release, and how to reproduce it.

Data Package v2, https://datapackage.org/standard/data-package/
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline import clock
from densing_pipeline.addresses import shown
from densing_pipeline.files import file_sha256
from densing_pipeline.publication.answers import HEADLINE_FILE
from densing_pipeline.publication.card import CARD_FILE, CITATION_FILE
from densing_pipeline.publication.consistency import running
from densing_pipeline.publication.croissant import CROISSANT_FILE, DESCRIPTION, LICENCE, NAME
from densing_pipeline.publication.price_news import FEED_FILE
from densing_pipeline.publication.stored_tables import scan
from densing_pipeline.settings import Settings
from densing_pipeline.tables import contract, dictionary
from densing_pipeline.tables.published import FOREIGN_KEYS, PUBLISHED

RESOURCES_FILE = "datapackage.json"

REPLAYED = "clock_is_set"
"""Property of the provenance of a release whose clock was set (`DENSING_NOW`)."""

MOST_ROW_SETS = 30
"""Most sources by which the rows of a table are told apart."""

PAGE_TYPES = {".html": "text/html", ".js": "text/javascript"}
"""Media types of the files of the page by suffix."""

ANSWER_FILES = {HEADLINE_FILE: "application/json", FEED_FILE: "application/atom+xml"}
"""Files with answers for programs, and their media types."""


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
        code: SHA-256 of the package's Python files; empty if it is not known.
        facts: SHA-256 of the package's other files; empty if it is not known.
        homepage: address at which readers find the releases; empty if there is none.
        is_replayed: whether the clock was set (`DENSING_NOW`), as in tests and replays.
    """

    created: datetime
    git_sha: str
    versions: dict[str, str]
    seed: int
    bootstrap_draws: int
    sources: pl.DataFrame
    code: str = ""
    facts: str = ""
    homepage: str = ""
    is_replayed: bool = False

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

    def described(self) -> dict[str, Any]:
        """The properties `sources` and `provenance` of a data package."""
        return {
            "sources": self.source_list(),
            "provenance": {
                "git_sha": self.git_sha,
                "code_sha256": self.code,
                "facts_sha256": self.facts,
                "versions": self.versions,
                "seed": self.seed,
                "bootstrap_draws": self.bootstrap_draws,
                **({REPLAYED: True} if self.is_replayed else {}),
            },
        }


@dataclass(frozen=True)
class Differences:
    """What differs between the provenance of two releases.

    Attributes:
        sources: titles of the sources that are new or of another version.
        settings: whether seed or draws differ.
        code: whether the code differs.
        libraries: whether versions of libraries differ.
        facts: whether the bundled facts differ, where both releases say.
    """

    sources: tuple[str, ...]
    settings: bool
    code: bool
    libraries: bool
    facts: bool

    @property
    def is_method(self) -> bool:
        """Whether the same inputs may give other numbers."""
        return self.settings or self.code or self.libraries

    @property
    def text(self) -> str:
        """The differences in words."""
        parts = [
            f"sources: {', '.join(self.sources)}" if self.sources else "",
            "bundled facts" if self.facts and not self.sources else "",
            "settings" if self.settings else "",
            "code" if self.code else "",
            "libraries" if self.libraries else "",
        ]
        return "; ".join(filter(None, parts)) or "models, scores or prices"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Differences:
    """What differs between two published packages, or what `Provenance.described` gives."""
    old, new = before["provenance"], now["provenance"]
    known = {source["title"]: source for source in before["sources"]}
    # Releases of earlier versions name the commit alone, which another document in the repository changes.
    code = "code_sha256" if old.get("code_sha256") and new.get("code_sha256") else "git_sha"
    return Differences(
        sources=tuple(
            str(one["title"]) for one in now["sources"] if known.get(one["title"]) != one
        ),
        settings=any(old[name] != new[name] for name in ("seed", "bootstrap_draws")),
        code=old[code] != new[code],
        libraries=old["versions"] != new["versions"],
        facts=code == "code_sha256" and old.get("facts_sha256") != new.get("facts_sha256"),
    )


def provenance(settings: Settings, sources: pl.DataFrame) -> Provenance:
    """The provenance of a release made now, here, with these settings."""
    here = running()
    return Provenance(
        created=clock.now(),
        git_sha=_git_sha(),
        versions=dict(here.libraries),
        seed=settings.seed,
        bootstrap_draws=settings.bootstrap_draws,
        sources=sources,
        code=here.code,
        facts=here.facts,
        homepage=shown(settings.homepage) if settings.homepage else "",
        is_replayed=clock.is_set(),
    )


def datapackage(
    tables: Mapping[str, pl.DataFrame],
    folder: Path,
    release_id: str,
    made: Provenance,
    previous: str | None = None,
) -> dict[str, object]:
    """The descriptor of a release whose files lie in `folder`.

    Args:
        tables: every published table by name.
        folder: the release as it is built.
        release_id: its name.
        made: what it was made with.
        previous: the release that was the latest one until now; None if there was none.
    """
    described = made.described()
    described["provenance"]["previous_release"] = previous
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": NAME,
        "title": "Densing Law and price-halving estimates",
        "description": DESCRIPTION,
        **({"homepage": made.homepage} if made.homepage else {}),
        "version": release_id,
        "contract": contract.NAME,
        "created": made.created.isoformat(timespec="seconds"),
        "licenses": [
            {
                "name": "CC-BY-4.0",
                "title": "Creative Commons Attribution 4.0",
                "path": LICENCE,
            }
        ],
        **described,
        "resources": [_resource(name, tables, folder, made.sources) for name in tables],
        "figures": [
            {"path": path.name, "mediatype": "image/svg+xml", "hash": _hash(path)}
            for path in sorted(folder.glob("*.svg"))
        ],
        "answers": [
            {"path": name, "mediatype": kind, "hash": _hash(folder / name)}
            for name, kind in ANSWER_FILES.items()
            if (folder / name).exists()
        ],
        "pages": [
            {
                "path": path.relative_to(folder).as_posix(),
                "mediatype": PAGE_TYPES[path.suffix],
                "hash": _hash(path),
            }
            for path in sorted(folder.glob("report/**/*"))
            if path.is_file()
        ],
    }


def with_descriptions(package: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A descriptor that lists the descriptions made from it, which lie beside it.

    Args:
        package: the descriptor.
        folder: the release as it is built.
    """
    files = {
        CARD_FILE: "text/markdown",
        CITATION_FILE: "application/yaml",
        CROISSANT_FILE: "application/ld+json",
    }
    return package | {
        "descriptions": [
            {"path": name, "mediatype": mediatype, "hash": _hash(folder / name)}
            for name, mediatype in files.items()
        ]
    }


def listed_files(package: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files that a description lists with `path` and `hash`: all of the release but the description.

    Raises:
        KeyError: it is not the description of a release.
    """
    # Releases of earlier versions have no answers, page or further descriptions.
    return [
        *package["resources"],
        *package["figures"],
        *package.get("answers", []),
        *package.get("pages", []),
        *package.get("descriptions", []),
    ]


def _resource(
    name: str, tables: Mapping[str, pl.DataFrame], folder: Path, sources: pl.DataFrame
) -> dict[str, object]:
    table, path = PUBLISHED[name], folder / f"{name}.parquet"
    keys, rows = foreign_keys(name, tables), scan(tables, name)
    sets = [] if table.operational else row_sets(rows, sources)
    return {
        "name": name,
        "path": path.name,
        "title": f"One row is {table.grain}",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "bytes": path.stat().st_size,
        "hash": _hash(path),
        "rows": rows.select(pl.len()).collect().item(),
        "schema": {
            "fields": [dictionary.field(column, table) for column in table.names],
            "primaryKey": list(table.key),
            **({"foreignKeys": keys} if keys else {}),
        },
        **({"rowSets": sets} if sets else {}),
    }


def foreign_keys(name: str, tables: Mapping[str, pl.DataFrame]) -> list[dict[str, object]]:
    """The foreign keys of a table that hold in a release, as a table schema has them.

    Args:
        name: the table.
        tables: every published table by name.
    """
    return [
        {"fields": [column], "reference": {"resource": other, "fields": [there]}}
        for column, other, there in FOREIGN_KEYS.get(name, ())
        if _strays(scan(tables, name), column, scan(tables, other), there).is_empty()
    ]


def _strays(rows: pl.LazyFrame, column: str, others: pl.LazyFrame, there: str) -> pl.DataFrame:
    """The values of a column that another table does not have; nulls are left out."""
    values = rows.select(column).drop_nulls().unique()
    known = others.select(there).unique()
    strays = values.join(known, left_on=column, right_on=there, how="anti")
    return strays.collect(engine="streaming")


def row_sets(rows: pl.LazyFrame, sources: pl.DataFrame) -> list[dict[str, object]]:
    """Which rows of a table are under which licence, where its rows come from sources.

    Args:
        rows: the table. Its rows name a licence (`licence_basis`), or a source of `sources` or a polled list,
            whose prices are facts; a table that names documents, or is computed from others, has no row sets.
        sources: the fact table `sources`.

    Returns:
        Sets of rows with `column`, `value`, `rows` and `licence`; nothing if the table has none.
    """
    licences = dict(sources.select("source", "licence").iter_rows())
    columns = rows.collect_schema().names()
    column = next((name for name in ("licence_basis", "source") if name in columns), None)
    if column is None:
        return []
    counts = rows.group_by(column).len().collect(engine="streaming").sort(column, nulls_last=True)
    if column == "source" and (
        counts.height > MOST_ROW_SETS or not any(value in licences for value in counts[column])
    ):
        return []
    return [
        {
            "column": column,
            "value": value,
            "rows": n_rows,
            "licence": (value if column == "licence_basis" else licences.get(value, "fact"))
            or "see `source` of the row",
        }
        for value, n_rows in counts.iter_rows()
    ]


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
