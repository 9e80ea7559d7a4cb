"""Releases to send: four, a day apart, whole and with few files."""

import json
import shutil
from datetime import UTC, datetime

import polars as pl
import pytest

from densing_pipeline.publication import release as releases
from densing_pipeline.publication.datapackage import listed_files
from densing_pipeline.publication.release import is_whole, publish, published_at
from densing_pipeline.publication.report import page
from densing_pipeline.tables.published import PUBLISHED, REVISIONS
from tests.conftest import one_row
from tests.releases import SMALL, some_provenance


def scored(tables, score):
    return tables | {"scores": tables["scores"].with_columns(score=pl.lit(score))}


def on(day):
    return some_provenance(datetime(2026, 1, day, tzinfo=UTC))


@pytest.fixture(scope="session")
def four_releases(tmp_path_factory):
    """Four whole releases, a day apart, each the latest one when it was made."""
    folder = tmp_path_factory.mktemp("published")
    tables = {name: one_row(table) for name, table in PUBLISHED.items()}
    tables["revisions"] = REVISIONS.empty()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "javascript", str)
        patch.setattr(releases, "CHARTS", {})
        for day in (1, 2, 3, 4):
            publish(scored(tables, day / 10), folder, on(day))
    return folder


@pytest.fixture(scope="session")
def whole(four_releases):
    return sorted(
        (four_releases / "releases").iterdir(),
        key=lambda path: published_at(path).package["created"],
    )


@pytest.fixture(scope="session")
def small(whole, tmp_path_factory):
    """The same releases with few files."""
    place = tmp_path_factory.mktemp("small") / "releases"
    made_small = []
    for path in whole:
        package = json.loads((path / "datapackage.json").read_bytes())
        package["resources"] = [one for one in package["resources"] if one["name"] in SMALL]
        package["answers"] = [one for one in package["answers"] if one["path"] == "headline.json"]
        package |= {"figures": [], "pages": [], "descriptions": []}
        target = place / path.name
        target.mkdir(parents=True)
        for one in listed_files(package):
            shutil.copy(path / one["path"], target / one["path"])
        (target / "datapackage.json").write_text(json.dumps(package))
        assert is_whole(target)
        made_small.append(target)
    return made_small


@pytest.fixture
def copy(small, tmp_path):
    """A local copy with the first two releases, the second one its latest."""
    folder = tmp_path / "copy"
    for path in small[:2]:
        shutil.copytree(path, folder / "releases" / path.name)
    releases.point(folder / "latest", folder / "releases" / small[1].name)
    return folder
