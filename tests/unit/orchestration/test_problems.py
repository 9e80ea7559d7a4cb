"""What is wrong is read from the records of real runs; nothing else is told."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.events import EngineEventData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import (  # type: ignore[attr-defined]
    SerializableErrorInfo,
    serializable_error_info_from_exc_info,
)

from densing_pipeline.alerts.memory import Problem
from densing_pipeline.evaluation import installation
from densing_pipeline.orchestration import problems
from densing_pipeline.orchestration.error_text import error_text
from densing_pipeline.orchestration.own_runs import IN_PROCESS
from densing_pipeline.orchestration.problems import OVERDUE
from densing_pipeline.orchestration.tables import ONE_NIGHT_MISSED
from densing_pipeline.settings import Settings

IN_A_WHILE = timedelta(minutes=5)


@dg.op(config_schema={"message": dg.Field(str, default_value="")})
def step(context: dg.OpExecutionContext) -> None:
    if message := context.op_config["message"]:
        raise OSError(message)


@dg.job(name="nightly", executor_def=dg.in_process_executor)
def night() -> None:
    step()


@dg.asset
def table() -> None: ...


@dg.asset_check(asset=table)
def has_rows() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"rows": 0, "name": "a\x1b[2Jb"}
    )


@pytest.fixture
def settings(tmp_path):
    return Settings(
        state_dir=tmp_path, publish_url=str(tmp_path / "published"), ui_url="http://ui.example/"
    )


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def run(instance: dg.DagsterInstance, message: str = "") -> str:
    return night.execute_in_process(
        instance=instance,
        run_config={"ops": {"step": {"config": {"message": message}}}},
        raise_on_error=False,
    ).run_id


def found(instance, settings, after: timedelta = IN_A_WHILE) -> dict[str, Problem]:
    told = problems.problems(
        instance, settings, list(has_rows.check_keys), datetime.now(UTC) + after
    )
    return {each.key: each for each in told}


def test_a_failed_night_is_told_with_the_remedy_of_what_the_system_refused(instance, settings):
    run(instance, "underlying IO error: No space left on device (os error 28)")
    assert "the disk is full: free some space" in found(instance, settings)["run:nightly"].what


def test_our_own_messages_are_told_without_the_name_of_their_class():
    own = SerializableErrorInfo("densing_pipeline.state.StateError: it is in use\n", [], None)
    assert error_text(own) == "it is in use"
    assert error_text(own._replace(message="KeyError: 'a'\n")) == "KeyError: 'a'"
    assert error_text(own._replace(message="KeyError: 'a'\n", cause=own)) == "it is in use"


def test_a_failed_night_is_told_with_its_step_until_one_succeeds(instance, settings):
    assert found(instance, settings) == {}
    run_id = run(instance, "the disk is full")
    told = found(instance, settings)["run:nightly"]
    assert told.what.startswith("the last run of nightly failed in step: ")
    assert "the disk is full" in told.what
    assert told.link == f"http://ui.example/runs/{run_id}"
    assert abs(told.since - datetime.now(UTC)) < timedelta(minutes=5)
    assert problems.last_success(instance) is None
    good = run(instance)
    assert found(instance, settings) == {}
    assert problems.last_success(instance) == good


def test_a_night_that_ended_outside_of_its_steps_is_told_with_the_reason(instance, settings):
    killed = instance.create_run_for_job(night, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(killed, "its process ended before the run did")
    told = found(instance, settings)["run:nightly"].what
    assert "the last run of nightly failed: its process ended before the run did;" in told


def test_a_night_that_a_person_cancelled_is_no_problem(instance, settings):
    run(instance)
    cancelled = instance.create_run_for_job(night, status=dg.DagsterRunStatus.CANCELED)
    assert found(instance, settings) == {}
    assert problems.last_success(instance) is None
    assert cancelled


@pytest.mark.parametrize(("minutes", "is_told"), [(-5, False), (5, True)])
def test_no_night_for_a_day_and_a_half_is_a_problem(instance, settings, minutes, is_told):
    after = ONE_NIGHT_MISSED + timedelta(minutes=minutes)
    assert found(instance, settings, after) == {}  # nobody has looked before
    run(instance)
    assert ("night:missing" in found(instance, settings, after)) is is_told


def test_a_night_that_ended_at_a_time_to_come_hides_no_missing_one(instance, settings):
    """The clock was ahead when it ran."""
    run(instance)
    assert found(instance, settings, -ONE_NIGHT_MISSED + timedelta(minutes=5)) == {}
    assert "night:missing" in found(instance, settings, -timedelta(days=30))


@pytest.mark.parametrize(("minutes", "is_told"), [(-5, False), (5, True)])
def test_a_first_night_that_does_not_come_is_a_problem_a_day_and_a_half_after_the_first_look(
    instance, settings, minutes, is_told
):
    started = datetime.now(UTC)
    problems.note_look(instance, started)
    problems.note_look(instance, started + timedelta(days=1))  # the next tick
    after = ONE_NIGHT_MISSED + timedelta(minutes=minutes)
    told = found(instance, settings, after)
    assert set(told) == ({"night:missing"} if is_told else set())
    if is_told:
        assert told["night:missing"].since == started
        assert "when this installation was started" in told["night:missing"].what
    run(instance)
    assert found(instance, settings) == {}


def test_a_run_of_a_few_assets_is_no_night(instance, settings):
    """It ends no alert on a failed night, and no heartbeat is sent for it; nor is its failure that of a night."""
    job = dg.Definitions(
        [table], jobs=[dg.define_asset_job("nightly", selection=[table])]
    ).resolve_job_def("nightly")
    some = job.get_subset(asset_selection={table.key})
    good, failed = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE

    def ended(status: dg.DagsterRunStatus, **given: object) -> str:
        return instance.create_run_for_job(some if given else job, status=status, **given).run_id

    selection = {"asset_selection": frozenset({table.key})}
    ended(failed, **selection)
    assert "run:nightly" not in found(instance, settings)
    night_failed = ended(failed)
    ended(good, **selection)
    assert found(instance, settings)["run:nightly"].link.endswith(night_failed)
    assert problems.last_success(instance) is None
    night_succeeded = ended(good)
    ended(failed, **selection)
    assert "run:nightly" not in found(instance, settings)
    assert problems.last_success(instance) == night_succeeded
    by_nightly = ended(good, **selection, tags=IN_PROCESS)
    assert problems.last_success(instance) == by_nightly, (
        "`nightly.run_nightly` was given its assets"
    )


def ended_from_outside(instance, reason: str | None) -> dg.DagsterRun:
    """A night that the code server or the daemon reports."""
    going = instance.create_run_for_job(night, status=dg.DagsterRunStatus.STARTED)
    if reason:
        instance.report_engine_event(reason, going)
    instance.report_engine_event("Process for run exited (pid: 1).", going)
    instance.report_run_failed(going)
    return going


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("Run execution process for 1 was terminated by signal 9 (SIGKILL).", "signal 9"),
        (None, "no reason given"),
    ],
)
def test_of_a_night_whose_process_ended_it_is_told_how(instance, settings, reason, told):
    ended_from_outside(instance, reason)
    what = found(instance, settings)["run:nightly"].what
    assert told in what
    assert "from outside the execution context" not in what


def test_of_a_night_that_the_database_ended_its_error_is_told(instance, settings):
    going = instance.create_run_for_job(night, status=dg.DagsterRunStatus.STARTED)
    try:
        raise OSError("the server closed the connection")
    except OSError:
        error = serializable_error_info_from_exc_info(sys.exc_info())
    instance.report_engine_event("likely a framework error", going, EngineEventData(error=error))
    instance.report_run_failed(going)
    assert "the server closed the connection" in found(instance, settings)["run:nightly"].what


def test_a_killed_night_that_a_further_run_goes_on_with_is_a_problem_only_if_that_fails(
    instance, settings
):
    killed = ended_from_outside(instance, None)
    assert "run:nightly" in found(instance, settings)
    further = instance.create_run_for_job(night, status=dg.DagsterRunStatus.STARTED)
    instance.add_run_tags(killed.run_id, {AUTO_RETRY_RUN_ID_TAG: further.run_id})
    assert "run:nightly" not in found(instance, settings)
    instance.report_run_failed(further, "killed again")
    assert "killed again" in found(instance, settings)["run:nightly"].what


def seen(instance, started: datetime, looks: Sequence[tuple[str, int]]) -> datetime:
    """Have each look find the last heartbeat of a daemon, so many minutes after the start; the time of the last look."""
    for daemon, minutes in looks:
        at = started + timedelta(minutes=minutes)
        instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), "SENSOR", daemon, []))
        problems.note_look(instance, at)
    return at


def daemons(instance, settings, now: datetime) -> list[Problem]:
    told = problems.problems(instance, settings, [], now)
    return [each for each in told if each.key == "daemons"]


@pytest.mark.parametrize(
    ("looks", "is_told"),
    [
        ("aaaa", False),
        ("aabb", False),  # started again
        ("abcd", False),  # and again
        ("abab", True),
        ("abba", True),
        ("abca", True),
    ],
)
def test_two_daemons_that_send_heartbeats_in_turn_are_a_problem(instance, settings, looks, is_told):
    started = datetime.now(UTC)
    now = seen(instance, started, [(each, 5 * turn) for turn, each in enumerate(looks)])
    told = daemons(instance, settings, now)
    assert len(told) == is_told
    if is_told:
        assert told[0].since == started + timedelta(minutes=5)


def test_the_second_daemon_is_forgotten_an_hour_after_it_ended(instance, settings):
    started = datetime.now(UTC)
    looks = [("a", 0), ("b", 5), ("a", 10), *(("a", minutes) for minutes in range(15, 65, 5))]
    now = seen(instance, started, looks)
    assert daemons(instance, settings, now)
    now = seen(instance, started, [("a", 66)])
    assert not daemons(instance, settings, now)


@pytest.mark.parametrize(("minutes", "is_told"), [(-5, False), (5, True)])
def test_a_night_without_end_is_a_problem(instance, settings, minutes, is_told):
    going = instance.create_run_for_job(night)
    instance.handle_run_event(
        going.run_id,
        dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name="nightly"),
        datetime.now(UTC),
    )
    after = timedelta(hours=settings.night_hours, minutes=minutes) + OVERDUE
    assert ("night:long" in found(instance, settings, after)) is is_told


def test_a_check_that_did_not_pass_is_not_mended_by_a_night_that_is_to_run_it_again(
    instance, settings
):
    """Else it would be told anew by every night, and a night that was killed would hide it."""
    job = dg.Definitions([table], asset_checks=[has_rows]).resolve_implicit_global_asset_job_def()
    going = instance.create_run_for_job(job)
    for key in has_rows.check_keys:
        planned = AssetCheckEvaluationPlanned(asset_key=key.asset_key, check_name=key.name)
        event = dg.DagsterEvent(
            dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
            job.name,
            event_specific_data=planned,
        )
        instance.report_dagster_event(event, going.run_id)
    assert found(instance, settings) == {}
    dg.materialize([table, has_rows], instance=instance)
    told = found(instance, settings)
    again = instance.create_run_for_job(job)
    instance.report_dagster_event(event, again.run_id)
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert latest.status is AssetCheckExecutionRecordStatus.PLANNED
    assert found(instance, settings) == told
    assert list(told) == ["check:table:has_rows"]


def test_a_check_that_did_not_pass_is_told_with_what_it_found(instance, settings):
    dg.materialize([table, has_rows], instance=instance)
    told = found(instance, settings)["check:table:has_rows"]
    assert told.what == "the check has_rows of table did not pass (name: a[2Jb; rows: 0)"
    assert told.link == "http://ui.example/assets/table?view=checks"
    without = problems.problems(
        instance,
        settings.model_copy(update={"ui_url": None}),
        list(has_rows.check_keys),
        datetime.now(UTC),
    )
    assert without[0].link == "the checks of table"


@pytest.mark.parametrize(("least", "told"), [(0, 0), (2**62, 1)])
def test_a_disk_that_is_nearly_full_is_told_once(instance, settings, monkeypatch, least, told):
    """State and releases are on one disk here."""
    monkeypatch.setattr(problems, "LEAST_FREE", least)
    disks = [each for key, each in found(instance, settings).items() if key.startswith("disk:")]
    assert len(disks) == told
    assert all(
        "MiB left" in each.what and "DENSING_KEEP_RUNS_DAYS" in each.remedy for each in disks
    )


@pytest.mark.parametrize("is_on", [True, False])
def test_what_stops_every_evaluation_is_one_problem(instance, settings, is_on):
    installation.write_check(settings.state_dir, "no Python.h")
    given = {"evaluate": is_on, "evaluation_python": Path(sys.executable)}
    told = found(instance, settings.model_copy(update=given))
    assert list(told) == (["evaluations"] if is_on else [])
    if is_on:
        assert "no Python.h" in told["evaluations"].what


@pytest.mark.parametrize(("place", "is_told"), [("local", True), ("slurm", False)])
def test_an_evaluation_environment_that_is_not_there_is_a_problem_where_it_is_needed(
    instance, settings, place, is_told
):
    given = {"evaluate": True, "evaluate_on": place, "evaluation_python": Path("/none/python")}
    told = found(instance, settings.model_copy(update=given))
    assert list(told) == (["evaluations"] if is_told else [])
    if is_told:
        assert (
            "there is no /none/python; `make evaluation-env` builds it" in told["evaluations"].what
        )
