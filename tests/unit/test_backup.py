"""A backup restores every file of the state on another path, or nothing at all."""

import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from densing_pipeline import backup, files, state, state_format
from densing_pipeline.__main__ import main
from densing_pipeline.backup import BackupError
from densing_pipeline.settings import Settings


@pytest.fixture
def settings(tmp_path):
    """Settings whose state directory holds something of each kind."""
    made = Settings(state_dir=tmp_path / "state", publish_url=str(tmp_path / "published"))
    for name in (
        "tables/prices.parquet", "landing/objects/ab/ab12.gz", "landing/receipts/openrouter/1.json",
        "book/openrouter.parquet", "evaluations/lab--model/items.jsonl", "dagster.yaml", "empty/file",
    ):  # fmt: skip
        path = made.state_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name.startswith("empty") else f"bytes of {name}".encode() * 100)
    (made.state_dir / "history").mkdir()
    with closing(sqlite3.connect(made.state_dir / "history" / "runs.db")) as runs, runs:
        runs.execute("CREATE TABLE runs (name)")
        runs.execute("INSERT INTO runs VALUES ('first')")
    return made


@pytest.fixture
def elsewhere(tmp_path):
    return Settings(
        state_dir=tmp_path / "another" / "place", publish_url=str(tmp_path / "published")
    )


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".db", ".lock")
    }


def rows(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "history" / "runs.db")) as runs:
        return [row[0] for row in runs.execute("SELECT name FROM runs")]


def archived(target: Path) -> set[str]:
    with tarfile.open(target) as archive:
        return set(archive.getnames())


def test_the_state_comes_back_on_another_path(settings, elsewhere, tmp_path):
    target = tmp_path / "backup.tar.gz"
    made = backup.make(settings, target)
    assert backup.restore(target, elsewhere) == made
    assert content(elsewhere.state_dir) == content(settings.state_dir)
    assert rows(elsewhere.state_dir) == ["first"]
    assert made.files == 8
    assert {path.name for path in elsewhere.state_dir.parent.iterdir()} == {"place"}


def test_a_backup_is_for_its_owner_alone_and_keeps_who_may_read_each_file(
    settings, elsewhere, tmp_path
):
    (settings.state_dir / "dagster.yaml").chmod(0o640)
    backup.make(settings, tmp_path / "b")
    backup.restore(tmp_path / "b", elsewhere)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert (elsewhere.state_dir / "dagster.yaml").stat().st_mode & 0o777 == 0o640


def test_a_database_in_use_is_copied_as_of_one_moment(settings, elsewhere, tmp_path):
    with closing(sqlite3.connect(settings.state_dir / "history" / "runs.db")) as other:
        other.execute("PRAGMA journal_mode = WAL")
        with other:
            other.execute("INSERT INTO runs VALUES ('in the log of SQLite')")
        other.execute("BEGIN")
        other.execute("INSERT INTO runs VALUES ('not committed')")
        backup.make(settings, tmp_path / "b")
        other.rollback()
    backup.restore(tmp_path / "b", elsewhere)
    assert rows(elsewhere.state_dir) == ["first", "in the log of SQLite"]


def test_caches_locks_temporary_files_and_links_are_left_out(settings, tmp_path):
    state_dir = settings.state_dir
    backup.make(settings, tmp_path / "before")
    for name in (
        "weights/model.safetensors", "git/litellm/HEAD", "hub/pages.parquet", "storage.lock",
        "tables/.prices.parquet.123.tmp", "history/runs.db-shm",
    ):  # fmt: skip
        (state_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (state_dir / name).write_bytes(b"x")
    (state_dir / "link").symlink_to("/etc")
    backup.make(settings, tmp_path / "after")
    assert archived(tmp_path / "after") == archived(tmp_path / "before")


@pytest.mark.parametrize("url", ["s3://bucket/densing", "hf://datasets/lab/densing"])
def test_the_local_copy_of_a_remote_places_releases_is_left_out(settings, tmp_path, url):
    remote = Settings(state_dir=settings.state_dir, publish_url=url)
    backup.make(remote, tmp_path / "before")
    release = remote.publish_dir / "releases" / "2026-01-01-abc" / "prices.parquet"
    release.parent.mkdir(parents=True)
    release.write_bytes(b"x")
    backup.make(remote, tmp_path / "after")
    assert archived(tmp_path / "after") == archived(tmp_path / "before")


def test_a_backup_inside_the_state_directory_does_not_hold_itself(settings):
    target = settings.state_dir / "backup.tar.gz"
    first = backup.make(settings, target)
    assert backup.make(settings, target) == first


def test_a_pipe_or_device_is_not_replaced_by_a_backup(settings, tmp_path):
    """As root, `densing backup /dev/stdout` would put a file in the place of the machine's."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(BackupError, match=r"pipe is a device or a pipe.*name a file"):
            backup.make(settings, tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_a_link_to_the_file_of_the_last_backup_stays(settings, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "elsewhere" / "b")
    for _ in range(2):
        backup.make(settings, tmp_path / "b")
    assert (tmp_path / "b").is_symlink()
    assert (tmp_path / "elsewhere" / "b").stat().st_size > 0


def test_no_backup_while_a_night_changes_the_tables(settings, tmp_path):
    """The lock of a process that holds it is refused to others; here to another thread's."""
    import threading

    with state.held(settings.state_dir, "`densing run`"):
        refused = []

        def other() -> None:
            try:
                backup.make(settings, tmp_path / "b")
            except state.StateBusyError as error:
                refused.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "in use by" in refused[0]
    assert not (tmp_path / "b").exists()


def test_nothing_is_written_over(settings, elsewhere, tmp_path):
    backup.make(settings, tmp_path / "b")
    elsewhere.state_dir.mkdir(parents=True)
    backup.restore(tmp_path / "b", elsewhere)
    with pytest.raises(BackupError, match="is not empty"):
        backup.restore(tmp_path / "b", elsewhere)


def test_a_linked_or_mounted_empty_directory_is_filled_where_it_is(settings, elsewhere, tmp_path):
    backup.make(settings, tmp_path / "b")
    disk = tmp_path / "disk"
    disk.mkdir()
    elsewhere.state_dir.parent.mkdir()
    elsewhere.state_dir.symlink_to(disk)
    backup.restore(tmp_path / "b", elsewhere)
    assert elsewhere.state_dir.is_symlink()
    assert content(disk) == content(settings.state_dir)


def test_a_restore_that_is_broken_off_is_told_by_every_run_and_may_be_repeated(
    settings, elsewhere, tmp_path, monkeypatch
):
    folder = elsewhere.state_dir
    folder.mkdir(parents=True)
    backup.make(settings, tmp_path / "b")

    def killed_after(renames):
        """What a power loss leaves: no clean-up runs, and some of the folders are in their places."""
        done: list[object] = []

        def rename(written, place):
            if len(done) == renames:
                raise KeyboardInterrupt
            done.append(written.replace(place))

        with monkeypatch.context() as dying:
            dying.setattr(files, "rename", rename)
            dying.setattr(shutil, "rmtree", lambda *_, **__: None)
            with pytest.raises(KeyboardInterrupt):
                backup.restore(tmp_path / "b", elsewhere)

    killed_after(0)
    (obstacle,) = state.obstacles(folder)
    assert "`densing restore` is at work or was broken off" in obstacle
    with (
        pytest.raises(state.StateError, match="was broken off"),
        state.held(folder, "`densing run`"),
    ):
        pass
    assert backup.restore(tmp_path / "b", elsewhere).files
    assert content(folder) == content(settings.state_dir)
    assert state.obstacles(folder) == []
    shutil.rmtree(folder)
    folder.mkdir()
    killed_after(3)
    with pytest.raises(BackupError, match="holds a part of a backup"):
        backup.restore(tmp_path / "b", elsewhere)
    assert "was broken off" in state.obstacles(folder)[0]


def test_the_folder_that_every_new_disk_has_is_no_content(settings, elsewhere, tmp_path):
    """A mounted disk has it from the beginning, and only root may read it."""
    for state_dir in (settings.state_dir, elsewhere.state_dir):
        (state_dir / "lost+found").mkdir(parents=True)
    (settings.state_dir / "lost+found" / "found").touch()
    backup.make(settings, tmp_path / "b")
    backup.restore(tmp_path / "b", elsewhere)
    assert list((elsewhere.state_dir / "lost+found").iterdir()) == []


def test_a_backup_of_an_earlier_versions_state_leaves_it_as_it_is(settings, tmp_path):
    before = content(settings.state_dir)
    backup.make(settings, tmp_path / "b")
    assert content(settings.state_dir) == before


def test_the_state_of_a_later_version_is_not_restored(settings, elsewhere, tmp_path):
    later = {"format": state_format.NEWEST_FORMAT, "made_by": "9.1"}
    path = settings.state_dir / state_format.FORMAT_FILE
    path.write_text(json.dumps(later))
    backup.make(settings, tmp_path / "b")
    backup.restore(tmp_path / "b", elsewhere)
    later["format"] += 1
    path.write_text(json.dumps(later))
    with pytest.raises(state.StateError, match=r"densing-pipeline 9\.1"):
        backup.make(settings, tmp_path / "b")
    rewritten(tmp_path / "b", tmp_path / "later", state_format.FORMAT_FILE, path.read_bytes())
    another = Settings(state_dir=tmp_path / "later state")
    with pytest.raises(BackupError, match="does not know: restore it with densing-pipeline"):
        backup.restore(tmp_path / "later", another)
    assert not another.state_dir.exists()


def rewritten(source: Path, target: Path, name: str, held: bytes) -> None:
    """Copy a backup with another content of one file, and a manifest that agrees."""
    with tarfile.open(source) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive}
    members[f"{backup.STATE}/{name}"] = held
    manifest = json.loads(members[backup.MANIFEST])
    for each in manifest["files"]:
        if each["path"] == name:
            each |= {"size": len(held), "sha256": hashlib.sha256(held).hexdigest()}
    members[backup.MANIFEST] = json.dumps(manifest).encode()
    forged(target, *((tarfile.TarInfo(each), held) for each, held in members.items()))


def test_a_backup_cut_anywhere_or_changed_restores_nothing(settings, elsewhere, tmp_path):
    backup.make(settings, tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    # The last bytes are the padding of the archive, without which it is whole.
    for keep in range(0, len(whole) - 100, len(whole) // 25):
        (tmp_path / "cut").write_bytes(whole[:keep])
        with pytest.raises(BackupError, match="is not a whole backup"):
            backup.restore(tmp_path / "cut", elsewhere)
    plain = gzip.decompress(whole)
    (tmp_path / "changed").write_bytes(
        gzip.compress(plain.replace(b"bytes of book", b"bytes of cook", 1))
    )
    with pytest.raises(BackupError, match="is damaged"):
        backup.restore(tmp_path / "changed", elsewhere)
    assert not elsewhere.state_dir.exists()
    assert list(elsewhere.state_dir.parent.iterdir()) == []


def forged(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, held in members:
            member.size = len(held)
            archive.addfile(member, io.BytesIO(held))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [tarfile.TarInfo("state/../../evil"), tarfile.TarInfo("/etc/evil"), tarfile.TarInfo("evil"),
     tarfile.TarInfo("state"), link("state/link", "/etc"), link("state/link", "/etc/passwd", tarfile.LNKTYPE),
     link("state/pipe", "", tarfile.FIFOTYPE), link("state/sparse", "", tarfile.GNUTYPE_SPARSE)],
    ids=["parent", "absolute", "elsewhere", "itself", "link", "hard link", "pipe", "sparse"],
)  # fmt: skip
def test_a_forged_archive_writes_nowhere_else(member, elsewhere, tmp_path):
    source = forged(tmp_path / "b", (member, b""))
    with pytest.raises(BackupError, match="is not a whole backup"):
        backup.restore(source, elsewhere)
    assert list(elsewhere.state_dir.parent.iterdir()) == []


@pytest.mark.parametrize(
    "names",
    [("state/a", "state/a/b"), ("state/a/b", "state/a")],
    ids=["file first", "folder first"],
)
def test_a_name_that_is_both_file_and_folder_is_refused(names, elsewhere, tmp_path):
    source = forged(tmp_path / "b", *((tarfile.TarInfo(name), b"") for name in names))
    with pytest.raises(BackupError, match="is not a whole backup"):
        backup.restore(source, elsewhere)
    assert list(elsewhere.state_dir.parent.iterdir()) == []


@pytest.mark.parametrize(
    "manifest",
    [b"[]", b"[" * 100_000, b"{", b'{"format": 1}', b'{"format": 1, "made_by": "1", "files": [1]}',
     b'{"format": 1, "made_by": "1", "files": [{"path": "a", "of": 1}]}',
     b'{"format": 1, "made_by": "1", "files": [{"path": null, "size": 1, "sha256": "1"}, {"path": "a", "size": 1, "sha256": "1"}]}'],
    ids=["list", "nested", "cut", "no files", "number", "fields", "no path"],
)  # fmt: skip
def test_a_forged_manifest_is_refused(manifest, elsewhere, tmp_path):
    source = forged(tmp_path / "b", (tarfile.TarInfo(backup.MANIFEST), manifest))
    with pytest.raises(BackupError, match="is not a whole backup"):
        backup.restore(source, elsewhere)


def stated_sparse() -> tarfile.TarInfo:
    """A plain file whose extended header says that it is a sparse one of a petabyte."""
    member = tarfile.TarInfo("state/hole")
    member.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50),
        "GNU.sparse.name": "state/hole",
    }  # fmt: skip
    return member


def test_a_file_that_only_states_its_size_fills_no_disk(elsewhere, tmp_path):
    source = forged(tmp_path / "b", (stated_sparse(), b"0\n".ljust(512, b"\0")))
    with pytest.raises(BackupError, match="'state/hole' is not a file"):
        backup.restore(source, elsewhere)
    assert list(elsewhere.state_dir.parent.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
def test_a_header_or_manifest_of_any_size_is_not_held_in_memory(elsewhere, tmp_path, kind):
    member = tarfile.TarInfo(backup.MANIFEST)
    member.type, member.size = kind, 1 << 40
    (tmp_path / "b").write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + b"0" * 10_000))
    with pytest.raises(BackupError, match=f"has {1 << 40} bytes"):
        backup.restore(tmp_path / "b", elsewhere)


def test_a_manifest_as_large_as_it_may_be_is_read(settings, elsewhere, tmp_path, monkeypatch):
    for number in range(100):  # so that the manifest is the largest file
        (settings.state_dir / "tables" / f"{number:0100d}").touch()
    backup.make(settings, tmp_path / "b")
    with tarfile.open(tmp_path / "b") as archive:
        size = archive.getmember(backup.MANIFEST).size
    monkeypatch.setattr(backup, "MOST_AT_ONCE", size - 1)
    with pytest.raises(BackupError, match=f"its manifest.json has {size} bytes"):
        backup.restore(tmp_path / "b", elsewhere)
    monkeypatch.setattr(backup, "MOST_AT_ONCE", size)
    assert backup.restore(tmp_path / "b", elsewhere).files


def test_a_folder_of_the_state_on_another_disk_is_copied(settings, elsewhere, tmp_path):
    landing = settings.state_dir / "landing"
    landing.rename(tmp_path / "another disk")
    landing.symlink_to(tmp_path / "another disk")
    (landing / "all").symlink_to(settings.state_dir)
    before = content(landing)
    backup.make(settings, tmp_path / "b")
    backup.restore(tmp_path / "b", elsewhere)
    assert content(elsewhere.state_dir / "landing") == before != {}
    assert not (elsewhere.state_dir / "landing").is_symlink()


def test_a_later_format_names_the_version_that_can_restore_it(elsewhere, tmp_path):
    manifest = json.dumps({"format": backup.FORMAT + 1, "made_by": "9.1", "files": []}).encode()
    source = forged(tmp_path / "b", (tarfile.TarInfo(backup.MANIFEST), manifest))
    with pytest.raises(BackupError, match=r"restore it with densing-pipeline 9\.1"):
        backup.restore(source, elsewhere)


def test_the_commands_say_what_came_and_what_is_missing(
    settings, elsewhere, tmp_path, monkeypatch, capsys
):
    target = str(tmp_path / "backup.tar.gz")
    monkeypatch.setenv("DENSING_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))
    assert main(["backup", target]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "8 files" in said
    assert "Releases are not in it" in said
    assert main(["restore", target]) == 1
    assert "is not empty" in capsys.readouterr().err
    monkeypatch.setenv("DENSING_STATE_DIR", str(elsewhere.state_dir))
    assert main(["restore", target]) == 0
    assert main(["restore", str(tmp_path / "nothing")]) == 1
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "none"))
    assert main(["backup", target]) == 1
    assert "there is no state directory" in capsys.readouterr().err
