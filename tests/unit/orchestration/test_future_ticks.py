"""A clock that was ahead and is set right stops no schedule and no sensor."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from densing_pipeline import clock
from densing_pipeline.cli.app import main
from densing_pipeline.cli.settings import current_settings
from densing_pipeline.orchestration import storage
from densing_pipeline.orchestration.future_ticks import forget

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEFORE, AHEAD = NOW - timedelta(days=1), NOW + timedelta(days=30)


@pytest.fixture
def instance():
    with dg.DagsterInstance.local_temp() as instance:
        yield instance


def remember(instance, name, kind, data, *ticks):
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="m"), "m")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "r"), name)
    instance.add_instigator_state(InstigatorState(origin, kind, InstigatorStatus.RUNNING, data))
    for at in ticks:
        instance.create_tick(
            TickData(
                origin.get_id(), name, kind, TickStatus.SUCCESS, at.timestamp(),
                run_ids=[], selector_id=origin.get_selector().get_id(),
            )
        )  # fmt: skip


def state_of(instance, name):
    (found,) = [each for each in instance.all_instigator_state() if each.instigator_name == name]
    return found


def ticks_of(instance, name):
    state = state_of(instance, name)
    found = instance.get_ticks(state.instigator_origin_id, state.selector_id)
    return [tick.timestamp for tick in found]


def test_what_waits_for_a_time_to_come_goes_on_and_the_rest_stays(instance):
    remember(
        instance, "nightly", InstigatorType.SCHEDULE,
        ScheduleInstigatorData("0 2 * * *", BEFORE.timestamp(), AHEAD.timestamp()), BEFORE, AHEAD,
    )  # fmt: skip
    remember(
        instance, "alerts", InstigatorType.SENSOR,
        SensorInstigatorData(AHEAD.timestamp(), cursor="kept", last_tick_start_timestamp=AHEAD.timestamp()),
        AHEAD,
    )  # fmt: skip
    remember(
        instance, "quiet", InstigatorType.SENSOR, SensorInstigatorData(BEFORE.timestamp()), BEFORE
    )
    assert forget(instance, NOW) == 2
    nightly = state_of(instance, "nightly").instigator_data
    assert (nightly.start_timestamp, nightly.last_iteration_timestamp) == (
        BEFORE.timestamp(), NOW.timestamp(),
    )  # fmt: skip
    alerts = state_of(instance, "alerts").instigator_data
    assert (alerts.last_tick_start_timestamp, alerts.cursor) == (NOW.timestamp(), "kept")
    assert state_of(instance, "quiet").instigator_data.last_tick_timestamp == BEFORE.timestamp()
    assert ticks_of(instance, "nightly") == [BEFORE.timestamp()]
    assert ticks_of(instance, "alerts") == []
    assert ticks_of(instance, "quiet") == [BEFORE.timestamp()]
    assert forget(instance, NOW) == 0


def test_the_clock_of_a_replay_forgets_nothing(tmp_path, monkeypatch, capsys):
    """The daemon goes by the machine's clock; to a replay of last year all its ticks lie ahead."""
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    ahead = clock.now() + timedelta(days=30)
    assert main(["storage"]) == 0
    with storage.open_instance(current_settings()) as instance:
        remember(
            instance,
            "alerts",
            InstigatorType.SENSOR,
            SensorInstigatorData(ahead.timestamp()),
            ahead,
        )
    for replayed, said in (("2025-12-01T02:00:00+00:00", False), ("", True), ("", False)):
        monkeypatch.setenv("DENSING_NOW", replayed)
        if not replayed:
            monkeypatch.delenv("DENSING_NOW")
        capsys.readouterr()
        assert main(["storage"]) == 0
        assert ("go on now" in " ".join(capsys.readouterr().out.split())) == said
