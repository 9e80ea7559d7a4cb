"""A library that quotes a token in its error puts it into no database, log or message."""

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined]

import densing_pipeline
from densing_pipeline.definitions import build_defs
from densing_pipeline.orchestration.event_secrets import without_secrets
from densing_pipeline.orchestration.problems import problems
from densing_pipeline.settings import Settings
from tests.secrets import leaks

PACKAGED = Path(densing_pipeline.__file__).parent.parent / "dagster.yaml"
TOKEN, PASSWORD = "hf_s3cr3tS3cr3tS3cr3t", "s3cr3t/word"

CONFIGURATION = """
storage:
  custom:
    module: densing_pipeline.orchestration.sqlite_storage
    class: LockedSqliteStorage
    config: {{base_dir: {0}}}
local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config: {{base_dir: {0}}}
compute_logs:
  module: dagster._core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config: {{base_dir: {0}}}
telemetry: {{enabled: false}}
"""


@dg.op
def quote(context: dg.OpExecutionContext) -> None:
    """Fail as a library does that repeats what it was given."""
    context.log.warning(f"asking with {TOKEN}")
    try:
        raise ValueError(f"no answer to {TOKEN}")
    except ValueError:
        logging.getLogger("a.library").exception("asked %s", TOKEN)
    try:
        raise ValueError(f"connection failed with password={PASSWORD}")
    except ValueError as error:
        raise RuntimeError(f"Illegal header value b'Bearer {TOKEN}'") from error


@dg.job(name="nightly")
def nightly() -> None:
    """One step."""
    quote()


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    before = logging.getLogRecordFactory()
    build_defs(Settings())
    yield
    logging.setLogRecordFactory(before)


def test_an_error_of_a_library_leaves_its_secret_nowhere(tmp_path, environment, capfd):
    (tmp_path / "dagster.yaml").write_text(CONFIGURATION.format(tmp_path))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        done = nightly.execute_in_process(instance=instance, raise_on_error=False)
        assert not done.success
        (told, *_) = problems(instance, Settings(state_dir=tmp_path), [], datetime.now(UTC))
    assert "in quote: " in told.what
    assert "***" in told.what
    assert "s3cr3t" not in told.what
    assert leaks(tmp_path) == []
    printed = "".join(capfd.readouterr())
    assert "STEP_FAILURE" in printed
    assert "s3cr3t" not in printed.lower()


def failure(message):
    """The event of a step that failed, in the run `dagster-run` of `nightly`."""
    error = SerializableErrorInfo(message, [f"  File x: {message}\n"], "E")
    event = DagsterEvent(
        "STEP_FAILURE", "nightly", step_key="models", message=message,
        event_specific_data=StepFailureData(error, None),
    )  # fmt: skip
    return dg.EventLogEntry(None, 40, message, "dagster-run", 1.0, "models", "nightly", event)


@pytest.mark.parametrize("password", ["dagster", "nightly", "models", "STEP_FAILURE", "message"])
def test_a_password_that_is_a_word_leaves_dagsters_records_whole(monkeypatch, password):
    monkeypatch.setenv("PGPASSWORD", password)
    assert without_secrets(failure(f"refused {password}")) == failure("refused ***")


@pytest.mark.parametrize("password", ['quoted"word', "back\\slash", "geheimwörter", "two\nlines"])
def test_a_password_is_hidden_whatever_its_characters(monkeypatch, password):
    monkeypatch.setenv("PGPASSWORD", password)
    assert without_secrets(failure(f"refused {password}")) == failure("refused ***")


def test_an_error_of_a_sensor_leaves_its_secret_nowhere(tmp_path, environment):
    (tmp_path / "dagster.yaml").write_text(CONFIGURATION.format(tmp_path))
    error = SerializableErrorInfo(f"asked with {TOKEN}", [f"  password={PASSWORD}\n"], "E", None)
    data = TickData(
        "origin", "alerts", InstigatorType.SENSOR, TickStatus.STARTED, 1.0, selector_id="selector"
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        tick = instance.create_tick(data)
        failed = tick.with_status(TickStatus.FAILURE, error=error)
        instance.update_tick(failed)
        instance.create_tick(failed.tick_data)
        skipped = instance.create_tick(data._replace(selector_id="another")).with_status(
            TickStatus.SKIPPED
        )
        instance.update_tick(skipped.with_reason(f"refused {TOKEN}"))
        ticks = instance.get_ticks("origin", "selector")
        (other,) = instance.get_ticks("origin", "another")
    assert other.skip_reason == "refused ***"
    assert [each.tick_data.error.message for each in ticks] == ["asked with ***"] * 2
    assert {each.instigator_name for each in ticks} == {"alerts"}
    assert leaks(tmp_path) == []


def test_an_error_of_a_daemon_or_a_backfill_leaves_its_secret_nowhere(tmp_path, environment):
    (tmp_path / "dagster.yaml").write_text(CONFIGURATION.format(tmp_path))
    error = SerializableErrorInfo(f"asked with {TOKEN}", [f"  password={PASSWORD}\n"], "E", None)
    backfill = PartitionBackfill("one", BulkActionStatus.REQUESTED, False, {}, 1.0)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(1.0, "SENSOR", "id", [error]))
        instance.add_daemon_heartbeat(DaemonHeartbeat(2.0, "SCHEDULER", "id"))
        instance.add_backfill(backfill)
        instance.update_backfill(backfill.with_error(error).with_status(BulkActionStatus.FAILED))
        beats = instance.get_daemon_heartbeats()
        told = instance.get_backfill("one")
    assert beats["SENSOR"].errors[0].message == told.error.message == "asked with ***"
    assert (told.status, beats["SCHEDULER"].errors) == (BulkActionStatus.FAILED, [])
    assert leaks(tmp_path) == []


def test_a_daemon_which_loads_no_definitions_logs_no_secret(tmp_path):
    code = (
        "import logging, os, dagster as dg\n"
        "with dg.DagsterInstance.get(): pass\n"
        "logging.getLogger('dagster.daemon.SensorDaemon').error('asked with %s', os.environ['HF_TOKEN'])\n"
    )
    (tmp_path / "dagster.yaml").write_text(PACKAGED.read_text())
    environment = os.environ | {
        "HF_TOKEN": TOKEN, "DAGSTER_HOME": str(tmp_path), "DENSING_STATE_DIR": str(tmp_path)
    }  # fmt: skip
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "asked with ***" in done.stderr
    assert "s3cr3t" not in done.stderr.lower()
