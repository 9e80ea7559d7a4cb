"""What a Hub, or a publisher on it, can do to a night: cost its own record, and no more."""

import contextlib
import json
import socket
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from densing_pipeline.hub import client, models, poll
from densing_pipeline.hub.client import MAX_CONFIG_BYTES, Hub
from densing_pipeline.landing import LandingZone
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import MODELS
from tests.servers.hub import FIRST_DAY, GOOD_TOKEN, base_model, serving, world
from tests.servers.prices import PriceServer, Reply

LIMITS = poll.Limits(overlap_days=2, first_days=30, page_size=100, configs=50, revisits=5)
QUICK = replace(client.LIMITS, backoff_s=0.01, answer_s=30)


@pytest.fixture
def simulated():
    found = world(per_day=3, days=2, history=3)
    found.today = FIRST_DAY + timedelta(days=1, hours=23)
    return found


class Nights:
    """Polls of one landing zone."""

    def __init__(self, folder, simulated, endpoint):
        """Land in a folder what the simulated Hub answers at an endpoint."""
        self.folder, self.zone = folder, LandingZone(folder / "landing")
        self.simulated, self.endpoint = simulated, endpoint

    def poll(self, hub=None):
        hub = hub or Hub(self.endpoint, limits=QUICK)
        now = self.simulated.today
        return poll.poll(self.zone, self.folder / "cache", hub, LIMITS, (), lambda: now, ())

    def found(self):
        """Names of the repositories, and the reasons of what was refused."""
        found, refused = models.landed(self.zone, self.folder / "cache", set())
        return set(found["model_id"]), dict(refused.select("model_id", "refused").iter_rows())


@pytest.fixture
def nights(tmp_path, simulated, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving(simulated) as endpoint:
        yield Nights(tmp_path, simulated, endpoint)


@pytest.mark.parametrize("over", [0, 1])
def test_a_configuration_beyond_its_bound_costs_its_own_model(nights, simulated, over):
    simulated.repos.append(base_model("evil/Base-284M", FIRST_DAY + timedelta(hours=30)))
    simulated.repos.append(base_model("good/Base-284M", FIRST_DAY + timedelta(hours=30)))
    config = b'{"a":"' + b"x" * (MAX_CONFIG_BYTES - 8 + over) + b'"}'
    assert len(config) == MAX_CONFIG_BYTES + over
    simulated.faults = lambda path: (
        (200, {}, config) if path.startswith("/evil/") and "config.json" in path else None
    )
    assert nights.poll().outcome == "ok"
    simulated.today += timedelta(days=1)
    assert nights.poll().outcome == "ok"
    names, refused = nights.found()
    assert {"evil/Base-284M", "good/Base-284M"} <= names
    expected = {"evil/Base-284M": "its config.json is larger than 4 MiB: not read"} if over else {}
    assert refused == expected
    assert sum("evil/" in path and "config.json" in path for path in simulated.log) == 1


def test_a_record_that_no_table_can_hold_costs_itself(nights, simulated):
    created = (FIRST_DAY + timedelta(hours=30)).isoformat()
    good = base_model("good/Base-284M", FIRST_DAY + timedelta(hours=30)).record
    odd = {
        "digits": "1" + "0" * 5000,
        "nan": "NaN",
        "infinity": "1e999",
        "wide": str(10**39),
        "deep": "[" * 200 + "]" * 200,
        "bottomless": '{"a":' * 5000 + "1" + "}" * 5000,
        "half": r'"\ud800"',
        "escape": json.dumps("\x1b[2J\u202e"),
        "text": '"[/]"',
    }
    records = [json.dumps(good), "7", "null", '"text"', '{"id": 5}', '{"id": "a", "id": "b"}']
    for name, value in odd.items():
        for field in ("createdAt", "sha", "tags", "cardData", "config", "safetensors", "siblings"):
            own: dict = {
                "id": f"odd/{name}-{field}",
                "_id": f"{name}-{field}",
                "createdAt": created,
            }
            record = dict(good) | own
            records.append(json.dumps(record | {field: "@"}).replace('"@"', value))
        total: dict[str, dict] = {
            "safetensors": {"total": "@", "parameters": {"BF16": "@"}},
            "cardData": {"license": "@"},
        }
        own = {"id": f"odd/{name}", "_id": name, "config": {"hidden_size": "@"}}
        record = dict(good) | own | total
        records.append(json.dumps(record).replace('"@"', value))
    page = ("[" + ",".join(records) + "]").encode()
    old = {"id": "old/Base", "_id": "old", "createdAt": "2025-01-01", "lastModified": "2025-01-01"}

    def listed(path):
        if not path.startswith("/api/models?"):
            return None
        if "author=" in path:
            owner = path.partition("author=")[2].partition("&")[0]
            theirs = [record for record in records if f'"id": "{owner}/' in record]
            return 200, {}, f"[{','.join(theirs)}]".encode()
        if "cursor=2" in path:
            return 200, {}, json.dumps([dict(good) | old]).encode()
        return 200, {"Link": f'<{path}&cursor=2>; rel="next"'}, page

    simulated.faults = listed
    night = nights.poll()
    assert night.outcome == "ok", night.message
    assert night.rows > 2 * len(records)
    names, refused = nights.found()
    assert "good/Base-284M" in names
    assert "good/Base-284M" not in refused
    assert not any(c in reason + name for name, reason in refused.items() for c in "\x1b\u202e")
    table, quarantine = models.models(
        MODELS.empty(), *models.landed(nights.zone, nights.folder / "cache", set())
    )
    assert "good/Base-284M" in table["model_id"]
    assert quarantine.height


def test_a_hub_that_drips_ends_with_the_time_of_an_answer(tmp_path, simulated):
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                while not ended.is_set():
                    opened, _ = listening.accept()
                    threading.Thread(target=drip, args=(opened,), daemon=True).start()

        def drip(opened):
            with opened, contextlib.suppress(OSError):
                opened.recv(65536)
                opened.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not ended.wait(0.05):
                    opened.sendall(b" ")

        threading.Thread(target=serve, daemon=True).start()
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        limits = replace(QUICK, answer_s=0.5)
        night = Nights(tmp_path, simulated, endpoint).poll(Hub(endpoint, limits=limits))
        ended.set()
    assert night.outcome == "failed"
    assert "not complete after 0.5 s" in night.message


def test_a_hub_that_is_silent_once_is_asked_again_however_short_an_answer_may_be(nights, simulated):
    over, asked = threading.Event(), []

    def silent(path):
        asked.append(path)
        # The first request asks for the time; until the Hub has answered once, no other is repeated.
        if len(asked) == 2:
            over.wait(30)

    simulated.faults = silent
    hub = Hub.of(Settings(hub_endpoint=nights.endpoint, hub_answer_seconds=1))
    night = nights.poll(hub)
    over.set()
    assert night.outcome == "ok", night.message
    assert asked.count(asked[1]) == 2


def test_a_wait_that_a_server_asks_for_is_not_endless(nights, simulated):
    for headers in ({"Retry-After": "999999999"}, {"RateLimit": '"api";r=0;t=99999999'}):
        simulated.faults = lambda path, headers=headers: (429, headers, b"")
        assert nights.poll().http_status == 429


def test_the_time_for_a_night_ends_it(nights):
    ticks = iter(range(0, 10**6, 10))
    night = nights.poll(Hub(nights.endpoint, limits=QUICK, seconds=15, clock=lambda: next(ticks)))
    assert night.requests > 0
    assert "DENSING_HUB_POLL_SECONDS" in night.message


def test_a_redirect_to_another_host_is_not_followed_and_gets_no_token(nights, simulated):
    with PriceServer() as other:
        listed = b'[{"id": "lab/old", "createdAt": "2025-01-01", "lastModified": "2025-01-01"}]'
        target = other.answer("/models", Reply(listed))
        simulated.faults = lambda path: (302, {"Location": target}, b"")
        night = nights.poll(Hub(nights.endpoint, GOOD_TOKEN, limits=QUICK))
        assert (night.outcome, other.requests) == ("failed", [])
        assert "another host" in night.message
        allowed = replace(QUICK, redirect_hosts=(f"127.0.0.1:{other.port}",))
        assert nights.poll(Hub(nights.endpoint, GOOD_TOKEN, limits=allowed)).outcome == "ok"
        assert other.requests
        assert not any("authorization" in asked.headers for asked in other.requests)


@pytest.mark.parametrize("answer", [b"[]", b'"text"', b'{"harnesses": []}', b"<html>"])
def test_nothing_is_asked_that_the_night_does_not_need(nights, simulated, answer):
    simulated.faults = lambda path: None if path.startswith("/api/models") else (200, {}, answer)
    assert nights.poll().outcome == "ok"
    assert not any("agent" in path for path in simulated.log)
