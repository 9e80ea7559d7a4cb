"""Whenever a publisher is killed, readers find one whole release, and the next run goes on from there."""

import functools
import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from densing_pipeline import files
from densing_pipeline.publication import catalogue
from densing_pipeline.publication import release as releases
from densing_pipeline.publication.release import is_whole, publish
from tests.releases import some_provenance

pytestmark = pytest.mark.heavy

CHANGES = {
    "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.truncate",
    "os.chmod", "shutil.rmtree",
}  # fmt: skip
"""Events of the interpreter that come just before a change of the file system; `open` beside them."""

_watch: Callable[[], None] | None = None
"""What is called before each change, if any."""


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    is_write = event == "open" and (
        isinstance(arguments[2], int)
        and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
    )
    if _watch is not None and (event in CHANGES or is_write):
        _look()


def _look() -> None:
    """Call what watches, whose own changes are not watched."""
    global _watch
    watch, _watch = _watch, None
    try:
        watch()
    finally:
        _watch = watch


@functools.cache
def _listen() -> None:
    """An audit hook cannot be removed, so there is one, which asks what is watched."""
    sys.addaudithook(_on_event)


@pytest.fixture
def at_each_write(monkeypatch):
    """Calls a function just before every change of the file system while another one runs.

    polars writes without the interpreter's knowing, so its writes are points too, before and after.
    """

    def watched(do: Callable[[], object], look: Callable[[], None]) -> None:
        global _watch
        write = pl.LazyFrame.sink_parquet

        def told(rows: pl.LazyFrame, *arguments: object, **options: object) -> None:
            _look()
            write(rows, *arguments, **options)
            _look()

        _listen()
        with monkeypatch.context() as patch:
            patch.setattr(pl.LazyFrame, "sink_parquet", told)
            _watch = look
            try:
                do()
            finally:
                _watch = None

    return watched


def scored(tables, score):
    return tables | {"scores": tables["scores"].with_columns(score=pl.lit(score))}


def on(day):
    return some_provenance(datetime(2026, 1, day, tzinfo=UTC))


@pytest.mark.usefixtures("one_figure")
def test_readers_find_one_whole_release_between_any_two_writes(
    tables, tmp_path, monkeypatch, at_each_write
):
    monkeypatch.setattr(releases, "CHARTS", {})
    place, asides = tmp_path / "published", tmp_path / "asides"
    first = publish(scored(tables, 0.1), place, on(1))
    second = publish(scored(tables, 0.2), place, on(2))
    seen: list[tuple[str, list[str]]] = []
    sample = set(random.Random(18).sample(range(120), 6))  # noqa: S311
    whole = functools.lru_cache(lambda name, _: is_whole(place / "releases" / name))

    def look() -> None:
        latest = (place / "latest").resolve()
        # Hashed anew when a file of it was written.
        assert whole(latest.name, max(path.stat().st_mtime_ns for path in latest.rglob("*")))
        listed = json.loads((place / catalogue.LIST_FILE).read_bytes())["releases"]
        available = [one["release_id"] for one in listed if one["is_available"]]
        assert all((place / "releases" / name / "datapackage.json").exists() for name in available)
        assert pl.read_parquet(place / catalogue.TABLE_FILE).height
        if len(seen) in sample:
            shutil.copytree(place, asides / str(len(seen)), symlinks=True)
        seen.append((latest.name, available))

    at_each_write(lambda: publish(scored(tables, 0.3), place, on(3), keep=2), look)
    third = (place / "latest").resolve().name
    assert len(seen) >= 120
    assert [name for name, _ in seen] == sorted(
        (name for name, _ in seen), key=[second.release_id, third].index
    ), "once the new release is the latest, it stays so"
    assert first.release_id in seen[0][1]
    assert first.release_id not in seen[-1][1]
    assert not first.path.exists()
    for state in sorted(asides.iterdir()):
        again = publish(scored(tables, 0.3), state, on(3), keep=2)
        assert (state / "latest").resolve() == again.path.resolve()
        assert is_whole(again.path)
        assert {path.name for path in (state / "releases").iterdir()} == {second.release_id, third}
        assert (state / catalogue.LIST_FILE).read_bytes() == (
            place / catalogue.LIST_FILE
        ).read_bytes()


def test_a_point_where_readers_would_find_half_a_release_is_noticed(tmp_path, at_each_write):
    """The watch sees each write: one file after the other, in the place itself, is not atomic."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("1")
    seen = []

    def look() -> None:
        seen.append((tmp_path / "a").read_text() + (tmp_path / "b").read_text())

    def write() -> None:
        files.write(tmp_path / "a", b"2")
        (tmp_path / "b").write_text("2")

    at_each_write(write, look)
    assert "21" in seen
