"""The descriptions of a release are valid by the validators of their formats, and say what is there."""

import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import polars as pl
import pytest
import yaml
from huggingface_hub import DatasetCard

from densing_pipeline import files
from densing_pipeline.publication import release as releases
from densing_pipeline.publication.card import _size
from densing_pipeline.publication.datapackage import foreign_keys, listed_files, row_sets
from densing_pipeline.publication.release import is_whole, publish
from densing_pipeline.publication.report import page
from densing_pipeline.tables.published import FOREIGN_KEYS, PUBLISHED
from tests.conftest import one_row
from tests.releases import SOURCES, some_provenance

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "javascript", str)
        patch.setattr(releases, "CHARTS", {})
        tables = {name: one_row(table) for name, table in PUBLISHED.items()}
        return publish(tables, tmp_path_factory.mktemp("published"), some_provenance()).path


@pytest.fixture(scope="module")
def package(release):
    return json.loads((release / "datapackage.json").read_text(encoding="utf-8"))


def test_the_data_package_is_valid_by_frictionless(package, release):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what frictionless imports
        import frictionless
    assert list(frictionless.Package.metadata_validate(package)) == []
    read = frictionless.Package.from_descriptor(package, basepath=str(release))
    assert [each.name for each in read.resources] == list(PUBLISHED)
    keys = {each.name: each.schema.foreign_keys for each in read.resources}
    assert keys["scores"][0]["reference"] == {"resource": "models", "fields": ["model_id"]}
    assert list(frictionless.Package.metadata_validate(package | {"name": 1})) != []


def test_croissant_is_valid_by_mlcroissant_and_reads_the_tables(release, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what mlcroissant imports
        import mlcroissant

        with caplog.at_level(logging.WARNING):
            data = mlcroissant.Dataset(jsonld=str(release / "croissant.json"))
        issues = data.metadata.ctx.issues
        assert (list(issues.errors), list(issues.warnings), caplog.text) == ([], [], "")
        [row] = list(data.records("scores"))
    assert row["scores/score"] == 0.5
    assert {each.id for each in data.metadata.record_sets} == set(PUBLISHED)


@pytest.mark.parametrize("where", ["release", "repository"])
def test_the_citation_is_valid_by_its_schema(release, where):
    file = {"release": release, "repository": ROOT}[where] / "CITATION.cff"
    done = subprocess.run(  # noqa: S603
        [
            str(Path(sys.executable).with_name("check-jsonschema")),
            "--builtin-schema",
            "vendor.citation-file-format",
            str(file),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    cited = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert cited["license"] == {"release": "CC-BY-4.0", "repository": "Apache-2.0"}[where]
    assert cited.get("version") == {"release": release.name, "repository": None}[where]


def test_the_card_is_one_of_the_hub_and_names_every_table_and_licence(release, package):
    card = DatasetCard((release / "README.md").read_text(encoding="utf-8"))
    metadata = card.data.to_dict()
    assert metadata["license"] == "cc-by-4.0"
    assert {one["config_name"]: one["data_files"] for one in metadata["configs"]} == {
        name: f"{name}.parquet" for name in PUBLISHED
    }
    assert [one["config_name"] for one in metadata["configs"] if one.get("default")] == [
        "densing_law"
    ]
    for resource in package["resources"]:
        assert f"[`{resource['name']}`]({resource['path']}) |" in card.text
    assert "| [A paper](https://example.org) | v2 |" in card.text
    answer = json.loads((release / "headline.json").read_text(encoding="utf-8"))["answers"][0]
    assert answer["text"].split(".")[0][:30] in card.text


def test_every_file_is_listed_with_its_hash(release, package):
    listed = {file["path"]: file["hash"] for file in listed_files(package)}
    there = {
        path.relative_to(release).as_posix(): f"sha256:{files.file_sha256(path)}"
        for path in release.rglob("*")
        if path.is_file() and path.name != "datapackage.json"
    }
    assert listed == there


@pytest.mark.parametrize("name", ["README.md", "CITATION.cff", "croissant.json"])
def test_a_release_without_a_description_is_not_whole(tables, tmp_path, one_figure, name):
    made_here = publish(tables, tmp_path, some_provenance()).path
    assert is_whole(made_here)
    (made_here / name).unlink()
    assert not is_whole(made_here)


def test_foreign_keys_are_of_published_columns_and_only_those_that_hold(tables):
    for name, keys in FOREIGN_KEYS.items():
        for column, other, there in keys:
            assert column in PUBLISHED[name].names
            assert there in PUBLISHED[other].names
    assert len(foreign_keys("scores", tables)) == 1
    stray = tables["scores"].with_columns(model_id=pl.lit("no/model"))
    assert foreign_keys("scores", tables | {"scores": stray}) == []
    assert len(foreign_keys("scores", tables | {"scores": stray.clear()})) == 1


def test_rows_are_told_apart_by_licence_or_by_source():
    scores = pl.LazyFrame({"source": ["a", "b", "c"], "licence_basis": ["MIT", "MIT", None]})
    assert [(one["rows"], one["licence"]) for one in row_sets(scores, SOURCES)] == [
        (2, "MIT"),
        (1, "see `source` of the row"),
    ]
    prices = pl.LazyFrame({"source": ["paper", "a list", "a list"]})
    assert [(one["value"], one["rows"], one["licence"]) for one in row_sets(prices, SOURCES)] == [
        ("a list", 2, "fact"),
        ("paper", 1, "CC-BY-4.0"),
    ]
    assert row_sets(pl.LazyFrame({"source": ["a document"]}), SOURCES) == []
    assert row_sets(pl.LazyFrame({"score": [1.0]}), SOURCES) == []


@pytest.mark.parametrize(
    ("rows", "size"),
    [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**7, "n>10M")],
)
def test_the_size_is_a_category_of_the_hub(rows, size):
    assert _size(rows) == size
