"""The landing zone keeps what came, once, and never half of it."""

import gzip
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from densing_pipeline import files as writing
from densing_pipeline.landing import LandingError, LandingZone, received_at
from densing_pipeline.receipt_packs import texts as texts_of

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


LATER = datetime(2027, 1, 8, tzinfo=UTC)


def landed(zone):
    """Two sources over three months, several responses of one instant among them."""
    for day in range(0, 75, 5):
        zone.store("litellm", URL, f"{day}".encode(), NOON + timedelta(days=day), etag=f'"{day}"')
        zone.store("openrouter-received", f"{URL}/1", b"page", NOON + timedelta(days=day))
        zone.store("openrouter-received", f"{URL}/2", b"page", NOON + timedelta(days=day))


def told(zone):
    """What readers see: names, instants and receipts of every source, in order."""
    return {
        source: [(path.name, received_at(path), zone.receipt(path)) for path in zone.receipt_files(source)]
        for source in ("litellm", "openrouter-received")
    }  # fmt: skip


def loose(zone):
    return sorted(path.name for path in zone.folder.rglob("*.json"))


def test_packed_receipts_are_found_and_read_as_before_in_fewer_files(zone):
    landed(zone)
    before = told(zone)
    texts = {
        (path.parent.name, path.name): path.read_bytes() for path in zone.folder.rglob("*.json")
    }
    over = {key: text for key, text in texts.items() if key[1] < "20270108"}
    assert zone.pack(LATER) == len(over)
    assert told(zone) == before
    assert loose(zone)
    assert all(name > "20270108" for name in loose(zone)), "what came later stays as it is"
    packs = sorted(zone.folder.rglob("*.jsonl.gz"))
    assert [path.name[:7] for path in packs] == ["2026-11", "2026-12", "2027-01"] * 2
    kept = {
        (pack.parent.name, name): text for pack in packs for name, text in texts_of(pack).items()
    }
    assert kept == over, "to the byte"


def test_to_store_a_response_no_other_receipts_are_looked_at(zone, monkeypatch):
    landed(zone)
    zone.pack(LATER)

    def looked(*given):
        raise AssertionError(given)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "glob", looked)
        for name in ("1", "2"):
            zone.store("litellm", f"{URL}/{name}", b"new", LATER)
    new = [path.name for path in zone.receipt_files("litellm") if received_at(path) == LATER]
    assert [name[-8:-5] for name in new] == ["000", "001"]


def test_months_change_with_their_receipts_and_with_their_packing(zone):
    landed(zone)
    before = zone.months("litellm")
    assert list(before) == ["2026-11", "2026-12", "2027-01"]
    assert zone.months("litellm") == before
    zone.store("litellm", URL, b"more", LATER)
    more = zone.months("litellm")
    assert [month for month in more if more[month] != before[month]] == ["2027-01"]
    path = zone.receipt_files("litellm")[0]
    as_file = zone.receipt_sha256(path)
    zone.pack(LATER - timedelta(days=20))
    packed = zone.months("litellm")
    assert [month for month in packed if packed[month] != more[month]] == ["2026-11", "2026-12"]
    [first, *_] = zone.receipt_files("litellm", month="2026-11")
    assert first.name == path.name
    assert zone.receipt_sha256(first) == as_file
    assert {path.name[:6] for path in zone.receipt_files("litellm", month="2026-12")} == {"202612"}


def test_what_lands_after_packing_is_packed_with_the_rest(zone):
    landed(zone)
    zone.pack(LATER)
    again = zone.store("litellm", URL, b"0", NOON, etag='"0"')
    assert again in list(zone.receipts("litellm"))
    assert len(list(zone.receipts("litellm"))) == 15, "the same response is stored once"
    zone.store("openrouter-received", f"{URL}/3", b"page", NOON)
    before = told(zone)
    assert len(before["openrouter-received"]) == 31
    assert zone.pack(LATER) == 1
    assert told(zone) == before
    assert zone.pack(LATER) == 0


@pytest.mark.parametrize("steps", range(12))
def test_a_crash_at_any_step_of_packing_loses_nothing(zone, monkeypatch, steps):
    landed(zone)
    before, left = told(zone), [steps]

    def crashing(do):
        def step(*given, **named):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return do(*given, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(writing, "rename", crashing(writing.rename))
        patch.setattr(Path, "unlink", crashing(Path.unlink))
        with pytest.raises(KeyboardInterrupt):
            zone.pack(LATER)
    assert told(zone) == before
    zone.pack(LATER)
    assert told(zone) == before
    assert all(name > "20270108" for name in loose(zone))


def test_a_damaged_pack_is_named_and_no_other_receipt_is_lost(zone):
    landed(zone)
    zone.pack(LATER)
    pack = zone.folder / "receipts" / "litellm" / "2026-11.jsonl.gz"
    pack.write_bytes(pack.read_bytes()[:-9])
    first, *others = zone.receipt_files("litellm")
    with pytest.raises(LandingError, match=r"2026-11\.jsonl\.gz: cannot be read .* restore it"):
        zone.receipt(first)
    assert received_at(first) == datetime(2026, 11, 1, tzinfo=UTC)
    assert len([zone.receipt(path) for path in others]) == 9
    assert len(list(zone.receipts("openrouter-received"))) == 30
    more = zone.store("litellm", URL, b"more", NOON + timedelta(hours=1))
    assert zone.receipt(zone.receipt_files("litellm")[1]) == more, "what comes now lands beside it"
    with pytest.raises(LandingError, match="restore it from a backup"):
        zone.pack(LATER)
    assert more in [zone.receipt(path) for path in zone.receipt_files("litellm")[1:]]


def test_a_receipt_that_was_changed_within_a_pack_is_noticed(zone):
    landed(zone)
    zone.pack(LATER)
    pack = zone.folder / "receipts" / "litellm" / "2026-11.jsonl.gz"
    pack.write_bytes(
        gzip.compress(gzip.decompress(pack.read_bytes()).replace(b"example.org", b"example.net"))
    )
    with pytest.raises(LandingError, match="not what was packed"):
        zone.receipt(zone.receipt_files("litellm")[0])


def test_a_damaged_receipt_is_not_packed(zone):
    landed(zone)
    zone.receipt_files("litellm")[0].write_bytes(b"\xff\xfe")
    zone.pack(LATER)
    assert loose(zone)[0].startswith("20261101")
