"""The sensor tells what is wrong without starting a run, and Dagster marks tables that no night renews."""

from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import dagster as dg
import pytest

from densing_pipeline.definitions import build_defs
from densing_pipeline.orchestration.checks import all_checks
from densing_pipeline.orchestration.tables import ONE_NIGHT_MISSED
from densing_pipeline.schedules import alerts
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import PUBLISHED
from tests.servers.loopback import LoopbackServer


class Taking(BaseHTTPRequestHandler):
    """Takes messages."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def settings(tmp_path):
    return Settings(state_dir=tmp_path, publish_url=str(tmp_path / "published"))


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def tick(settings: Settings, instance: dg.DagsterInstance) -> str:
    sensor = alerts.sensor(settings, all_checks())
    with dg.build_sensor_context(instance) as context:
        told = sensor(context)
    assert isinstance(told, dg.SkipReason)
    return str(told.skip_message)


def test_without_an_address_the_sensor_says_which_variable_to_set(settings, instance):
    assert "DENSING_ALERT_URLS and DENSING_HEARTBEAT_URL are not set" in tick(settings, instance)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
@pytest.mark.parametrize(("minutes", "is_told"), [(-5, False), (5, True)])
def test_a_first_night_is_waited_for_from_the_first_tick_on(
    settings, instance, minutes, is_told, monkeypatch
):
    tick(settings, instance)  # nobody is told yet
    after = datetime.now(UTC) + ONE_NIGHT_MISSED + timedelta(minutes=minutes)
    monkeypatch.setattr("densing_pipeline.clock.now", lambda: after)
    with LoopbackServer(Taking) as server:
        told = tick(
            settings.model_copy(update={"alert_urls": server.url.replace("http", "json")}), instance
        )
    assert ("no night has succeeded since" in told) is is_told


def test_a_tick_says_what_it_told_or_why_it_could_not(settings, instance):
    known = settings.model_copy(update={"alert_urls": "json://127.0.0.1:1/secret"})
    assert tick(known, instance) == "nothing new; 0 known"
    wrong = known.model_copy(update={"heartbeat_url": "http://127.0.0.1:1/secret"})
    assert "nothing new" in tick(wrong, instance)  # no night has succeeded yet


def test_every_table_and_the_release_are_marked_when_no_night_renews_them(settings):
    graph = build_defs(settings).resolve_asset_graph()
    marked = {
        key.to_user_string(): graph.get(key).freshness_policy
        for key in graph.materializable_asset_keys
    }
    missing = sorted(name for name in {*PUBLISHED, "release"} if marked[name] is None)
    assert missing == []
    policy = marked["release"]
    assert policy == dg.FreshnessPolicy.time_window(timedelta(hours=60), timedelta(hours=36))
