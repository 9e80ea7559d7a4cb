"""Dagster's database on a real Postgres: created once, shared by installations, its faults said plainly.

What needs a server is slow, for it starts one.
"""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus
from dagster._core.storage.base_storage import DagsterStorage
from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined]

from densing_pipeline import nightly
from densing_pipeline.orchestration import postgres_storage, storage
from densing_pipeline.orchestration.own_runs import IN_PROCESS, place_tags
from densing_pipeline.settings import Settings, SettingsError, read_settings
from densing_pipeline.state import StorageError
from tests.servers.postgres import PASSWORD, PostgresServer, programs

ROOT = Path(__file__).parents[3]
URL = "postgresql://ann:secret@db.example/runs"


@pytest.fixture(scope="module")
def server():
    if programs() is None:
        pytest.skip("needs a Postgres server (Debian package postgresql)")
    with PostgresServer() as running:
        yield running


@pytest.fixture(scope="module")
def template(server):
    """Name of a database with Dagster's tables, to copy: creating them takes seconds."""
    server.sql("CREATE DATABASE template_with_tables")
    opened(server.url("template_with_tables"))
    return "template_with_tables"


@pytest.fixture
def empty_database(server, request):
    """Address of a new database."""
    name = f"e{abs(hash(request.node.name))}"
    server.sql(f'CREATE DATABASE "{name}"')
    return server.url(name)


@pytest.fixture
def database(server, template, request):
    """Address of a new database that has the tables."""
    name = f"d{abs(hash(request.node.name))}"
    server.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return server.url(name)


def opened(url: str) -> DagsterStorage:
    return postgres_storage.opened(url, None)


def refusal(url: str) -> str:
    with pytest.raises(StorageError) as refused:
        opened(url)
    told = str(refused.value)
    assert "\n" not in told
    assert PASSWORD not in told
    return told


def test_it_is_chosen_by_the_variable(monkeypatch, tmp_path):
    chosen = []
    monkeypatch.setattr(postgres_storage, "opened", lambda url, data: chosen.append(url))
    config = {"base_dir": str(tmp_path)}
    storage.InstanceStorage.from_config_value(None, config)
    assert chosen == []
    monkeypatch.setenv("DENSING_DATABASE_URL", URL)
    storage.InstanceStorage.from_config_value(None, config)
    assert chosen == [URL]


@pytest.mark.parametrize(
    "url",
    ["db.example/runs", "mysql://db.example/runs", "postgresql://db.example", "postgresql:///runs",
     "postgresql://u:secret@db.example:port/runs", "postgresql://u:secret@db.example/a b"],
)  # fmt: skip
def test_what_is_no_address_of_a_database_is_refused_without_its_password(monkeypatch, url):
    monkeypatch.setenv("DENSING_DATABASE_URL", url)
    with pytest.raises(
        SettingsError, match=r"DENSING_DATABASE_URL .*postgresql://user@host/database"
    ) as told:
        read_settings()
    assert "secret" not in str(told.value)


def test_the_address_is_shown_without_its_password():
    settings = Settings(database_url=URL)
    assert storage.place(settings) == "at postgresql://db.example/runs"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "complete"),
    [
        ("postgres://h/d", "postgresql+psycopg2://h/d?connect_timeout=10"),
        ("postgresql+psycopg2://h/d?sslmode=require",
         "postgresql+psycopg2://h/d?sslmode=require&connect_timeout=10"),
        ("postgresql://h/d?connect_timeout=3", "postgresql+psycopg2://h/d?connect_timeout=3"),
    ],
)  # fmt: skip
def test_the_address_gets_a_driver_and_a_limit(given, complete):
    assert postgres_storage.complete(given) == complete


def test_the_missing_driver_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "dagster_postgres", None)
    assert "pip install 'densing-pipeline[postgres]'" in refusal(URL)


def test_a_server_that_is_down_is_told():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        told = refusal(f"postgresql://ann:secret@127.0.0.1:{port}/runs")
    assert f"at postgresql://127.0.0.1:{port}/runs does not answer" in told
    assert "start the server" in told
    assert "secret" not in told


def test_a_host_that_there_is_not_is_told():
    assert "cannot be found" in refusal("postgresql://ann:secret@nowhere.invalid/runs")


@pytest.mark.slow
def test_wrong_password_user_and_database_are_told(server):
    assert "refuses the password" in refusal(server.url(password="wrong"))  # noqa: S106
    # A server must not tell whether a user exists.
    assert "refuses the password" in refusal(server.url(user="nobody"))
    told = refusal(server.url("nothing"))
    assert f"at postgresql://127.0.0.1:{server.port}/nothing does not exist" in told
    assert "createdb" in told


@pytest.mark.slow
def test_no_password_is_told_and_the_variable_of_libpq_gives_it(server, database, monkeypatch):
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    without = database.replace(f":{database.split(':')[2].split('@')[0]}@", "@")
    assert "asks for a password" in refusal(without)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    opened(without)


@pytest.mark.slow
def test_a_user_who_may_not_create_tables_is_told(server, empty_database):
    name = empty_database.rpartition("/")[2]
    server.sql(f"CREATE USER guest PASSWORD '{PASSWORD}'")
    server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)
    assert "does not let this user create or change tables" in refusal(
        server.url(name, user="guest")
    )


@pytest.mark.slow
def test_a_database_that_accepts_no_changes_is_told(server, empty_database):
    name = empty_database.rpartition("/")[2]
    server.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    assert "does not accept changes" in refusal(empty_database)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "told"),
    [("1ebdd7a9686f", "by an older Dagster"), ("ffffffffffff", "by a newer Dagster")],
)
def test_tables_of_another_version_are_told(server, database, version, told):
    server.sql(
        f"UPDATE alembic_version SET version_num = '{version}'",  # noqa: S608
        database.rpartition("/")[2],
    )
    assert told in refusal(database)


@pytest.mark.slow
def test_processes_that_create_it_at_once_all_open_it(server, empty_database):
    opened_by, failed = [], []

    def one() -> None:
        try:
            opened_by.append(opened(empty_database).run_storage.get_runs_count())
        except StorageError as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (opened_by, failed) == ([0] * 4, [])
    assert (
        len(
            server.sql("SELECT version_num FROM alembic_version", empty_database.rpartition("/")[2])
        )
        == 1
    )


@pytest.mark.slow
def test_installations_in_schemas_of_their_own_do_not_meet(server, database):
    name = database.rpartition("/")[2]
    for schema in ("first", "second"):
        server.sql(f"CREATE SCHEMA {schema}", name)
    first, second = (opened(f"{database}?options=-csearch_path%3D{s}") for s in ("first", "second"))
    first.run_storage.set_cursor_values({"key": "of the first"})
    assert second.run_storage.get_cursor_values({"key"}) == {}


@pytest.mark.slow
def test_a_server_that_ends_during_a_run_is_told(tmp_path):
    if programs() is None:
        pytest.skip("needs a Postgres server (Debian package postgresql)")
    with PostgresServer() as server:
        stored = opened(server.url())
        server.stop()
        with (
            pytest.raises(StorageError, match="does not answer"),
            postgres_storage.explained(server.url()),
        ):
            stored.run_storage.get_runs_count()
        server.start()
        assert stored.run_storage.get_runs_count() == 0


def test_a_check_creates_nothing_and_says_what_opening_says(server):
    name = "checked_alone"
    server.sql(f"CREATE DATABASE {name}")
    postgres_storage.check(server.url(name))
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == ["0"]
    with pytest.raises(StorageError, match="refuses the password"):
        postgres_storage.check(server.url(name, password="wrong"))  # noqa: S106
    server.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    for look in (postgres_storage.check, lambda url: postgres_storage.opened(url, None)):
        with pytest.raises(StorageError, match=r"does not accept changes; name the primary server"):
            look(server.url(name))


def test_events_and_ticks_hold_no_secret(server, monkeypatch):
    """A library quotes what it was given; here the run's message does."""
    monkeypatch.setenv("HF_TOKEN", "hf_s3cr3t")
    server.sql("CREATE DATABASE of_events")
    stored = postgres_storage.opened(server.url("of_events"), None)
    entry = dg.EventLogEntry(
        error_info=None, level=40, user_message="refused: Bearer hf_s3cr3t", run_id="a-run", timestamp=0.0
    )  # fmt: skip
    stored.event_log_storage.store_event(entry)
    (kept,) = server.sql("SELECT event FROM event_logs", "of_events")
    assert "refused: Bearer ***" in kept
    assert "s3cr3t" not in kept
    stored.schedule_storage.create_tick(
        TickData(
            "origin", "alerts", InstigatorType.SENSOR, TickStatus.FAILURE, 1.0,
            error=SerializableErrorInfo("refused: Bearer hf_s3cr3t", [], None),
        )
    )  # fmt: skip
    (kept,) = server.sql("SELECT tick_body FROM job_ticks", "of_events")
    assert "refused: Bearer ***" in kept
    assert "s3cr3t" not in kept


@pytest.mark.slow
def test_killed_runs_of_another_installation_are_left_alone(
    server, database, tmp_path, monkeypatch
):
    """Two state directories and two hosts on one database: each ends its own runs, whose process was killed."""
    monkeypatch.setenv("DENSING_DATABASE_URL", database)
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))

    @dg.job
    def empty() -> None: ...

    first, second = (
        Settings(state_dir=tmp_path / name, database_url=database) for name in ("first", "second")
    )
    monkeypatch.setenv("DENSING_STATE_DIR", str(first.state_dir))
    with storage.open_instance(first) as instance:
        own, another_folder = IN_PROCESS | place_tags(first), IN_PROCESS | place_tags(second)
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr("socket.gethostname", lambda: "another-host")
            another_host = IN_PROCESS | place_tags(first)
        runs = [
            instance.create_run_for_job(empty, tags=tags, status=dg.DagsterRunStatus.STARTED)
            for tags in (own, another_folder, another_host)
        ]
        nightly.end_killed_runs(instance, first)
        found = [instance.get_run_by_id(run.run_id) for run in runs]
        assert [run and run.status for run in found] == [
            dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTED,
        ]  # fmt: skip


@pytest.mark.slow
def test_the_command_says_where_it_is_or_what_is_wrong(server, database, tmp_path, monkeypatch):
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))

    def told(url: str) -> tuple[int, str]:
        monkeypatch.setenv("DENSING_DATABASE_URL", url)
        done = subprocess.run(
            [sys.executable, "-m", "densing_pipeline", "storage"],
            check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert "Traceback" not in done.stdout
        assert PASSWORD not in done.stdout
        return done.returncode, " ".join(done.stdout.split())

    name = database.rpartition("/")[2]
    assert told(database) == (
        0, f"Dagster's database at postgresql://127.0.0.1:{server.port}/{name} can be used.",
    )  # fmt: skip
    code, text = told(server.url("nothing"))
    assert code == 1
    assert "nothing does not exist" in text
