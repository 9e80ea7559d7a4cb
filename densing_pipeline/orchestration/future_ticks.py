"""Ticks of schedules and sensors at times to come, which a clock that was ahead has left.

Dagster asks no schedule and no sensor anew before the time of its last tick. After a clock that was a month ahead is set right,
no night, no evaluation and no alert would begin for a month.
"""

from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.storage.schedules import SqlScheduleStorage
from dagster._core.storage.schedules.schema import JobTickTable


def forget(instance: dg.DagsterInstance, now: datetime) -> int:
    """Delete ticks at times to come, and let the schedules and sensors that had them go on from now.

    Cursors stay, and what a sensor has asked for is known by its runs.

    Args:
        instance: holds the ticks.
        now: the time, with a time zone.

    Returns:
        Number of schedules and sensors that waited for a time to come.
    """
    limit, found = now.timestamp(), 0
    for state in instance.all_instigator_state():
        data = state.instigator_data
        ahead = {
            name: limit
            for name, value in (data._asdict() if data else {}).items()
            if name.endswith("_timestamp") and value and value > limit
        }
        if data and ahead:
            changed: dict[str, Any] = data._asdict() | ahead
            instance.update_instigator_state(state.with_data(type(data)(**changed)))
            found += 1
    storage = instance.schedule_storage
    if isinstance(storage, SqlScheduleStorage):
        with storage.connect() as connection:
            connection.execute(JobTickTable.delete().where(JobTickTable.c.timestamp > now))
    return found
