"""Dagster's database on a Postgres server: created by one process at a time, checked when opened.

Needs the extra `postgres` (`dagster-postgres`, psycopg2). The address is that of
`DENSING_DATABASE_URL`; a password that it lacks comes from `PGPASSWORD` or `~/.pgpass`, which libpq
reads. Each installation (state directory) needs a database or a schema of its own.
"""

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import sqlalchemy
from alembic.script import ScriptDirectory
from dagster._core.storage.base_storage import DagsterStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from densing_pipeline.addresses import redact, shown
from densing_pipeline.orchestration.event_secrets import (
    HidesSecrets,
    HidesSecretsOfDaemons,
    HidesSecretsOfTicks,
)
from densing_pipeline.orchestration.sqlite_storage import LOCK_SECONDS
from densing_pipeline.state import StorageError

LOCK_KEY = 0x44656E73
"""Number of the advisory lock that is held while the database is created."""

CONNECT_SECONDS = 10
"""Longest wait for the server's answer to one attempt to connect."""

INSTALL = "pip install 'densing-pipeline[postgres]'"

_CAUSES: tuple[tuple[str, str, str], ...] = (
    (r"^28P01|password authentication failed", "refuses the password",
     "correct it in DENSING_DATABASE_URL, PGPASSWORD or ~/.pgpass"),
    (r"no password supplied", "asks for a password",
     "set PGPASSWORD, or write the password in DENSING_DATABASE_URL or ~/.pgpass"),
    (r"role \".*\" does not exist", "knows no such user",
     "create it (`createuser`), or correct DENSING_DATABASE_URL"),
    (r"^28000|pg_hba\.conf|authentication failed", "does not let this user in",
     "correct the user in DENSING_DATABASE_URL, or allow it on the server (pg_hba.conf)"),
    (r"^3D000|database \".*\" does not exist", "does not exist",
     "create it (`createdb`), or correct DENSING_DATABASE_URL"),
    (r"^3F000|no schema has been selected", "has no schema of that search path",
     "create it (`CREATE SCHEMA`), or correct DENSING_DATABASE_URL"),
    (r"^57P0|starting up|shutting down|terminating connection", "is starting or stopping",
     "start again in a minute"),
    (r"^53300|too many clients|remaining connection slots", "has no connection left",
     "end other programs that use it, or raise max_connections"),
    (r"^53100|No space left", "has no disk space left", "free some space on the server"),
    (r"^25006|read-only transaction", "does not accept changes",
     "name the primary server in DENSING_DATABASE_URL, not a standby"),
    (r"^42501|permission denied", "does not let this user create or change tables",
     "make the user the owner of the database, or grant it CREATE on the schema"),
    (r"^55P03|lock timeout", "is being created by another process, which does not end",
     "end that process and start again"),
    (r"translate host name|Name or service not known", "cannot be found",
     "correct the host in DENSING_DATABASE_URL"),
    (r"Connection refused|timeout expired|timed out|No route|unreachable|No such file|closed the connection",
     "does not answer", "start the server, or correct host and port in DENSING_DATABASE_URL"),
)  # fmt: skip
"""How the server's SQLSTATE or a message tells what is wrong, what it is, and the remedy; the first that fits.

SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html. An error while connecting has
none, so its words are needed; a server that speaks another language is told as one that cannot be
reached, with its own words."""


def opened(url: str, inst_data: ConfigurableClassData | None) -> DagsterStorage:
    """Create Dagster's tables in a database, or open those that exist.

    Args:
        url: of the database, postgresql://user@host/database.
        inst_data: what Dagster keeps of its configuration.

    Raises:
        StorageError: the database cannot be used; the message says why and what to do.
    """
    # One attempt in this process, so that a server that is down is told at once; Dagster's own
    # classes then retry what is transient.
    with _connected(url) as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS:.0f}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK_KEY})")
        _check(connection, url)
        return _storage(complete(url), inst_data)


def check(url: str) -> None:
    """Whether a database can be used as it is; nothing is created in it.

    Raises:
        StorageError: it cannot; the message says why and what to do.
    """
    with _connected(url) as connection:
        _check(connection, url)


def _storage(address: str, inst_data: ConfigurableClassData | None) -> DagsterStorage:
    """Dagster's own storage, whose errors, events and ticks have no secrets."""
    from dagster_postgres import (
        DagsterPostgresStorage,
        PostgresEventLogStorage,
        PostgresRunStorage,
        PostgresScheduleStorage,
    )

    class Runs(HidesSecretsOfDaemons, PostgresRunStorage):
        """Dagster's runs and daemons, whose errors have no secrets."""

    class Events(HidesSecrets, PostgresEventLogStorage):
        """Dagster's events without secrets."""

    class Schedules(HidesSecretsOfTicks, PostgresScheduleStorage):
        """Dagster's schedules and their ticks without secrets."""

    storage = DagsterPostgresStorage(address, inst_data=inst_data)
    storage._run_storage = Runs(address)
    storage._event_log_storage = Events(address)
    storage._schedule_storage = Schedules(address)
    return storage


@contextmanager
def _connected(url: str) -> Iterator[sqlalchemy.Connection]:
    try:
        importlib.import_module("dagster_postgres")  # it brings the driver
    except ImportError as error:
        raise StorageError(
            f"DENSING_DATABASE_URL names a Postgres database, and its driver is not installed "
            f"({error}): {INSTALL}, or unset the variable"
        ) from error
    with explained(url):
        engine = sqlalchemy.create_engine(complete(url), poolclass=NullPool)
        with engine.connect() as connection:
            yield connection


def complete(url: str) -> str:
    """The address with driver, and with a limit to the time that connecting may take."""
    _, _, rest = url.partition("://")
    options = parse_qs(urlsplit(url).query)
    limit = "" if "connect_timeout" in options else f"connect_timeout={CONNECT_SECONDS}"
    joint = "&" if options else "?"
    return f"postgresql+psycopg2://{rest}{joint if limit else ''}{limit}"


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Raise a `StorageError` in place of what the driver, SQLAlchemy and Dagster raise.

    Args:
        url: of the database, which the message names without user and password.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise StorageError(_sentence(url, error)) from error
    except Exception as error:
        # Dagster's class for the last of several attempts; the driver's own error is its cause.
        if isinstance(error.__cause__, SQLAlchemyError):
            raise StorageError(_sentence(url, error.__cause__)) from error
        raise


def _check(connection: sqlalchemy.Connection, url: str) -> None:
    """Compare the version of the tables with this Dagster's, and see whether the server takes changes.

    Raises:
        StorageError: they are older or newer, or the server takes none, as a standby.
    """
    if connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
        raise StorageError(
            f"Dagster's database at {shown(url)} does not accept changes; name the primary server in "
            "DENSING_DATABASE_URL, not a standby"
        )
    from dagster_postgres import run_storage
    from dagster_postgres.utils import pg_alembic_config

    # `to_regclass` looks along the search path, as Dagster does.
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return
    found = [
        str(row[0]) for row in connection.exec_driver_sql("SELECT version_num FROM alembic_version")
    ]
    scripts = ScriptDirectory.from_config(pg_alembic_config(str(run_storage.__file__)))
    head = scripts.get_current_head()
    if found in ([], [head]):
        return
    known = {script.revision for script in scripts.walk_revisions()}
    where = f"Dagster's database at {shown(url)}"
    if set(found) <= known:
        raise StorageError(
            f"{where} was made by an older Dagster ({', '.join(found)}): make a backup (`pg_dump`), end "
            "every process that uses it, then run `dagster instance migrate`"
        )
    raise StorageError(
        f"{where} was made by a newer Dagster ({', '.join(found)}): install that version of "
        "densing-pipeline again, or name another database in DENSING_DATABASE_URL"
    )


def _sentence(url: str, error: SQLAlchemyError) -> str:
    """What is wrong with the database, and what to do."""
    cause = error.orig if isinstance(error, DatabaseError) else None
    state = str(getattr(cause, "pgcode", None) or "")
    message = redact(str(cause or error)).strip()
    where = f"Dagster's database at {shown(url)}"
    for sign, what, remedy in _CAUSES:
        if re.search(sign, f"{state} {message}"):
            return f"{where} {what} ({message.splitlines()[0]}); {remedy}"
    if isinstance(error, OperationalError):
        return f"{where} cannot be reached ({message.splitlines()[0]}); see the server's log"
    return f"{where} cannot be used: {message.splitlines()[0]}"
