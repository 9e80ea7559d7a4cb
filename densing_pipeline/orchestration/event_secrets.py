"""Dagster's records of what failed, without the secrets that a library may quote in its error.

An error of a step, a sensor, a schedule, a backfill or a daemon goes into the database with its message and its trace, from where the web page
shows it and a backup copies it. Not here: what is logged (`addresses.redact_every_log`), and messages of this project, which are redacted where they
are made.
"""

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEventType
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.scheduler.instigation import InstigatorTick, TickData
from dagster._core.storage.event_log import EventLogStorage
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.schedules.sql_schedule_storage import SqlScheduleStorage
from dagster._daemon.types import DaemonHeartbeat
from dagster._serdes import deserialize_value, serialize_value
from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined]

from densing_pipeline.addresses import hide_secrets

WITH_ERRORS = {
    DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY, DagsterEventType.RUN_FAILURE,
    DagsterEventType.ENGINE_EVENT, DagsterEventType.RESOURCE_INIT_FAILURE, DagsterEventType.HOOK_ERRORED,
    DagsterEventType.ALERT_FAILURE,
}  # fmt: skip
"""Kinds of events that may quote an error; messages that a step logs are events without a kind."""


IDENTIFIERS = {
    "__class__", "__enum__", "event_type_value", "run_id", "job_name", "pipeline_name", "step_key", "step_kind_value",
    "step_handle", "node_handle", "solid_handle", "logging_tags",
}  # fmt: skip
"""Fields of an event by which Dagster finds it and its run. They quote no error, and stay where a password is a common word: with
one replaced, the failure of a run would be lost, and the run would never end."""


class HidesSecrets(EventLogStorage):
    """What a storage of events needs to keep secrets out of them."""

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event without secrets."""
        super().store_event(without_secrets(event))  # type: ignore[safe-super]

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events without secrets."""
        super().store_event_batch([without_secrets(event) for event in events])


class HidesSecretsOfTicks(SqlScheduleStorage):
    """What a storage of schedules and sensors needs to keep secrets out of the errors of their ticks."""

    def create_tick(self, tick_data: TickData) -> InstigatorTick:
        """Store a tick without secrets."""
        return super().create_tick(_tick_without_secrets(tick_data))

    def update_tick(self, tick: InstigatorTick) -> InstigatorTick:
        """Store what became of a tick, without secrets."""
        hidden = _tick_without_secrets(tick.tick_data)
        return super().update_tick(InstigatorTick(tick.tick_id, hidden))


class HidesSecretsOfDaemons(SqlRunStorage):
    """What a storage of runs needs to keep secrets out of the errors of daemons and of backfills."""

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Store that a daemon lives, and its last errors without secrets."""
        errors = [_error_without_secrets(error) for error in daemon_heartbeat.errors or ()]
        super().add_daemon_heartbeat(daemon_heartbeat._replace(errors=errors))

    def update_backfill(self, partition_backfill: PartitionBackfill) -> None:
        """Store what became of a backfill, with its error without secrets."""
        if (error := partition_backfill.error) is not None:
            partition_backfill = partition_backfill._replace(error=_error_without_secrets(error))
        super().update_backfill(partition_backfill)


def _tick_without_secrets(told: TickData) -> TickData:
    error, reason = told.error, told.skip_reason
    return told._replace(
        error=error and _error_without_secrets(error), skip_reason=reason and hide_secrets(reason)
    )


def _error_without_secrets(error: SerializableErrorInfo) -> SerializableErrorInfo:
    hidden = json.dumps(_hidden(json.loads(serialize_value(error))))
    return deserialize_value(hidden, SerializableErrorInfo)


def without_secrets(entry: dg.EventLogEntry) -> dg.EventLogEntry:
    """An event with `***` in the place of each secret of this process's environment; most are given back as they are."""
    if entry.dagster_event is not None and entry.dagster_event.event_type not in WITH_ERRORS:
        return entry
    told = json.loads(serialize_value(entry))
    hidden = _hidden(told)
    return entry if hidden == told else deserialize_value(json.dumps(hidden), dg.EventLogEntry)


def _hidden(told: Any) -> Any:
    """A JSON value with its texts hidden one by one: in JSON a password is escaped, so it would not be found."""
    if isinstance(told, str):
        return hide_secrets(told)
    if isinstance(told, list):
        return [_hidden(each) for each in told]
    if isinstance(told, dict):
        return {
            name: value if name in IDENTIFIERS else _hidden(value) for name, value in told.items()
        }
    return told
