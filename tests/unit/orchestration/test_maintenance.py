"""Maintenance packs receipts when nobody uses the state directory."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.maintenance import pack_receipts
from densing_pipeline.settings import Settings
from densing_pipeline.state import held

END = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    settings = Settings(state_dir=tmp_path)
    for minutes in (-2, -1, 1):
        LandingZone(settings.landing_dir).store("a-list", "", b"", END + timedelta(minutes=minutes))
    return settings


@pytest.mark.parametrize(("days", "told"), [(6.9, "packed 0 receipts"), (7.1, "packed 2 receipts")])
def test_the_receipts_of_a_month_are_packed_a_week_after_its_end(settings, days, told):
    assert pack_receipts(settings, END + timedelta(days=days)) == told
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
    said = pack_receipts(settings, END + timedelta(days=10))
    is_over.set()
    thread.join()
    assert "packed another day" in said
    assert "a night" in said
    assert pack_receipts(settings, END + timedelta(days=10)) == "packed 2 receipts"
