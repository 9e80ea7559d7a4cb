"""Maintenance packs receipts and deletes what nothing reads, when nobody uses the state directory."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from densing_pipeline.evaluation.job_path import package_copied
from densing_pipeline.hub import observations
from densing_pipeline.landing import LandingError, LandingZone
from densing_pipeline.orchestration.maintenance import BROKEN_OFF_AFTER, UNUSED_AFTER, tidy, unread
from densing_pipeline.orchestration.removal import Removed, is_older
from densing_pipeline.settings import Settings
from densing_pipeline.state import held

END = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    settings = Settings(state_dir=tmp_path)
    for minutes in (-2, -1, 1):
        LandingZone(settings.landing_dir).store("a-list", "", b"", END + timedelta(minutes=minutes))
    return settings


@pytest.mark.parametrize(("days", "packed"), [(6.9, 0), (7, 2), (7.1, 3)])
def test_receipts_are_packed_a_week_after_they_came(settings, days, packed):
    told = f"packed {packed} receipts"
    assert tidy(settings, END + timedelta(days=days)).startswith(told)
    assert len(list(LandingZone(settings.landing_dir).receipts("a-list"))) == 3


def test_nothing_is_packed_beside_a_run(settings):
    is_held, is_over = threading.Event(), threading.Event()

    def other() -> None:
        with held(settings.state_dir, "a night"):
            is_held.set()
            is_over.wait()

    thread = threading.Thread(target=other)
    thread.start()
    is_held.wait()
    said = tidy(settings, END + timedelta(days=10))
    is_over.set()
    thread.join()
    assert "another day" in said
    assert "a night" in said
    assert tidy(settings, END + timedelta(days=10)).startswith("packed 3 receipts")


def aged(path: Path, changed: datetime) -> Path:
    """A file or folder that was changed at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (changed.timestamp(), changed.timestamp()))
    return path


def test_of_the_hubs_caches_that_of_this_code_stays(tmp_path):
    settings = Settings(state_dir=tmp_path)
    for name in (observations.rules(), "0123456789abcdef"):
        (settings.hub_cache_dir / name).mkdir(parents=True)
    assert [path.name for path in unread(settings, END)] == ["0123456789abcdef"]


def test_what_jobs_need_goes_a_month_after_its_last_use(tmp_path):
    settings = Settings(state_dir=tmp_path)
    for folder in (settings.job_dir / "copy", settings.orders_dir / "order"):
        folder.mkdir(parents=True)
        aged(folder, END)
    (settings.job_dir / "densing_pipeline").symlink_to("/nowhere")
    assert list(unread(settings, END + UNUSED_AFTER)) == []
    late = END + UNUSED_AFTER + timedelta(seconds=1)
    assert [path.name for path in unread(settings, late)] == ["copy", "order"]


def test_a_copy_of_the_package_that_is_used_stays(tmp_path):
    settings = Settings(state_dir=tmp_path)
    used = aged(package_copied(settings.job_dir), END - 10 * UNUSED_AFTER)
    now = datetime.now(UTC)
    assert list(unread(settings, now)) == [used]
    package_copied(settings.job_dir)
    assert list(unread(settings, now)) == []


def test_temporary_files_of_killed_processes_go_and_other_hidden_files_stay(tmp_path):
    settings = Settings(state_dir=tmp_path)
    left = aged(settings.tables_dir / ".prices.parquet.123.tmp", END)
    aged(settings.tables_dir / ".mine.tmp", END)
    assert list(unread(settings, END + BROKEN_OFF_AFTER)) == []
    assert list(unread(settings, END + BROKEN_OFF_AFTER + timedelta(seconds=1))) == [left]


def test_a_file_that_is_renamed_meanwhile_is_passed_over(tmp_path):
    """An evaluation writes beside the job; a failed job would be told to a person."""
    path = aged(tmp_path / ".items.1.tmp", END)
    assert is_older(path, END + timedelta(seconds=1))
    assert not is_older(path, END)
    removed = Removed()
    path.rename(tmp_path / "items")
    assert not is_older(path, END + timedelta(seconds=1))
    removed.remove(path)
    assert str(removed) == "0 files of 0.0 MiB"


def test_of_a_link_its_own_age_counts(tmp_path):
    """What it leads to may be old, or gone."""
    link, now = tmp_path / "link", datetime.now(UTC)
    link.symlink_to(aged(tmp_path / "old", now - timedelta(days=400)))
    assert not is_older(link, now - timedelta(days=1))
    (tmp_path / "old").unlink()
    assert is_older(link, now + timedelta(days=1))


@pytest.mark.parametrize(("days", "stays"), [(365, True), (366, False)])
def test_bytes_of_refused_documents_go_after_their_days_and_their_receipts_stay(
    tmp_path, days, stays
):
    settings = Settings(state_dir=tmp_path)
    zone = LandingZone(settings.landing_dir)
    refused = zone.store("a-list-refused", "", b"refused", END)
    taken = [zone.store(name, "", b"taken", END) for name in ("a-list-received", "a-list")]
    newer = [zone.store("a-list-received", "", b"again", END + timedelta(days=n)) for n in (0, 9)]
    tidy(settings, END + timedelta(days=days))
    assert (zone.find(refused.sha256) is not None) == stays
    assert all(zone.find(each.sha256) for each in (*taken, *newer))
    assert [each.sha256 for each in zone.receipts("a-list-refused")] == [refused.sha256]
    assert zone.store("a-list", "", b"refused", END + timedelta(days=400)).sha256 == refused.sha256
    assert zone.find(refused.sha256)


def test_a_damaged_receipt_is_named_and_no_bytes_go(tmp_path):
    settings = Settings(state_dir=tmp_path)
    zone = LandingZone(settings.landing_dir)
    refused = zone.store("a-list-refused", "", b"refused", END)
    (settings.landing_dir / "receipts" / "a-list").mkdir()
    damaged = settings.landing_dir / "receipts" / "a-list" / "20261201T000000.000000Z-000.json"
    damaged.write_text("damaged")
    with pytest.raises(LandingError, match="20261201T000000"):
        tidy(settings, END + timedelta(days=366))
    assert zone.find(refused.sha256)
