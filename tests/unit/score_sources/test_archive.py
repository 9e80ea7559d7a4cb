"""No archive makes us write a file, fill the memory, or lose its other members."""

import io
import struct
import zipfile

import pytest

from densing_pipeline.score_sources import archive as reading
from densing_pipeline.score_sources.archive import Archive, ArchiveError, MemberError
from tests.unit.score_sources.epoch import archive, archive_of

GOOD = {"good.csv": b"a,b\n1,2\n"}


def central(content: bytes, name: str) -> int:
    """Position of a member's entry in the list at the end of the archive."""
    return content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))


def with_sizes(content: bytes, name: str, size: int) -> bytes:
    """The archive with another declared size of a member, in both of its entries."""
    changed = bytearray(content)
    local = content.rindex(b"PK\x03\x04", 0, content.index(name.encode()))
    struct.pack_into("<I", changed, local + 22, size)
    struct.pack_into("<I", changed, central(content, name) + 24, size)
    return bytes(changed)


def with_flag(content: bytes, name: str, flag: int) -> bytes:
    """The archive with a flag set in both entries of a member."""
    changed = bytearray(content)
    local = content.rindex(b"PK\x03\x04", 0, content.index(name.encode()))
    for place in (local + 6, central(content, name) + 8):
        struct.pack_into("<H", changed, place, struct.unpack_from("<H", changed, place)[0] | flag)
    return bytes(changed)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/bad.csv", "an absolute path"),
        ("C:bad.csv", "an absolute path"),
        ("../bad.csv", "a path that leaves the archive"),
        ("a/../../bad.csv", "a path that leaves the archive"),
        ("a\\bad.csv", "a path that leaves the archive"),
        ("bad\x1b[2J.csv", "control characters in its name"),
        ("inner.zip", "an archive within the archive"),
        ("inner.tar", "an archive within the archive"),
    ],
)
def test_a_member_of_a_bad_name_costs_only_itself(name: str, reason: str) -> None:
    found = Archive(archive(GOOD | {name: b"x"}))
    assert list(found.refused.values()) == [reason]
    assert found.names == ["good.csv"]
    assert found.read("good.csv") == GOOD["good.csv"]
    with pytest.raises(MemberError):
        found.read(name)


@pytest.mark.parametrize("name", ["a..b.csv", "folder/a.csv", "..a.csv", "a-zip.csv"])
def test_names_that_only_look_bad_are_read(name: str) -> None:
    assert Archive(archive({name: b"x"})).read(name) == b"x"


def test_two_members_of_one_name_are_both_refused() -> None:
    found = Archive(archive_of([*GOOD.items(), ("twice.csv", b"1"), ("twice.csv", b"2")]))
    assert found.refused == {"twice.csv": "two members of one name"}
    assert found.names == ["good.csv"]


def test_an_encrypted_member_is_refused() -> None:
    found = Archive(with_flag(archive(GOOD | {"bad.csv": b"secret"}), "bad.csv", 1))
    assert found.refused == {"bad.csv": "encrypted"}
    assert found.read("good.csv")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_of_compression_are_refused(method: int) -> None:
    found = Archive(archive_of([("bad.csv", b"x" * 100)], method))
    assert "stored or deflated is expected" in found.refused["bad.csv"]


def test_a_member_without_a_name_costs_only_itself() -> None:
    content = bytearray(archive(GOOD | {"b": b"x"}))
    at = central(bytes(content), "b") + 46
    content[at : at + 1] = b"\0"
    found = Archive(bytes(content))
    assert found.refused == {"a member without a name": "an empty name"}
    assert found.read("good.csv") == GOOD["good.csv"]


def test_a_member_that_declares_4_gb_is_not_opened() -> None:
    found = Archive(with_sizes(archive(GOOD | {"bad.csv": b"x"}), "bad.csv", 2**32 - 2))
    assert found.refused == {"bad.csv": "larger than 32 MiB (4,096 MiB)"}
    assert found.read("good.csv")


@pytest.mark.parametrize("declared", [0, 10, 2**20])
def test_a_bomb_that_lies_about_its_size_is_damaged(
    declared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MEMBER_BYTES", 2**20)
    bomb = archive(GOOD | {"bad.csv": b"\0" * 2**24})
    assert len(bomb) < 2**16
    found = Archive(with_sizes(bomb, "bad.csv", declared))
    with pytest.raises(MemberError, match="damaged"):
        found.read("bad.csv")
    assert found.read("good.csv")


@pytest.mark.parametrize(("size", "is_read"), [(100, True), (101, False)])
def test_a_member_may_be_as_large_as_the_bound(
    size: int, is_read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MEMBER_BYTES", 100)
    found = Archive(archive({"a.csv": b"x" * size}))
    assert ("a.csv" in found.names) is is_read


def test_all_members_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ARCHIVE_BYTES", 25)
    found = Archive(archive({f"{n}.csv": b"x" * 10 for n in range(3)}))
    assert [found.read(f"{n}.csv") for n in range(2)] == [b"x" * 10] * 2
    with pytest.raises(MemberError, match="larger than"):
        found.read("2.csv")


def test_a_damaged_member_costs_only_itself() -> None:
    content = archive(GOOD | {"bad.csv": bytes(range(256)) * 20})
    at = content.index(b"bad.csv") + 40
    found = Archive(content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :])
    with pytest.raises(MemberError, match="damaged"):
        found.read("bad.csv")
    assert found.read("good.csv")


@pytest.mark.parametrize("n_damaged", [2, 3])
def test_what_damaged_members_decompress_to_is_counted(
    n_damaged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ARCHIVE_BYTES", 350)
    names = [f"bad{n}.csv" for n in range(n_damaged)]
    content = bytearray(archive(GOOD | dict.fromkeys(names, b"x" * 100)))
    for name in names:
        checksum = central(bytes(content), name) + 16
        content[checksum] ^= 0xFF
    found = Archive(bytes(content))
    for name in names:
        with pytest.raises(MemberError, match="damaged"):
            found.read(name)
    monkeypatch.setattr(reading, "MEMBER_BYTES", 100)
    assert found.read("good.csv") == GOOD["good.csv"]
    assert found._left == 350 - 100 * n_damaged - len(GOOD["good.csv"])


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_an_archive_that_is_cut_short_is_refused_as_a_whole(share: float) -> None:
    content = archive(GOOD | {"more.csv": bytes(range(256)) * 20})
    with pytest.raises(ArchiveError, match="cut short"):
        Archive(content[: int(share * len(content))])


@pytest.mark.parametrize("content", [b"<html>down</html>", b"PK\x03\x04", b"a,b\n1,2\n"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(ArchiveError, match="no zip archive"):
        Archive(content)


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_MEMBERS", 3)
    Archive(archive({f"{n}.csv": b"" for n in range(3)}))
    with pytest.raises(ArchiveError, match="4 members: 3 at most"):
        Archive(archive({f"{n}.csv": b"" for n in range(4)}))


def test_folders_are_no_members() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.mkdir("folder")
        file.writestr("folder/a.csv", "x")
    assert Archive(buffer.getvalue()).names == ["folder/a.csv"]
