"""Dagster's database as SQLite files below the state directory: created under a lock, checked when opened.

Dagster's own class lets two processes create a database at the same time, which leaves two versions
in its table `alembic_version`; after that no process can open it. It also makes an engine of SQLAlchemy for each of
the thousand statements of a night, so that every one of them is compiled anew; here each file keeps its engine, which
holds no connection between two statements. And with every instance of Dagster, of which each tick of a sensor makes one, it
loads some hundred modules of alembic to find that nothing is to be migrated, and alembic keeps a little of each in memory for
good; here that is done once per process, and again if a database is replaced.
"""

import errno
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic.util.exc import CommandError
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import (
    LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    create_db_conn_string,
)
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from densing_pipeline import files
from densing_pipeline.orchestration.event_secrets import (
    HidesSecrets,
    HidesSecretsOfDaemons,
    HidesSecretsOfTicks,
)
from densing_pipeline.os_errors import sentence
from densing_pipeline.state import StorageError
from densing_pipeline.units import MIB

LOCK = "storage.lock"
"""Name of the lock file in the state directory, held while the database is opened."""

LOCK_SECONDS = 120.0
"""Longest wait for another process that is opening the database."""

DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
"""The files of the database below the state directory; there is one more per run."""

FOLDERS = {Path(name).parts[0] for name in DATABASES}
"""Folders of the state directory that hold the files of the database."""

MOST_ENGINES = 32
"""Engines that are kept: of the database's three files, and of the runs last looked at."""

NEARLY_FULL = MIB
"""Bytes of free space below which an I/O error is taken for a full disk."""

ASIDE = (
    "move history/ and schedules/ there away and start again: run history is lost, tables and "
    "releases do not depend on it"
)


KEEP_NEWER = f"DELETE FROM alembic_version WHERE version_num = '{LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION}'"  # noqa: S608
"""Repairs a database with two versions: its tables have the newer schema, so the other entry is
deleted."""


@lru_cache(maxsize=MOST_ENGINES)
def engine(address: str) -> Engine:
    """The engine of a file, given as `sqlite:///path`; a locked one is waited for."""
    waits = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    made = create_engine(address, poolclass=NullPool, connect_args=waits)
    # Daemon, web page and runs log what a statement raises.
    event.listen(made, "handle_error", _explain, retval=True)
    return made


def _explain(failed: ExceptionContext) -> StorageError | None:
    """What a statement is to raise in place of its error: the sentence that commands say; None where Dagster counts on the error."""
    code = getattr(failed.original_exception, "sqlite_errorname", "")
    if failed.engine is None or not code or code.startswith(("SQLITE_ERROR", "SQLITE_CONSTRAINT")):
        return None
    file = Path(failed.engine.url.database or "")
    folder = next((each.parent for each in file.parents if each.name in FOLDERS), file.parent)
    return StorageError(_sentence(folder, failed.original_exception))


def _check_is_there(used: Engine) -> None:
    """SQLite would make an empty file, of which every statement says that a table is missing.

    Raises:
        StorageError: the file was deleted since this process opened it.
    """
    path = Path(used.url.database or "")
    if not path.exists():
        raise StorageError(
            f"{path} was deleted while this process used it: start webserver and daemon again, which make a new one; run "
            "history is lost, tables and releases do not depend on it"
        )


class OneEngine:
    """What a storage of one file needs to keep its engine."""

    _conn_string: str

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection with a transaction.

        Raises:
            StorageError: the file was deleted.
        """
        found = engine(self._conn_string)
        _check_is_there(found)
        with found.begin() as connection:
            yield connection


class Runs(OneEngine, HidesSecretsOfDaemons, SqliteRunStorage):
    """Dagster's runs and daemons, whose errors have no secrets, with one engine."""


class Schedules(OneEngine, HidesSecretsOfTicks, SqliteScheduleStorage):
    """Dagster's schedules and their ticks without secrets, with one engine."""


class Events(HidesSecrets, SqliteEventLogStorage):
    """Dagster's events without secrets, one file per run and one of all runs, with an engine for each."""

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            found = engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(found)
                self._initialized_dbs.add(shard)
            elif shard == INDEX_SHARD_NAME:
                # The file of a run goes with the run.
                _check_is_there(found)
            with found.begin() as connection:
                yield connection


class LockedSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage, opened by one process at a time and checked before it is used."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Create what is not there yet, and read and write it with one engine per file.

        Raises:
            StorageError: a database has two versions.
            sqlite3.Error: one cannot be written.
        """
        DagsterStorage.__init__(self)  # type: ignore[no-untyped-call, arg-type]
        self.base_dir, self._inst_data = base_dir, inst_data
        runs, index, schedules = paths = [Path(base_dir) / name for name in DATABASES]
        if _PREPARED.get(base_dir) != [_versions_of(path) for path in paths]:
            DagsterSqliteStorage(base_dir)
            _PREPARED[base_dir] = [_versions_of(path) for path in paths]
        self._run_storage = Runs(create_db_conn_string(str(runs.parent), runs.stem))
        self._schedule_storage = Schedules(
            create_db_conn_string(str(schedules.parent), schedules.stem)
        )
        self._event_log_storage = Events(str(index.parent))
        if _versions_of(index):
            self._event_log_storage._initialized_dbs.add(index.stem)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "LockedSqliteStorage":
        """Create the database, or open the one that exists.

        Raises:
            StorageError: it is locked, full, read-only, damaged, or of two versions.
        """
        # Absolute, as in `storage.open_instance`: messages name the same folder, whatever the working directory.
        folder = Path(config_value["base_dir"]).absolute()
        with locked(folder), explained(folder):
            return cls.from_local(str(folder), inst_data=inst_data)


_PREPARED: dict[str, list[list[str]]] = {}
"""Versions of the databases of a folder when Dagster had made or migrated them in this process, in the order of `DATABASES`."""


def check(folder: Path) -> None:
    """Whether the database below a folder can be used; what is not there is not created.

    Raises:
        StorageError: it is locked, full, read-only, damaged, or of two versions.
    """
    with explained(folder):
        for name in DATABASES:
            _versions_of(folder / name)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Raise a `StorageError` in place of what SQLite and alembic raise.

    Args:
        folder: the state directory, which the message names.
    """
    try:
        yield
    except CommandError as error:
        raise StorageError(
            f"the versions of Dagster's database below {folder} are not those of this Dagster ({error}); "
            f"start the Dagster that made it, or {ASIDE}"
        ) from error
    except (DatabaseError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error
        raise StorageError(_sentence(folder, cause or error)) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock under which the database is opened; a process may hold it twice.

    Raises:
        StorageError: the lock cannot be made, or another process has held it for too long.
    """
    try:
        files.make_private(folder)
        lock = FileLock(folder / LOCK, timeout=LOCK_SECONDS, is_singleton=True)
        lock.acquire()
    except Timeout as error:
        raise StorageError(
            f"{folder / LOCK}: another process has been opening Dagster's database for "
            f"{LOCK_SECONDS:.0f} s; end that process and start again"
        ) from error
    except OSError as error:
        raise StorageError(sentence(error)) from error
    try:
        yield
    finally:
        lock.release()


def _versions_of(path: Path) -> list[str]:
    """Open a database for writing, and change nothing: its version; nothing if there is no database, or an empty one.

    Raises:
        StorageError: it has two versions, or is a folder.
        sqlite3.Error: it cannot be written.
    """
    if not path.exists():
        return []
    if path.is_dir():
        raise StorageError(sentence(IsADirectoryError(errno.EISDIR, "", str(path))))
    with closing(sqlite3.connect(path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")
        try:
            versions = _versions(connection)
        finally:
            connection.execute("ROLLBACK")
    if len(versions) > 1:
        raise StorageError(
            f"{path}: two processes created this database at the same time and left two versions in its "
            f"table alembic_version ({', '.join(versions)}). End every process that uses it, then run "
            f"`sqlite3 '{path}' \"{KEEP_NEWER}\"`, which keeps the run history; or {ASIDE}"
        )
    return versions


def _versions(connection: sqlite3.Connection) -> list[str]:
    """The schema versions the database states: one, none before it is complete."""
    table = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
    if connection.execute(table).fetchone() is None:
        return []
    return [str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")]


def _is_full(folder: Path) -> bool:
    """Whether so little space is left that SQLite cannot make its files of shared memory, which it calls an I/O error."""
    try:
        return shutil.disk_usage(folder).free < NEARLY_FULL
    except OSError:
        return False


def _sentence(folder: Path, error: BaseException) -> str:
    """What is wrong with the database below a folder, and what to do."""
    database = f"Dagster's database below {folder}"
    code = str(getattr(error, "sqlite_errorname", None) or "")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
        return (
            f"{database} is locked by another process ({error}); end that process (a copy, a backup, an "
            "sqlite3 shell) and start again. On a network file system SQLite's locks do not work: "
            "set DENSING_STATE_DIR to a local disk"
        )
    if code.startswith("SQLITE_FULL") or (code.startswith("SQLITE_IOERR") and _is_full(folder)):
        return f"{database} cannot grow: the disk is full; free some space and start again"
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return (
            f"{database} cannot be written ({error}): the directory is read-only or belongs to another "
            "user; make it writable, or set DENSING_STATE_DIR to a directory that is"
        )
    if code.startswith("SQLITE_IOERR"):
        return (
            f"{database}: the disk reports an error ({error}); check the disk, and if it is sound, "
            f"{ASIDE}"
        )
    if code:
        return f"{database} is damaged ({error}); {ASIDE}"
    return f"Dagster's database cannot be used: {error}"
