"""A release is whole or not there, and the same content is the same release."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from densing_pipeline import files
from densing_pipeline.publication import catalogue, layout
from densing_pipeline.publication import release as releases
from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.release import is_whole, publish, read_latest
from densing_pipeline.publication.report import page
from densing_pipeline.publication.stored_tables import StoredTables
from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import TableError
from densing_pipeline.tables.storage import write_parquet
from tests.releases import SOURCES, some_provenance

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("one_figure")]


def changed(tables):
    return tables | {"scores": tables["scores"].with_columns(score=pl.lit(0.25))}


def test_a_release_holds_every_table_and_its_description(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(releases, "CHARTS", CHARTS)
    release = publish(tables, tmp_path, some_provenance())
    assert release.is_new
    assert (tmp_path / "latest").resolve() == release.path.resolve()
    package = json.loads((release.path / "datapackage.json").read_text())
    assert [r["name"] for r in package["resources"]] == list(PUBLISHED)
    for resource in package["resources"]:
        file = release.path / resource["path"]
        assert file.stat().st_size == resource["bytes"]
        assert [f["name"] for f in resource["schema"]["fields"]] == list(
            PUBLISHED[resource["name"]].names
        )
    assert {Path(f["path"]).stem for f in package["figures"]} <= set(CHARTS)
    assert package["sources"][0]["license"] == "CC-BY-4.0"
    assert package["provenance"]["seed"] == 1
    assert package["version"] == release.release_id


def test_every_user_of_the_machine_may_read_a_release_whatever_the_umask(tables, tmp_path):
    before = os.umask(0o077)
    try:
        publish(tables, tmp_path / "published", some_provenance())
    finally:
        os.umask(before)
    paths = [tmp_path / "published", *(tmp_path / "published").rglob("*")]
    modes = {path: path.stat().st_mode & 0o777 for path in paths if path.name != ".lock"}
    assert (tmp_path / "published" / "releases.json") in modes
    assert {
        path: mode for path, mode in modes.items() if mode != (0o755 if path.is_dir() else 0o644)
    } == {}


def test_every_table_is_readable_elsewhere(tables, tmp_path):
    release = publish(tables, tmp_path, some_provenance())
    for name, table in PUBLISHED.items():
        path = release.path / f"{name}.parquet"
        assert list(pd.read_parquet(path).columns) == list(table.names)
        rows = duckdb.sql(f"select count(*) from '{path}'").fetchall()  # noqa: S608
        assert rows == [(1,)]
        assert pl.read_parquet(path).schema == table.polars_schema


def test_the_same_content_is_the_same_release(tables, tmp_path):
    first = publish(tables, tmp_path, some_provenance())
    again = publish(tables, tmp_path, some_provenance(datetime(2026, 2, 2, tzinfo=UTC)))
    assert not again.is_new
    assert again.release_id == first.release_id
    assert len(list((tmp_path / "releases").iterdir())) == 1


def test_a_table_that_is_laid_out_by_day_is_the_same_content_again(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "GROUP_ROWS", 1)
    days = (date(2025, 1, 2), date(2025, 1, 1))
    prices = pl.concat(
        [
            tables["prices"].with_columns(
                model=pl.lit(f"model-{day.day}"), observed_from=pl.lit(day)
            )
            for day in days
        ]
    ).sort("model", descending=True)
    first = publish(tables | {"prices": prices}, tmp_path, some_provenance())
    assert pl.read_parquet(first.path / "prices.parquet")["observed_from"].to_list() == sorted(days)
    assert not publish(tables | {"prices": prices}, tmp_path, some_provenance()).is_new


def test_a_value_that_differs_in_a_later_group_of_rows_is_news(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "GROUP_ROWS", 1)
    scores = pl.concat(
        [tables["scores"].with_columns(model_id=pl.lit(name)) for name in ("org/a", "org/b")]
    )
    first = publish(tables | {"scores": scores}, tmp_path, some_provenance())
    second = pl.when(pl.col("model_id") == "org/b")
    for factor, is_new in ((1 + 1e-7, False), (1.01, True)):
        moved = scores.with_columns(score=second.then(pl.col("score") * factor).otherwise("score"))
        again = publish(tables | {"scores": moved}, tmp_path, some_provenance())
        assert (again.is_new, again.release_id != first.release_id) == (is_new, is_new)


def test_stored_tables_give_the_release_that_tables_in_memory_give(tables, tmp_path):
    for name, frame in tables.items():
        write_parquet(frame, tmp_path / "state" / f"{name}.parquet", {"made": "tonight"})
    read = StoredTables(tmp_path / "state")
    stored = publish(read, tmp_path / "a", some_provenance())
    assert "prices" not in read.kept, "the longest table is not brought into memory"
    in_memory = publish(tables, tmp_path / "b", some_provenance())
    assert stored.rows == in_memory.rows
    assert catalogue.in_folder(tmp_path / "a").equals(catalogue.in_folder(tmp_path / "b"))


def test_stored_tables_that_do_not_read_publish_nothing(tables, tmp_path):
    for name, frame in tables.items():
        write_parquet(frame, tmp_path / f"{name}.parquet")
    (tmp_path / "prices.parquet").write_bytes(b"half a file")
    with pytest.raises(TableError, match=r"prices\.parquet: cannot be read.*make run"):
        publish(StoredTables(tmp_path), tmp_path / "published", some_provenance())
    write_parquet(tables["prices"].drop("provider"), tmp_path / "prices.parquet")
    with pytest.raises(TableError, match="another version of the pipeline, without provider"):
        publish(StoredTables(tmp_path), tmp_path / "published", some_provenance())
    assert not (tmp_path / "published").exists()


def test_a_later_poll_alone_makes_no_release(tables, tmp_path):
    first = publish(tables, tmp_path, some_provenance())
    later = tables["source_health"].with_columns(stale_hours=pl.lit(99.0))
    assert (
        publish(tables | {"source_health": later}, tmp_path, some_provenance()).path == first.path
    )


def test_changed_content_is_a_new_release_and_the_old_one_stays(tables, tmp_path):
    first = publish(tables, tmp_path, some_provenance())
    second = publish(changed(tables), tmp_path, some_provenance())
    assert second.is_new
    assert is_whole(first.path)
    assert read_latest(tmp_path)["scores"]["score"].to_list() == [0.25]


def test_the_library_of_the_charts_is_taken_over_from_the_release_before(
    tables, tmp_path, monkeypatch
):
    monkeypatch.setattr(page, "javascript", lambda: "bundled")
    publish(tables, tmp_path, some_provenance())
    monkeypatch.setattr(page, "javascript", lambda: "bundled again")
    second = publish(changed(tables), tmp_path, some_provenance())
    assert (second.path / page.LIBRARY_FILE).read_text() == "bundled"
    assert "<script>bundled</script>" in (second.path / page.PAGE_FILE).read_text()


def test_another_library_has_another_name(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "javascript", lambda: "bundled")
    publish(tables, tmp_path, some_provenance())
    monkeypatch.setattr(page, "javascript", lambda: "bundled again")
    for module in (page, releases):
        monkeypatch.setattr(module, "LIBRARY_FILE", "report/charts/vega-other.js")
    second = publish(changed(tables), tmp_path, some_provenance())
    assert (second.path / "report/charts/vega-other.js").read_text() == "bundled again"


def test_going_back_to_earlier_content_points_back_at_it(tables, tmp_path):
    first = publish(tables, tmp_path, some_provenance())
    publish(changed(tables), tmp_path, some_provenance())
    back = publish(tables, tmp_path, some_provenance())
    assert not back.is_new
    assert (tmp_path / "latest").resolve() == first.path.resolve()


def test_rounding_of_another_machine_is_not_news(tables, tmp_path):
    first = publish(tables, tmp_path, some_provenance())
    noisy = tables["scores"].with_columns(pl.col("score") * (1 + 1e-7))
    again = publish(tables | {"scores": noisy}, tmp_path, some_provenance())
    assert not again.is_new
    assert again.release_id == first.release_id


def test_a_corrected_source_is_news(tables, tmp_path):
    first = publish(tables, tmp_path, some_provenance())
    corrected = replace(some_provenance(), sources=SOURCES.with_columns(licence=pl.lit("MIT")))
    assert publish(tables, tmp_path, corrected).release_id != first.release_id


def test_data_of_days_to_come_are_refused(tables, tmp_path):
    future = tables["densing_law"].with_columns(as_of=pl.lit(date(2062, 1, 1)))
    with pytest.raises(TableError, match="the newest data are of 2062-01-01"):
        publish(tables | {"densing_law": future}, tmp_path, some_provenance())


@pytest.mark.parametrize("is_replayed", [True, False])
def test_releases_of_a_set_clock_and_of_real_nights_are_kept_apart(tables, tmp_path, is_replayed):
    first = publish(tables, tmp_path, replace(some_provenance(), is_replayed=is_replayed))
    with pytest.raises(TableError, match="DENSING_PUBLISH_URL to directories of their own"):
        publish(changed(tables), tmp_path, replace(some_provenance(), is_replayed=not is_replayed))
    assert (tmp_path / "latest").resolve() == first.path
    assert publish(
        changed(tables), tmp_path, replace(some_provenance(), is_replayed=is_replayed)
    ).is_new


def test_two_publishers_at_once_both_end_well(tables, tmp_path):
    with ThreadPoolExecutor(max_workers=4) as pool:
        contents = [tables, changed(tables)] * 4
        done = list(
            pool.map(lambda content: publish(content, tmp_path, some_provenance()), contents)
        )
    assert len({release.release_id for release in done}) == 2
    assert all(is_whole(release.path) for release in done)
    assert is_whole(tmp_path / "latest")


def test_latest_that_is_a_folder_is_refused_with_a_remedy(tables, tmp_path):
    (tmp_path / "latest").mkdir()
    with pytest.raises(TableError, match="move it away"):
        publish(tables, tmp_path, some_provenance())


def test_a_release_of_another_version_says_so(tables, tmp_path, monkeypatch):
    release = publish(tables, tmp_path, some_provenance())
    package = json.loads((release.path / "datapackage.json").read_text())
    package["resources"] = [r for r in package["resources"] if r["name"] != "prices"]
    (release.path / "datapackage.json").write_text(json.dumps(package))
    (release.path / "prices.parquet").unlink()
    with pytest.raises(TableError, match="without prices"):
        read_latest(tmp_path)


def test_a_bad_table_publishes_nothing(tables, tmp_path):
    publish(tables, tmp_path, some_provenance())
    bad = tables["scores"].with_columns(score=pl.lit(71.0))
    with pytest.raises(TableError, match=r"write 0\.71 for 71 %"):
        publish(tables | {"scores": bad}, tmp_path, some_provenance())
    assert read_latest(tmp_path)["scores"]["score"].to_list() == [0.5]


def test_a_missing_table_publishes_nothing(tables, tmp_path):
    del tables["prices"]
    with pytest.raises(TableError, match=r"missing: \['prices'\]"):
        publish(tables, tmp_path, some_provenance())
    assert not (tmp_path / "latest").exists()


def test_a_damaged_release_is_kept_aside_and_made_again(tables, tmp_path):
    first = publish(tables, tmp_path, some_provenance())
    (first.path / "prices.parquet").write_bytes(b"damaged")
    with pytest.raises(TableError, match="damaged"):
        read_latest(tmp_path)
    again = publish(tables, tmp_path, some_provenance())
    assert again.is_new
    assert is_whole(again.path)
    assert [p for p in (tmp_path / "releases").iterdir() if p.name.startswith("damaged-")]


def test_nothing_published_yet_says_what_to_do(tmp_path):
    with pytest.raises(TableError, match="densing run"):
        read_latest(tmp_path)


STEPS = [
    ("write a table", pl.LazyFrame, "sink_parquet"),
    ("describe", releases, "datapackage"),
    ("flush", files, "flush"),
    ("move into place", files, "rename"),
    ("link", Path, "symlink_to"),
    ("swap", files, "link"),
]


@pytest.mark.parametrize(("step", "owner", "name"), STEPS, ids=[s[0] for s in STEPS])
def test_a_crash_at_any_step_leaves_the_previous_release(
    step, owner, name, tables, tmp_path, monkeypatch
):
    first = publish(tables, tmp_path, some_provenance())

    def crash(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash)
        with pytest.raises(KeyboardInterrupt):
            publish(changed(tables), tmp_path, some_provenance())
    assert (tmp_path / "latest").resolve() == first.path.resolve()
    assert is_whole(first.path)
    second = publish(changed(tables), tmp_path, some_provenance())
    assert (tmp_path / "latest").resolve() == second.path.resolve()
    assert is_whole(second.path)
    assert not list((tmp_path / "releases").glob(".tmp-*"))


KILLED = """
import os, sys, signal
sys.path.insert(0, {root!r}); sys.path.insert(0, {here!r})
from pathlib import Path
import densing_pipeline.publication.release as r
from tests.conftest import one_row
from test_release import some_provenance, changed, PUBLISHED
count = 0
def traced(frame, event, arg):
    global count
    if event == "line" and frame.f_code.co_filename == r.__file__ and frame.f_code.co_name in {writing!r}:
        count += 1
        if count == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
    return traced
tables = changed({{n: one_row(t) for n, t in PUBLISHED.items()}})
sys.settrace(traced)
r.publish(tables, Path(sys.argv[1]), some_provenance())
print(count)
"""

WRITING = ("_build", "_describe", "point", "_list")
"""Functions of a publication that write; each line of theirs is a point at which it may be killed."""


def killed(folder: Path, line: int) -> subprocess.CompletedProcess[str]:
    """A publication in a process of its own that is killed before the line of that number."""
    here = Path(__file__).parent
    code = KILLED.format(root=str(here.parents[2]), here=str(here), writing=WRITING)
    command = [sys.executable, "-c", code, str(folder), str(line)]
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """The number of lines that a publication goes through where it writes."""
    return int(killed(tmp_path_factory.mktemp("whole"), 0).stdout)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.4, 0.8, 0.95, 1.0])
def test_kill_minus_nine_leaves_a_whole_release(share, lines, tables, tmp_path):
    first = publish(tables, tmp_path, some_provenance())
    done = killed(tmp_path, max(1, round(share * lines)))
    assert done.returncode == -9, done.stderr
    assert is_whole((tmp_path / "latest").resolve())
    second = publish(changed(tables), tmp_path, some_provenance())
    assert is_whole(second.path)
    assert is_whole(first.path)


def test_a_release_holds_its_answers_and_is_not_whole_without_them(tables, tmp_path):
    release = publish(tables, tmp_path, some_provenance())
    file = release.path / "headline.json"
    read = json.loads(file.read_text(encoding="utf-8"))
    assert read["release"] == release.release_id
    assert [one["topic"] for one in read["answers"]] == [
        "what gets denser",
        "density today",
        "density in the paper's set",
        "price",
    ]
    assert is_whole(release.path)
    file.write_text("{}", encoding="utf-8")
    assert not is_whole(release.path)
