"""Every release is listed where it was published, whatever became of it."""

import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import polars as pl
import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.publication import catalogue
from densing_pipeline.publication.catalogue import in_folder, read, rendered, retired
from densing_pipeline.publication.datapackage import provenance
from densing_pipeline.publication.release import publish
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import RELEASES, REVISIONS
from tests.releases import SOURCES, some_provenance

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def released(days, start=datetime(2026, 1, 1, tzinfo=UTC)):
    """A list of releases made so many days after a start, named by their days."""
    made_on = [start + timedelta(days=day) for day in days]
    return RELEASES.cast(
        pl.DataFrame(
            {
                "release_id": [f"r{day}" for day in days],
                "created_at": made_on,
                "path": [f"releases/r{day}" for day in days],
                "descriptor_sha256": "0" * 64,
                "n_tables": 1, "n_rows": 1, "n_bytes": 1, "n_revisions": 0, "is_available": True,
            }
        )
    )  # fmt: skip


def test_the_list_survives_its_own_file():
    known = released([0, 3]).with_columns(headline=pl.lit("ρ doubles & <b>"))
    files = rendered(known)
    assert read(files["releases.json"]).equals(known)
    assert json.loads(files["releases.json"])["contract"] == "v1"
    assert pl.read_parquet(files["releases.parquet"]).equals(known)


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b'{"releases": [{"release_id": 1}]}', b"\xff"]
)
def test_a_damaged_list_is_none(content):
    assert read(content).is_empty()


def test_the_newest_and_the_last_of_each_month_stay():
    known = released([0, 10, 30, 31, 40, 58, 59, 60])  # January: 0 to 30, February: 31 to 58
    assert retired(known, "r60", keep=2) == ["r0", "r10", "r31", "r40"]
    assert retired(known, "r60", keep=8) == []


def test_the_latest_release_stays_though_it_is_not_the_newest():
    assert retired(released([0, 1, 2, 3]), "r0", keep=2) == ["r1"]


def test_a_removed_release_is_not_removed_again():
    known = catalogue.with_available(released([0, 1, 2, 3]), {"r1", "r2", "r3"})
    assert retired(known, "r3", keep=2) == ["r1"]


def test_the_feed_is_atom_with_the_newest_first():
    known = released([0, 3]).with_columns(headline=pl.lit("a & b"))
    feed = ElementTree.fromstring(rendered(known, "https://x.example/d/")["releases.atom"])  # noqa: S314
    titles = [entry.findtext("a:title", namespaces=ATOM) for entry in feed.findall("a:entry", ATOM)]
    assert titles == ["Release r3", "Release r0"]
    assert feed.findtext("a:updated", namespaces=ATOM) == "2026-01-04T00:00:00+00:00"
    for element in (feed, *feed.findall("a:entry", ATOM)):
        assert element.findtext("a:id", namespaces=ATOM).startswith("urn:uuid:")
        assert element.find("a:link", ATOM).get("href").startswith("https://x.example/d/")
    content = feed.find("a:entry/a:content", ATOM)
    assert content.text == "a & b\n\nNo published number moved."


def test_the_feed_without_a_homepage_links_nowhere():
    assert b"<link" not in rendered(released([0]))["releases.atom"]


@pytest.fixture
def second(tables, tmp_path, one_figure):
    """Two releases in a folder, the second with another score, which `revisions` says."""
    tables |= {"revisions": REVISIONS.empty()}
    first = publish(tables, tmp_path, some_provenance(datetime(2026, 1, 1, tzinfo=UTC)))
    moved = REVISIONS.cast(
        pl.DataFrame(
            {
                "table": ["scores"], "key": ["a/b"], "column": ["score"], "previous": [0.5],
                "current": [0.25], "reason": ["code"], "release_id": [first.release_id],
                "cause": ["method"],
            }
        )
    )  # fmt: skip
    tables |= {
        "scores": tables["scores"].with_columns(score=pl.lit(0.25)),
        "revisions": moved,
    }
    return (
        first,
        publish(tables, tmp_path, some_provenance(datetime(2026, 1, 2, tzinfo=UTC)), keep=2),
        tables,
    )


@pytest.mark.heavy
def test_a_release_is_listed_with_what_moved_and_one_removed_stays_listed(second, tmp_path):
    first, latest, tables = second
    before, now = in_folder(tmp_path).sort("created_at").to_dicts()
    assert (before["release_id"], before["previous_release_id"]) == (first.release_id, None)
    assert (now["previous_release_id"], now["n_revisions"]) == (first.release_id, 1)
    assert now["what_moved"] == (
        "`scores.score` (method): 1 number moved, that of a/b, from 0.5 to 0.25."
    )
    assert now["headline"]
    third = publish(
        tables | {"scores": tables["scores"].with_columns(score=pl.lit(0.75))},
        tmp_path,
        some_provenance(datetime(2026, 1, 3, tzinfo=UTC)),
        keep=2,
    )
    listed = pl.read_parquet(tmp_path / "releases.parquet").sort("created_at")
    assert listed["is_available"].to_list() == [False, True, True]
    assert {path.name for path in (tmp_path / "releases").iterdir()} == {
        latest.release_id,
        third.release_id,
    }


@pytest.mark.heavy
def test_a_list_that_was_not_written_is_written_by_the_next_run(second, tmp_path):
    _, _, tables = second
    written = (tmp_path / "releases.json").read_bytes()
    for name in ("releases.json", "releases.parquet", "releases.atom"):
        (tmp_path / name).unlink()
    assert not publish(tables, tmp_path, some_provenance()).is_new
    assert (tmp_path / "releases.json").read_bytes() == written


@pytest.mark.heavy
def test_a_release_whose_description_was_altered_costs_no_other_and_no_night(second, tmp_path):
    first, latest, tables = second
    description = tmp_path / "releases" / first.release_id / "datapackage.json"
    whole = json.loads(description.read_text())
    altered: object
    for altered in (
        [],
        3,
        None,
        {},
        whole | {"resources": 3},
        whole | {"provenance": []},
        whole | {"created": 3},
    ):
        description.write_text(json.dumps(altered))
        (tmp_path / "releases.json").unlink()
        assert in_folder(tmp_path)["release_id"].to_list() == [latest.release_id]
        assert not publish(tables, tmp_path, some_provenance()).is_new


@pytest.mark.heavy
def test_the_command_lists_releases_and_compares_two(second, tmp_path, monkeypatch, capsys):
    first, latest, _ = second
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path))
    assert main(["releases"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[1:]] == [
        first.release_id,
        latest.release_id,
    ]
    assert shown.splitlines()[-1].split()[-1] == "latest"
    assert main(["releases", "compare"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("- `scores.score` (correction): 1 number moved")
    assert main(["releases", "compare", first.release_id, str(latest.path)]) == 0
    assert capsys.readouterr().out == told
    assert main(["releases", "compare", "r0"]) == 1
    assert "no release of that name" in capsys.readouterr().err


def test_the_homepage_is_published_without_what_may_be_secret():
    settings = Settings(homepage="https://user:secret@tracker.example/data?signature=secret")
    assert provenance(settings, SOURCES).homepage == "https://tracker.example/data?signature=***"
