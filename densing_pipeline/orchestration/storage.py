"""Dagster's own database (runs, events, schedule state): SQLite files, or the Postgres of `DENSING_DATABASE_URL`.

`dagster.yaml` names `InstanceStorage`, so every process that opens the instance comes through here: the
webserver, the daemon, the workers of runs, `dg` and `densing`. Not here: tables and releases, which do
not depend on this database.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._check import CheckError
from dagster._config import StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._serdes import ConfigurableClassData

from densing_pipeline import files, state_format
from densing_pipeline.addresses import redact_every_log, shown
from densing_pipeline.orchestration import postgres_storage, sqlite_storage

# Named by copies of dagster.yaml that were edited before there was Postgres.
from densing_pipeline.orchestration.sqlite_storage import LockedSqliteStorage as LockedSqliteStorage
from densing_pipeline.os_errors import sentence
from densing_pipeline.settings import Settings, read_settings
from densing_pipeline.state import StorageError
from densing_pipeline.text import clean

MOST_DAGSTER_CHARS = 300
"""Most characters of Dagster's own words that a message quotes."""


class InstanceStorage(DagsterStorage):
    """The storage that the settings ask for. There are objects of the two real classes only."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """What `dagster.yaml` states: the state directory."""
        return {"base_dir": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage:
        """Create the database, or open the one that exists.

        Raises:
            StorageError: it cannot be used, or a later version wrote the state directory; the message says why and what
                to do.
            SettingsError: a variable has a value that is not allowed.
        """
        # Daemon and web server load no definitions of ours, and this is the first of our code that they run.
        redact_every_log()
        state_dir = Path(config_value["base_dir"]).absolute()
        _make_private(state_dir)
        _check_format(state_dir)
        if url := read_settings().database_url:
            return postgres_storage.opened(url, inst_data)
        return sqlite_storage.LockedSqliteStorage.from_config_value(inst_data, config_value)


def _make_private(state_dir: Path) -> None:
    """Make the state directory before Dagster does, which would let other users in."""
    try:
        files.make_private(state_dir)
    except OSError as error:
        raise StorageError(sentence(error)) from error


def _check_format(state_dir: Path) -> None:
    """Keep webserver, daemon and runs from a state directory that this version would misread."""
    try:
        state_format.check(state_dir)
    except state_format.FormatError as error:
        raise StorageError(str(error)) from error
    except OSError as error:
        raise StorageError(sentence(error)) from error


def check(settings: Settings) -> None:
    """Whether the database that is there can be used; none is created.

    Raises:
        StorageError: it cannot; the message says why and what to do.
    """
    if settings.database_url:
        postgres_storage.check(settings.database_url)
    else:
        sqlite_storage.check(settings.state_dir.absolute())


def place(settings: Settings) -> str:
    """Where the database is, in words that follow "Dagster's database"."""
    if settings.database_url:
        return f"at {shown(settings.database_url)}"
    return f"below {settings.state_dir.absolute()}"


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of `DAGSTER_HOME`, its database created if there is none.

    Raises:
        StorageError: the database cannot be used, now or while the block uses it.
    """
    # Dagster opens some files of SQLite before the storage, which takes its lock itself.
    lock = (
        nullcontext()
        if settings.database_url
        else sqlite_storage.locked(settings.state_dir.absolute())
    )
    with explained(settings):
        with lock, _configuration_explained():
            instance = dg.DagsterInstance.get()
        with instance:
            yield instance


@contextmanager
def _configuration_explained() -> Iterator[None]:
    """Raise a `StorageError` in place of what Dagster raises for a `dagster.yaml` that it does not accept."""
    try:
        yield
    except (dg.DagsterError, CheckError, yaml.YAMLError) as error:
        path = Path(os.environ.get("DAGSTER_HOME", "")) / "dagster.yaml"
        told = getattr(error, "errors", None)
        reason = told[0].message if told else str(error)
        raise StorageError(
            f"{path}: Dagster does not accept it ({clean(reason, MOST_DAGSTER_CHARS)}): correct it, or delete it in the state "
            "directory to get the package's with the next command"
        ) from error


def explained(settings: Settings) -> AbstractContextManager[None]:
    """Raise a `StorageError` in place of what the database, its driver and alembic raise."""
    if settings.database_url:
        return postgres_storage.explained(settings.database_url)
    return sqlite_storage.explained(settings.state_dir.absolute())
