"""A file is whole or not there."""

import os
import stat
from pathlib import Path

import pytest

from densing_pipeline import files


def test_a_file_is_replaced_only_when_it_is_whole(tmp_path):
    path = tmp_path / "folder" / "file"
    files.write(path, b"old")

    def write_half() -> None:
        with files.replacing(path) as file:
            file.write(b"new, but")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path], "nothing is left beside it"


def test_contents_reach_the_disk_before_the_name_and_the_name_before_we_go_on(
    tmp_path, monkeypatch
):
    """Otherwise a power cut leaves a whole name on half a file, or takes back what was reported."""
    steps = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor: int) -> None:
        steps.append(
            "folder" if Path(f"/proc/self/fd/{descriptor}").readlink() == tmp_path else "file"
        )
        fsync(descriptor)

    def seen_replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    files.write(tmp_path / "file", b"content")
    assert steps == ["file", "rename", "folder"]


def test_a_link_is_replaced_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.link(tmp_path / "latest", Path(name))
        assert (tmp_path / "latest").resolve() == tmp_path / name


@pytest.fixture
def closed():
    """A umask under which new files and folders are their owner's alone."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("closed")
def test_a_public_folder_can_be_read_whatever_the_umask(tmp_path):
    files.write(tmp_path / "folder" / "inner" / "file", b"content")
    assert mode(tmp_path / "folder" / "inner" / "file") == 0o600
    files.make_public(tmp_path / "folder")
    modes = [mode(path) for path in (tmp_path / "folder", *(tmp_path / "folder").rglob("*"))]
    assert modes == [0o755, 0o755, 0o644]
    files.write(tmp_path / "file", b"content", files.PUBLIC_FILE)
    assert mode(tmp_path / "file") == 0o644


def test_a_private_folder_is_closed_to_others_and_one_that_is_there_stays_as_it_is(tmp_path):
    files.make_private(tmp_path / "new")
    assert mode(tmp_path / "new") & 0o007 == 0
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o755)
    files.make_private(tmp_path / "old")
    assert mode(tmp_path / "old") == 0o755


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / f".table.{os.getpid()}.tmp").symlink_to(tmp_path / "mine")
    files.write(tmp_path / "table", b"new")
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert (tmp_path / "table").read_bytes() == b"new"
    assert not (tmp_path / "table").is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file_is_not_opened(tmp_path, kind):
    path = tmp_path / "a"
    {"pipe": os.mkfifo, "device": lambda a: a.symlink_to("/dev/zero"), "folder": os.mkdir}[kind](path)  # fmt: skip
    with pytest.raises(OSError, match="no regular file"):
        files.open_regular(path)
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "link").symlink_to(tmp_path / "b")
    with files.open_regular(tmp_path / "link") as file:
        assert file.read() == b"b"


def test_what_a_link_in_a_public_folder_names_stays_private(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "mine").chmod(0o600)
    (tmp_path / "public").mkdir(mode=0o700)
    (tmp_path / "public" / "link").symlink_to(tmp_path / "mine")
    files.make_public(tmp_path / "public")
    assert stat.S_IMODE((tmp_path / "public").stat().st_mode) == files.PUBLIC_FOLDER
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o600
