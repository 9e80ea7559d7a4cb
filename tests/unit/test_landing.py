"""The landing zone keeps what came, once, and never half of it."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from densing_pipeline import files as writing
from densing_pipeline.landing import LandingError, LandingZone

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
URL = "https://example.org/prices"


@pytest.fixture
def zone(tmp_path):
    return LandingZone(tmp_path / "landing")


def files(zone):
    return sorted(p for p in zone.folder.rglob("*") if p.is_file())


def test_bytes_come_back_as_received(zone):
    receipt = zone.store("litellm", URL, b"\x00{prices}", NOON, status=200, etag='"x"')
    assert zone.read(receipt) == b"\x00{prices}"
    assert list(zone.receipts("litellm")) == [receipt]
    assert zone.latest("litellm") == receipt


def test_unchanged_bytes_are_not_stored_again_but_receipted(zone):
    for day in range(3):
        zone.store("litellm", URL, b"same", NOON + timedelta(days=day))
    assert len(list(zone.receipts("litellm"))) == 3
    assert len([p for p in files(zone) if p.suffix == ".gz"]) == 1


def test_storing_the_same_response_twice_changes_nothing(zone):
    zone.store("litellm", URL, b"same", NOON)
    before = files(zone)
    zone.store("litellm", URL, b"same", NOON)
    assert files(zone) == before


def test_pages_of_one_instant_all_stay(zone):
    pages = [zone.store("openrouter", f"{URL}/{i}", b"page", NOON) for i in range(3)]
    assert list(zone.receipts("openrouter")) == pages
    assert zone.latest("openrouter", f"{URL}/1") == pages[1]


def test_receipts_are_in_order_of_time_whatever_the_time_zone(zone):
    east = datetime(2026, 11, 1, 14, tzinfo=timezone(timedelta(hours=8)))  # 06:00 UTC
    zone.store("litellm", URL, b"later", NOON)
    zone.store("litellm", URL, b"earlier", east)
    assert [zone.read(r) for r in zone.receipts("litellm")] == [b"earlier", b"later"]


def test_a_crash_before_the_receipt_loses_nothing(zone, monkeypatch):
    zone.store("litellm", URL, b"old", NOON)
    rename = writing.rename

    def crash_at_receipt(written: Path, place: Path) -> None:
        if place.suffix == ".json":
            raise KeyboardInterrupt
        rename(written, place)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "rename", crash_at_receipt)
        with pytest.raises(KeyboardInterrupt):
            zone.store("litellm", URL, b"new", NOON + timedelta(days=1))
    assert [zone.read(r) for r in zone.receipts("litellm")] == [b"old"]
    zone.store("litellm", URL, b"new", NOON + timedelta(days=1))
    assert [zone.read(r) for r in zone.receipts("litellm")] == [b"old", b"new"]


@pytest.mark.parametrize("damage", [b"", b"not gzip", None])
def test_damaged_bytes_are_named(zone, damage):
    receipt = zone.store("litellm", URL, b"prices", NOON)
    path = next(p for p in files(zone) if p.suffix == ".gz")
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(LandingError, match=receipt.sha256):
        zone.read(receipt)


@pytest.mark.parametrize("source", ["", "../up", "a/b", "a b"])
def test_a_source_name_never_leaves_its_folder(zone, source):
    with pytest.raises(ValueError, match="letters, digits"):
        zone.store(source, URL, b"", NOON)


def test_an_instant_without_time_zone_is_refused(zone):
    with pytest.raises(ValueError, match="time zone"):
        zone.store("litellm", URL, b"", NOON.replace(tzinfo=None))


def test_a_source_that_never_answered_has_no_receipts(zone):
    assert list(zone.receipts("nobody")) == []
    assert zone.latest("nobody") is None


@pytest.mark.parametrize(
    "damage", [b"", b"not gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff"]
)
def test_damaged_bytes_heal_when_they_come_again(zone, damage):
    receipt = zone.store("litellm", URL, b"prices", NOON)
    next(p for p in files(zone) if p.suffix == ".gz").write_bytes(damage)
    with pytest.raises(LandingError):
        zone.read(receipt)
    zone.store("litellm", URL, b"prices", NOON + timedelta(days=1))
    assert zone.read(receipt) == b"prices"


def test_a_receipt_keeps_no_secret_of_an_address(zone):
    signed = "https://user:s3cr3t@mirror.example/prices?sig=s3cr3t"
    kept = zone.store("openrouter", signed, b"page", NOON)
    assert kept.url == "https://mirror.example/prices?sig=***"
    assert zone.latest("openrouter", signed) == kept
    [path] = zone.receipt_files("openrouter")
    assert b"s3cr3t" not in path.read_bytes()
    path.write_text(path.read_text().replace(kept.url, signed))
    assert zone.latest("openrouter") == kept, "a receipt of an earlier version"
