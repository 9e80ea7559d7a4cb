"""Dagster's records of what failed, without the secrets that a library may quote in its error.

An error of a step goes into the database with its message and its trace, from where the web page shows it and a backup
copies it. Not here: what is logged (`addresses.redact_every_log`), and messages of this project, which are redacted where they
are made.
"""

from collections.abc import Sequence

import dagster as dg
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log import EventLogStorage
from dagster._serdes import deserialize_value, serialize_value

from densing_pipeline.addresses import hide_secrets

WITH_ERRORS = {
    DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY, DagsterEventType.RUN_FAILURE,
    DagsterEventType.ENGINE_EVENT, DagsterEventType.RESOURCE_INIT_FAILURE, DagsterEventType.HOOK_ERRORED,
    DagsterEventType.ALERT_FAILURE,
}  # fmt: skip
"""Kinds of events that may quote an error; messages that a step logs are events without a kind."""


class HidesSecrets(EventLogStorage):
    """What a storage of events needs to keep secrets out of them."""

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event without secrets."""
        super().store_event(without_secrets(event))  # type: ignore[safe-super]

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events without secrets."""
        super().store_event_batch([without_secrets(event) for event in events])


def without_secrets(entry: dg.EventLogEntry) -> dg.EventLogEntry:
    """An event with `***` in the place of each secret of this process's environment; most are given back as they are."""
    if entry.dagster_event is not None and entry.dagster_event.event_type not in WITH_ERRORS:
        return entry
    text = serialize_value(entry)
    hidden = hide_secrets(text)
    return entry if hidden == text else deserialize_value(hidden, dg.EventLogEntry)
