"""What is wrong with an installation now, read from Dagster's records and the state directory.

It is read anew each time, so nothing is missed while the daemon was down, and what is mended is gone.
"""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import dagster as dg
from dagster._core.events import JobFailureData
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG

from densing_pipeline.addresses import redact
from densing_pipeline.alerts.memory import Problem
from densing_pipeline.evaluation import installation
from densing_pipeline.evaluation.job_path import environment_lacks
from densing_pipeline.orchestration.error_text import error_text
from densing_pipeline.orchestration.own_runs import IN_PROCESS
from densing_pipeline.orchestration.run_retention import ENDED
from densing_pipeline.orchestration.tables import ONE_NIGHT_MISSED
from densing_pipeline.os_errors import with_remedy
from densing_pipeline.settings import Settings
from densing_pipeline.text import clean
from densing_pipeline.units import MIB

JOBS = ("nightly", "hub_sweep", "maintenance")
"""Jobs whose last run must have succeeded. A failed run of `evaluate` is one model's; what stops all
evaluations is told as one problem."""

OVERDUE = timedelta(minutes=15)
"""Time after its longest run by which a night must have been ended."""

LEAST_FREE = 256 * MIB
"""Free bytes of a disk below which it is told: what some ten nights write."""

MOST_CHARS = 500
"""Most characters of a message of others that is quoted."""

RESULTS = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
"""Of a check that ran to its end."""

MOST_LOOKED_AT = 100
"""Newest runs of a job among which the last whole one is looked for."""

MOST_FINDINGS = 3
"""Values of a failed check that a message quotes."""

FIRST_LOOK = "densing/first_look"
"""Key in Dagster's database of the time at which problems were first looked for."""

DAEMONS = "densing/daemons"
"""Key in Dagster's database of the daemons that were seen lately: by id, the first and the last heartbeat that was looked at."""

DAEMONS_SEEN_FOR = timedelta(hours=1)
"""Time for which a daemon that sent a heartbeat counts: of two, each look sees the one that sent the last."""

NO_REASON = "This run has been marked as failed from outside the execution context."
"""What Dagster writes where nobody gave a reason."""

CRASHED = "Run execution process"
"""How an event begins by which the code server says how the process of a run ended."""

SEE = "see docs/operations.md, `When something is wrong`"


def problems(
    instance: dg.DagsterInstance,
    settings: Settings,
    checks: Sequence[dg.AssetCheckKey],
    now: datetime,
) -> list[Problem]:
    """Everything that a person should know.

    Args:
        instance: holds the runs and the results of checks.
        settings: state directory, and the address of Dagster's web page for links.
        checks: the checks whose last results count.
        now: the time, UTC.
    """
    return [
        *_failed_runs(instance, settings),
        *_nights(instance, settings, now),
        *_daemons(instance, now),
        *_failed_checks(instance, settings, checks),
        *_evaluations(settings, now),
        *_disks(settings, now),
    ]


def note_look(instance: dg.DagsterInstance, now: datetime) -> None:
    """Keep in Dagster's database what a later look needs of this one.

    That is when problems were first looked for, from which on a first night is waited for, and which daemon sent the last
    heartbeat.
    """
    if _first_look(instance) is None:
        instance.daemon_cursor_storage.set_cursor_values({FIRST_LOOK: now.isoformat()})
    seen = _daemons_seen(instance, now)
    for heartbeat in instance.get_daemon_heartbeats().values():
        name, at = str(heartbeat.daemon_id), heartbeat.timestamp
        first, last = seen.get(name, (at, at))
        seen[name] = (min(first, at), max(last, at))
    instance.daemon_cursor_storage.set_cursor_values({DAEMONS: json.dumps(seen)})


def _first_look(instance: dg.DagsterInstance) -> datetime | None:
    found = instance.daemon_cursor_storage.get_cursor_values({FIRST_LOOK}).get(FIRST_LOOK)
    return datetime.fromisoformat(found) if found else None


def _daemons_seen(instance: dg.DagsterInstance, now: datetime) -> dict[str, tuple[float, float]]:
    """Daemons that were seen lately: by id, the first and the last heartbeat that was looked at, in seconds since 1970."""
    found = instance.daemon_cursor_storage.get_cursor_values({DAEMONS}).get(DAEMONS)
    latest = now.timestamp() - DAEMONS_SEEN_FOR.total_seconds()
    return {
        name: (first, last)
        for name, (first, last) in json.loads(found or "{}").items()
        if last >= latest
    }


def last_success(instance: dg.DagsterInstance) -> str | None:
    """Id of the last night if it succeeded."""
    last = _last(instance, "nightly", ENDED)
    if last is None or last.dagster_run.status != dg.DagsterRunStatus.SUCCESS:
        return None
    return last.dagster_run.run_id


def _last(
    instance: dg.DagsterInstance, job: str, statuses: list[dg.DagsterRunStatus]
) -> dg.RunRecord | None:
    """The last whole run of a job. One of a few of its assets is no night if a person started it in the UI."""
    wanted = dg.RunsFilter(job_name=job, statuses=statuses)
    # Nearly always it is the newest, and each record is read with its tags and settings.
    for limit in (1, MOST_LOOKED_AT):
        found = instance.get_run_records(wanted, limit=limit)
        if whole := next((each for each in found if _is_whole(each.dagster_run)), None):
            return whole
    return None


def _is_whole(run: dg.DagsterRun) -> bool:
    return not run.asset_selection or IN_PROCESS.items() <= run.tags.items()


def _failed_runs(instance: dg.DagsterInstance, settings: Settings) -> list[Problem]:
    """Jobs whose last run failed; one that a person cancelled is none, nor one that a further run goes on with."""
    found = []
    for job in JOBS:
        last = _last(instance, job, [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
        if last is None or last.dagster_run.status == dg.DagsterRunStatus.SUCCESS:
            continue
        if _is_gone_on_with(instance, last.dagster_run):
            continue
        run_id = last.dagster_run.run_id
        found.append(
            Problem(
                f"run:{job}",
                f"the last run of {job} failed{_cause(instance, run_id)}; the published release is untouched",
                _instant(last.end_time or last.start_time),
                f"Read the message of the run; {SEE}",
                _link(settings, f"runs/{run_id}", f"run {run_id}"),
            )
        )
    return found


def _is_gone_on_with(instance: dg.DagsterInstance, failed: dg.DagsterRun) -> bool:
    """Whether the daemon has begun a further run for one whose process died, and that has not ended."""
    further = instance.get_run_by_id(failed.tags.get(AUTO_RETRY_RUN_ID_TAG, ""))
    return further is not None and not further.is_finished


def _cause(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first step that failed, and with what; of a run that failed outside of its steps, why."""
    step = _first_event(instance, run_id, dg.DagsterEventType.STEP_FAILURE)
    if step is not None and (said := _error_text(step.step_failure_data)):
        return f" in {step.step_key}: {said}"
    run = _first_event(instance, run_id, dg.DagsterEventType.RUN_FAILURE)
    if run is None:
        return ""
    # A run whose process ended has a message alone, or not even that: then the event before it says why.
    said = _error_text(run.job_failure_data) if run.event_specific_data else None
    said = said or (_end_of_process(instance, run_id) if run.message == NO_REASON else run.message)
    return f": {clean(redact(said or 'no reason given'), MOST_CHARS)}"


def _end_of_process(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """What the last event on the process of a run that was killed, or that an error of Dagster's database ended, says."""
    kind = dg.DagsterEventType.ENGINE_EVENT
    for record in instance.get_records_for_run(run_id, of_type=kind, ascending=False).records:
        event = record.event_log_entry.dagster_event
        error = event.engine_event_data.error if event and event.event_specific_data else None
        if error is not None:
            return error_text(error)
        if event and event.message and event.message.startswith(CRASHED):
            return event.message
    return None


def _first_event(
    instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType
) -> dg.DagsterEvent | None:
    found = instance.get_records_for_run(run_id, of_type=kind, limit=1).records
    return found[0].event_log_entry.dagster_event if found else None


def _error_text(failure: StepFailureData | JobFailureData) -> str | None:
    """The innermost message of what failed; None if no error is known."""
    error = failure.error
    return None if error is None else clean(redact(with_remedy(error_text(error))), MOST_CHARS)


def _nights(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> list[Problem]:
    """No night succeeded for too long, or one does not end."""
    found = []
    good = _last(instance, "nightly", [dg.DagsterRunStatus.SUCCESS])
    since = _instant(good.end_time) if good else _first_look(instance)
    # A night that ended at a time to come was made by a clock that was ahead, and would hide for as long that no other follows.
    if since and abs(now - since) > ONE_NIGHT_MISSED:
        begun = "" if good else ", when this installation was started"
        found.append(
            Problem(
                "night:missing",
                f"no night has succeeded since {since:%Y-%m-%d %H:%M} UTC{begun}",
                since,
                "See whether the daemon runs and the schedule `nightly` is on (`dagster-daemon run`); if the clock was ahead, start "
                "the services again, with `densing storage` before them",
                _link(settings, "automation", "the page Automation"),
            )
        )
    longest = timedelta(hours=settings.night_hours)
    going = _last(instance, "nightly", [dg.DagsterRunStatus.STARTED])
    if going and now - _instant(going.start_time) > longest + OVERDUE:
        run_id = going.dagster_run.run_id
        found.append(
            Problem(
                "night:long",
                f"a night has been running for more than {settings.night_hours:g} hours",
                _instant(going.start_time),
                "See which step it is in, and terminate it if it makes no progress",
                _link(settings, f"runs/{run_id}", f"run {run_id}"),
            )
        )
    return found


def _daemons(instance: dg.DagsterInstance, now: datetime) -> list[Problem]:
    """Two daemons send heartbeats in turn. Of one that was started again the second begins when the first has ended."""
    seen = sorted(_daemons_seen(instance, now).values())
    begins = [second[0] for first, second in pairwise(seen) if second[0] < first[1]]
    if not begins:
        return []
    return [
        Problem(
            "daemons",
            "two Dagster daemons run on one database, so schedules and sensors may act twice",
            _instant(begins[0]),
            "Stop one of them: give each state directory one daemon, and each daemon a database of its own; this is mended an "
            "hour after",
            "the page Deployment, Daemons",
        )
    ]


def _failed_checks(
    instance: dg.DagsterInstance, settings: Settings, checks: Sequence[dg.AssetCheckKey]
) -> list[Problem]:
    """Checks that did not pass when they last ran, also while a night is to run them again."""
    found = []
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    for key, newest in sorted(latest.items(), key=lambda item: item[0].to_user_string()):
        record = _last_result(instance, key, newest)
        if record is None or record.event is None:
            continue
        if record.status != AssetCheckExecutionRecordStatus.FAILED:
            continue
        asset = key.asset_key.to_user_string()
        event = record.event.dagster_event
        metadata = event.asset_check_evaluation_data.metadata if event else {}
        values = "; ".join(
            f"{name}: {value.value}" for name, value in list(metadata.items())[:MOST_FINDINGS]
        )
        found.append(
            Problem(
                f"check:{asset}:{key.name}",
                f"the check {key.name} of {asset} did not pass ({clean(redact(values), MOST_CHARS)})",
                _instant(record.create_timestamp),
                f"Look at what it names; {SEE}",
                _link(settings, f"assets/{asset}?view=checks", f"the checks of {asset}"),
            )
        )
    return found


def _last_result(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, newest: AssetCheckExecutionRecord
) -> AssetCheckExecutionRecord | None:
    """The newest record of a check that has a result. One that a run has planned has none, for good if that run was killed."""
    if newest.status in RESULTS:
        return newest
    known = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=1, status=RESULTS
    )
    return known[0] if known else None


def _evaluations(settings: Settings, now: datetime) -> list[Problem]:
    """What stops every evaluation."""
    if not settings.evaluate:
        return []
    # Without the environment nothing can run the check of the installation, either.
    is_local = settings.evaluate_on == "local"
    if is_local and (lacking := environment_lacks(settings.evaluation_python)):
        remedy = "Build it, name its Python in DENSING_EVALUATION_PYTHON, or unset DENSING_EVALUATE"
        return [Problem("evaluations", f"no model is evaluated: {lacking}", now, remedy)]
    check = installation.last_check(settings.state_dir)
    ended = installation.ended(settings.evaluations_dir)
    reason = installation.standstill(ended, check)
    if reason is None:
        return []
    since = check.at if check and check.problem else ended[0].at
    return [
        Problem(
            "evaluations",
            f"no model is evaluated: {clean(redact(reason), MOST_CHARS)}",
            since,
            "The check also runs by itself, every hour while this lasts",
        )
    ]


def _disks(settings: Settings, now: datetime) -> list[Problem]:
    """Disks of the state directory and of releases that are nearly full: on a full one a night can record nothing."""
    found = {}
    for folder in (settings.state_dir.absolute(), settings.publish_dir.absolute()):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        free, device = shutil.disk_usage(there).free, there.stat().st_dev
        if free < LEAST_FREE and device not in found:
            found[device] = Problem(
                f"disk:{folder}",
                f"the disk of {folder} has {free / MIB:.0f} MiB left",
                now,
                "Free some space, or set DENSING_KEEP_RUNS_DAYS or DENSING_KEEP_RELEASES lower",
            )
    return list(found.values())


def _instant(seconds: float | None) -> datetime:
    return datetime.fromtimestamp(seconds or 0, UTC)


def _link(settings: Settings, path: str, name: str) -> str:
    """Address of a page of Dagster's web server, or its name where the address is not known."""
    return f"{settings.ui_url.rstrip('/')}/{path}" if settings.ui_url else name
