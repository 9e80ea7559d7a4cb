"""Old runs go with everything they left; nothing else does."""

import os
import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from densing_pipeline.orchestration.run_retention import (
    DATABASES,
    ENDED,
    LOGS,
    ORPHAN_DAYS,
    delete_old_runs,
    delete_old_ticks,
)
from densing_pipeline.settings import Settings

pytestmark = pytest.mark.heavy

YAML = """
storage:
  sqlite:
    base_dir: {state}
compute_logs:
  module: dagster._core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config:
    base_dir: {state}
telemetry:
  enabled: false
"""


@dg.op
def chatty() -> None:
    print("something")


@dg.job(executor_def=dg.in_process_executor)
def job() -> None:
    chatty()


@pytest.fixture
def settings(tmp_path):
    return Settings(state_dir=tmp_path / "state", publish_url=str(tmp_path / "published"))


@pytest.fixture
def instance(tmp_path, settings):
    settings.state_dir.mkdir()
    (tmp_path / "dagster.yaml").write_text(YAML.format(state=settings.state_dir))
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def run(instance: dg.DagsterInstance) -> str:
    return job.execute_in_process(instance=instance).run_id


def left(state: Path) -> set[str]:
    """Runs of which there is a file."""
    paths = [*(state / DATABASES).glob("*-*.db"), *(state / LOGS).glob("*-*")]
    return {path.name.removesuffix(".db") for path in paths}


def after(settings: Settings, **more: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=settings.keep_runs_days) + timedelta(**more)


def test_a_run_goes_with_its_events_and_files_when_its_days_are_over(instance, settings):
    run_id = run(instance)
    assert delete_old_runs(instance, settings, after(settings, hours=-1)).runs == 0
    assert left(settings.state_dir) == {run_id}
    counted = delete_old_runs(instance, settings, after(settings, hours=1), is_dry=True)
    assert left(settings.state_dir) == {run_id}
    done = delete_old_runs(instance, settings, after(settings, hours=1))
    assert (done.runs, done.files) == (1, counted.files)
    assert done.files >= 3  # the database, and what the step wrote to its two outputs
    assert done.size > 0
    assert left(settings.state_dir) == set()
    assert instance.get_runs() == []
    with closing(sqlite3.connect(settings.state_dir / DATABASES / "index.db")) as index:
        assert index.execute("SELECT count(*) FROM event_logs").fetchone() == (0,)


def test_runs_that_go_on_and_younger_ones_stay(instance, settings):
    going = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    starting = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTING)
    ended = [instance.create_run_for_job(job, status=status) for status in ENDED]
    delete_old_runs(instance, settings, after(settings, hours=1))
    assert {each.run_id for each in instance.get_runs()} == {going.run_id, starting.run_id}
    assert len(ended) == len(ENDED)


def test_nothing_goes_where_runs_are_kept_for_ever(instance, settings):
    run_id = run(instance)
    forever = settings.model_copy(update={"keep_runs_days": 0})
    assert delete_old_runs(instance, forever, after(settings, days=9999)).runs == 0
    assert left(settings.state_dir) == {run_id}


def test_files_without_a_run_go_after_a_day_and_other_files_never(instance, settings):
    """An interrupted deletion leaves files of a run that Dagster does not know."""
    state, now = settings.state_dir, datetime.now(UTC)
    known, old, new = run(instance), str(uuid.uuid4()), str(uuid.uuid4())
    for run_id, days in ((old, ORPHAN_DAYS + 0.01), (new, ORPHAN_DAYS - 0.01)):
        path = state / LOGS / run_id
        path.mkdir()
        (path / "log").write_text("x")
        time = (now - timedelta(days=days)).timestamp()
        os.utime(path, (time, time))
    for name in ("mine", "tables"):
        (state / LOGS / name).mkdir()
    (state / LOGS / "link-to-tables").symlink_to(state)
    done = delete_old_runs(instance, settings, now)
    assert (done.runs, done.files) == (0, 1)
    assert left(state) == {known, new, "link-to-tables"}
    assert (state / LOGS / "mine").is_dir()
    assert (state / "tables").is_dir()
    assert (state / DATABASES / "index.db").is_file()


@pytest.mark.parametrize(("kept", "left_over"), [(90, 1), (0, 2)])
def test_ticks_go_when_their_days_are_over(instance, settings, kept, left_over):
    origin = dg_origin()
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
    instance.add_instigator_state(state)
    now = datetime.now(UTC)
    for days in (89, 91):
        instance.create_tick(
            TickData(
                origin.get_id(), "alerts", InstigatorType.SENSOR, TickStatus.SUCCESS,
                (now - timedelta(days=days)).timestamp(), run_ids=[], selector_id=origin.get_selector().get_id(),
            )
        )  # fmt: skip
    delete_old_ticks(instance, settings.model_copy(update={"keep_ticks_days": kept}), now)
    assert len(instance.get_ticks(origin.get_id(), origin.get_selector().get_id())) == left_over


def dg_origin() -> RemoteInstigatorOrigin:
    """What names the sensor `alerts` of this code location."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name="densing_pipeline.definitions"), location_name="densing"
    )
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), "alerts")


def test_a_deletion_that_was_interrupted_is_completed_by_the_next(instance, settings, monkeypatch):
    run_id = run(instance)
    monkeypatch.setattr("densing_pipeline.orchestration.removal.shutil.rmtree", None)
    with pytest.raises(TypeError):
        delete_old_runs(instance, settings, after(settings, hours=1))
    assert instance.get_runs() == []
    monkeypatch.undo()
    delete_old_runs(instance, settings, after(settings, days=2))
    assert left(settings.state_dir) == set()
    assert run_id not in str(list(settings.state_dir.rglob("*")))
