"""Dagster's database is created by one process at a time, and what is wrong with it is said plainly."""

import json
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.sqlite import LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from densing_pipeline.orchestration import sqlite_storage, storage
from densing_pipeline.orchestration.sqlite_storage import DATABASES, KEEP_NEWER, LockedSqliteStorage
from densing_pipeline.state import StorageError

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[3]
SECOND = f"INSERT INTO alembic_version VALUES ('{LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION}')"  # noqa: S608


def opened(
    folder: Path, kind: type[DagsterSqliteStorage] = LockedSqliteStorage
) -> DagsterSqliteStorage:
    """Open the storage as Dagster does."""
    return kind.from_config_value(None, {"base_dir": str(folder)})


def execute(path: Path, statement: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return [str(row[0]) for row in connection.execute(statement)]


def versions(path: Path) -> list[str]:
    return execute(path, "SELECT version_num FROM alembic_version")


@pytest.fixture(scope="module")
def new_database(tmp_path_factory):
    """A state directory with a new database, to copy."""
    folder = tmp_path_factory.mktemp("new")
    opened(folder)
    return folder


@pytest.fixture
def state(new_database, tmp_path):
    """A state directory with a new database."""
    return Path(shutil.copytree(new_database, tmp_path / "state"))


def test_a_second_process_waits_until_the_first_has_created_it(tmp_path, monkeypatch):
    """The second comes while the first creates tables, and begins when the first has ended."""
    order, has_begun = [], threading.Event()
    from_local = DagsterSqliteStorage.from_local

    def noted(folder: str, **options: object) -> DagsterSqliteStorage:
        name = threading.current_thread().name
        order.append(f"{name} begins")
        has_begun.set()
        time.sleep(0.3)
        storage = from_local(folder)
        order.append(f"{name} ends")
        return storage

    def second() -> None:
        has_begun.wait()
        opened(tmp_path)

    monkeypatch.setattr(LockedSqliteStorage, "from_local", noted)
    thread = threading.Thread(target=second, name="second")
    thread.start()
    opened(tmp_path)
    thread.join()
    first = threading.current_thread().name
    assert order == [f"{first} begins", f"{first} ends", "second begins", "second ends"]
    assert [len(versions(tmp_path / name)) for name in DATABASES] == [1, 1, 1]


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_of_two_versions_is_named_and_its_remedy_works(state, name):
    execute(state / name, SECOND)
    with pytest.raises(StorageError) as refused:
        opened(state)
    assert f"{state / name}: two processes created this database" in str(refused.value)
    assert KEEP_NEWER in str(refused.value)
    execute(state / name, KEEP_NEWER)
    opened(state)


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("keep", [0, 5000])
def test_a_torn_database_is_damaged_and_its_remedy_works(state, name, keep):
    content = (state / name).read_bytes()
    (state / name).write_bytes(content[:keep] + b"torn" * (len(content) // 4))
    with pytest.raises(StorageError, match=r"damaged .*move history/ and schedules/ there away"):
        opened(state)
    for folder in ("history", "schedules"):
        (state / folder).rename(state / f"{folder}-away")
    opened(state)


@pytest.mark.parametrize("name", DATABASES)
def test_a_folder_where_a_database_should_be_is_named(state, name):
    """SQLite says of it what it says of a file of another user."""
    (state / name).unlink()
    (state / name).mkdir()
    with pytest.raises(StorageError, match=f"{name}: it is a folder where a file is expected"):
        opened(state)


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("history/runs.db", lambda storage: storage.run_storage.get_runs_count()),
        ("history/runs/index.db", lambda storage: storage.event_log_storage.all_asset_keys()),
        ("schedules/schedules.db", lambda storage: storage.schedule_storage.all_instigator_state()),
    ],
)
def test_a_database_that_is_deleted_while_it_is_used_is_named_and_made_again_by_the_next_process(
    tmp_path, name, look
):
    """SQLite would make an empty file, and every statement would say that a table is missing."""
    storage = opened(tmp_path)
    look(storage)
    (tmp_path / name).unlink()
    with pytest.raises(StorageError, match=f"{name} was deleted while this process used it"):
        look(storage)
    assert not (tmp_path / name).exists()
    look(opened(tmp_path))
    look(storage)


@pytest.mark.parametrize("name", DATABASES)
def test_a_locked_database_is_named(state, name, monkeypatch):
    monkeypatch.setattr(sqlite_storage, "SQLITE_BUSY_TIMEOUT_SECONDS", 0.1)
    with closing(sqlite3.connect(state / name)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="is locked by another process"):
            opened(state)
    opened(state)


def test_a_statement_of_a_service_says_what_a_command_says(state, monkeypatch):
    """Webserver, daemon and runs log what a statement raises."""
    monkeypatch.setattr(sqlite_storage, "SQLITE_BUSY_TIMEOUT_SECONDS", 0.1)
    runs = opened(state).run_storage
    runs.set_cursor_values({"a": "1"})
    with closing(sqlite3.connect(state / "history" / "runs.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(
            StorageError, match=f"below {re.escape(str(state))} is locked by another"
        ):
            runs.set_cursor_values({"a": "2"})
    runs.set_cursor_values({"a": "3"})
    assert runs.get_cursor_values({"a"}) == {"a": "3"}


def test_what_dagster_counts_on_a_statement_raises_as_ever(state):
    runs = opened(state).run_storage
    run = DagsterRun("nightly")
    runs.add_run(run)
    with pytest.raises(DagsterRunAlreadyExists):
        runs.add_run(run)


def test_a_process_that_opens_it_for_ever_is_named(state, monkeypatch):
    monkeypatch.setattr(sqlite_storage, "LOCK_SECONDS", 0.2)
    refused = []

    def second() -> None:
        try:
            opened(state)
        except StorageError as error:
            refused.append(str(error))

    with sqlite_storage.locked(state):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "storage.lock: another process has been opening Dagster's database" in refused[0]


def test_errors_of_other_databases_keep_their_message(tmp_path):
    with (
        pytest.raises(StorageError, match=r"cannot be used: could not connect"),
        sqlite_storage.explained(tmp_path),
    ):
        raise sqlite3.Error("could not connect")


@pytest.mark.heavy
def test_a_full_or_read_only_disk_is_named():
    """On small file systems, in a mount namespace of its own."""
    own_namespace = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*own_namespace, "mount", "-t", "tmpfs", "none", "/mnt"], check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine does not let a user mount a file system")
    command = [*own_namespace, sys.executable, "-m", "tests.servers.small_disk"]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    told = json.loads(done.stdout)
    assert "the disk is full" in told["full, new"]
    assert "the disk is full" in told["full, in use"]
    assert "the disk is full" in told["full, old"], "SQLite calls it an I/O error"
    assert "read-only" in told["read-only, new"]
    assert "read-only" in told["read-only, old"]
    assert told["writable again"] == "opened"
    assert "the disk is full" in told["full, landing"]
    assert told["landing again"] == "landed, 1 receipts"
    assert "read-only" in told["read-only, state"]
    assert "DENSING_PUBLISH_URL to folders that can be written" in told["read-only, releases"]


@pytest.mark.slow
def test_processes_that_open_a_new_instance_at_once_all_open_it(tmp_path, monkeypatch):
    """As `dagster.yaml` of the checkout has it, which the webserver, the daemon and `densing` use."""
    program = (
        "import sys, dagster as dg\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "with dg.DagsterInstance.get() as instance: instance.get_runs_count(); instance.all_asset_keys()"
    )
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path))
    processes = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", program],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert [len(versions(tmp_path / name)) for name in DATABASES] == [1, 1, 1]


def test_the_instance_of_the_checkout_is_opened_under_the_lock():
    named = InstanceRef.from_dir(str(ROOT)).storage_data
    assert (named.module_name, named.class_name) == (
        storage.__name__,
        storage.InstanceStorage.__name__,
    )


def test_a_database_is_migrated_once_per_process_and_again_when_it_is_replaced(state, monkeypatch):
    """Each tick of a sensor opens it; alembic loads all its migrations anew each time, and keeps a part of them."""
    loaded, real = [], ScriptDirectory.from_config

    def noted(config: Config) -> ScriptDirectory:
        loaded.append(config)
        return real(config)

    monkeypatch.setattr(ScriptDirectory, "from_config", staticmethod(noted))
    opened(state).run_storage.get_runs()
    assert loaded
    loaded.clear()
    second = opened(state)
    assert second.run_storage.get_runs() == []
    assert second.event_log_storage.all_asset_keys() == []
    assert second.schedule_storage.all_instigator_state() == []
    assert loaded == []
    shutil.rmtree(state / "history")
    assert opened(state).run_storage.get_runs() == []
    assert loaded
    assert [versions(state / name) for name in DATABASES] == [versions(state / DATABASES[0])] * 3


def test_a_state_directory_that_dagster_comes_to_first_is_closed_to_others(tmp_path):
    code = (
        "import os, sys; os.umask(0o022)\n"
        "from densing_pipeline.orchestration.storage import InstanceStorage\n"
        "InstanceStorage.from_config_value(None, {'base_dir': sys.argv[1]})\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "state"], check=True, cwd=ROOT)  # noqa: S603
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o750
