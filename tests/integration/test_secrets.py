"""No secret of an address is written anywhere, whatever the servers do."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.hub import poll as hub_poll
from densing_pipeline.hub import watermark
from densing_pipeline.hub.client import Hub
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import poll as price_poll
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.score_sources import poll as score_poll
from densing_pipeline.settings import Settings, SettingsError, read_settings, variables
from tests.secrets import NEEDLES, leaks, signed
from tests.servers import hub as simulated
from tests.servers.prices import PriceServer, Reply

LIST = json.dumps(
    {
        f"maker/m{n}": {
            "litellm_provider": "p",
            "mode": "chat",
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 2e-6,
        }
        for n in range(60)
    }
).encode()
NOW = datetime(2026, 6, 3, 2, tzinfo=UTC)
TOKEN = "hf_s3cr3t"  # noqa: S105
LISTS = ("OPENROUTER", "LITELLM", "MODELS_DEV", "GENAI_PRICES", "LLM_PRICES")
HOLD_ADDRESSES = {one.name for one in variables() if not Settings.model_fields[one.field].repr}
NO_REQUESTS = {
    "DENSING_PUBLISH_URL", "DENSING_REDIRECT_HOSTS", "DENSING_DATABASE_URL", "DENSING_EVALUATION_STORE",
}  # fmt: skip
"""The first names a directory; the second is refused with a password; the third is tried with a real server
(`unit/orchestration/test_postgres_storage.py`), and so is the fourth, which is refused with a password or a query."""


@pytest.fixture
def addresses(price_server: PriceServer) -> dict[str, str]:
    """An address with secrets for every price list; each server does something else."""
    with PriceServer() as closed:
        down = closed.url("/models")
    elsewhere = signed("http://elsewhere.example/list")
    return {
        "OPENROUTER": signed(down),
        "LITELLM": signed(price_server.answer(_path("/litellm"), Reply(LIST))),
        "MODELS_DEV": signed(
            price_server.answer(_path("/moved"), Reply(status=302, headers={"Location": elsewhere}))
        ),
        "GENAI_PRICES": signed(price_server.answer(_path("/failing"), Reply(status=500))),
        "LLM_PRICES": signed(price_server.answer(_path("/html"), Reply(b"<html>down</html>"))),
    }


def _instant(now: datetime) -> datetime:
    """A clock that stands still."""
    return now


def _path(path: str) -> str:
    """The path and query that a signed address asks for."""
    return f"{path}?{signed('http://h').partition('?')[2]}"


def _environment(addresses: dict[str, str], hub: str) -> dict[str, str]:
    with PriceServer() as closed:
        down = signed(closed.url("/scores"))
    return {
        **dict.fromkeys(HOLD_ADDRESSES - NO_REQUESTS, down),
        **{f"DENSING_{name}_URL": url for name, url in addresses.items()},
        "HF_ENDPOINT": signed(hub),
        "HF_TOKEN": TOKEN,
        "HTTPS_PROXY": signed("http://proxy.example:3128").partition("?")[0],
        "NO_PROXY": "127.0.0.1,localhost",
    }


def test_every_setting_that_names_an_address_is_hidden_and_tried() -> None:
    named = {
        one.name
        for one in variables()
        if one.name.endswith(("_URL", "_ENDPOINT", "_HOSTS", "_ADDRESS"))
    }
    assert named <= HOLD_ADDRESSES
    tried = _environment({}, "http://h")
    assert set(tried) >= HOLD_ADDRESSES - NO_REQUESTS


@pytest.mark.parametrize("is_failing", [False, True])
def test_polls_leave_no_secret(
    addresses: dict[str, str],
    price_server: PriceServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    is_failing: bool,
) -> None:
    caplog.set_level("DEBUG", "httpx2")
    world = simulated.world(per_day=3, days=2, history=3)
    world.today = NOW
    if is_failing:
        world.faults = lambda path: (500, {}, b"")
    with simulated.serving(world) as endpoint:
        for name, value in _environment(addresses, endpoint).items():
            monkeypatch.setenv(name, value)
        settings = Settings(state_dir=tmp_path, poll_attempts=2, poll_backoff_seconds=0.01)
        zone = LandingZone(settings.landing_dir)
        for day in range(2):
            now = NOW + timedelta(days=day)
            found = {p.source: p for p in price_poll.poll(settings, clock=partial(_instant, now))}
            scores = score_poll.poll(settings, clock=partial(_instant, now))
            hub = Hub.of(settings)
            hub._limits = replace(hub._limits, backoff_s=0.01)
            night = hub_poll.poll(
                zone, tmp_path / "cache", hub, hub_poll.Limits(), (), partial(_instant, now)
            )
    assert [found[name].outcome for name in ("litellm", "openrouter", "models-dev")] == [
        "unchanged", "failed", "failed"
    ]  # fmt: skip
    assert night.outcome == ("failed" if is_failing else "ok"), night.message
    assert any("X-Signature=s3cr3t%3Dsignature" in path for path in world.log)
    assert price_server.requests[0].headers["authorization"].endswith(NEEDLES[1])
    watermark.table(zone).write_parquet(tmp_path / "nights.parquet")
    assert leaks(tmp_path) == []
    printed = capfd.readouterr()
    said = [repr(settings), str(settings), printed.out, printed.err, *caplog.messages]
    said += [p.message for p in (*found.values(), *scores)] + hub.remarks
    assert {p.outcome for p in scores} == {"failed"}
    assert not any(needle in text for text in said for needle in NEEDLES)
    assert "HTTP Request: GET http://127.0.0.1" in caplog.text, "the client's log was looked at"


@pytest.mark.parametrize(
    "value",
    ["ftp://s3cr3t-user:s3cr3t@h/l?sig=s3cr3t", "s3cr3t-user:s3cr3t@h", "http://u:s3cr3t#t@h/"],
)
@pytest.mark.parametrize("name", ["LITELLM_URL", "PUBLISH_URL", "EVALUATION_STORE"])
def test_a_refused_address_is_named_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    if name == "PUBLISH_URL":
        value = f"s3://{value.partition('://')[2] or value}"
    monkeypatch.setenv(f"DENSING_{name}", value)
    try:
        settings = read_settings()
    except SettingsError as error:
        told = f"{error} {error.__cause__!r} {error.__cause__}"
        assert name in told
    else:
        told = repr(settings)
    assert "s3cr3t" not in told


def test_a_proxy_s_password_is_not_told(
    price_server: PriceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PriceServer() as closed:
        proxy = signed(closed.url("/")).partition("?")[0]
    url = signed(price_server.url("/l"))
    addressed = {source.address_setting: url for source in SOURCES.values()}
    settings = Settings(state_dir=tmp_path, poll_attempts=1, **addressed)
    monkeypatch.delenv("NO_PROXY")
    for value in (proxy, proxy.replace("http://", "gopher://"), "http://s3cr3t:s3cr3t@[/"):
        monkeypatch.setenv("HTTP_PROXY", value)
        monkeypatch.setenv("http_proxy", value)
        results = price_poll.poll(settings)
        assert {result.outcome for result in results} == {"failed"}
        assert not any("s3cr3t" in result.message for result in results)
    assert not price_server.requests
    assert leaks(tmp_path) == []


def test_a_token_that_the_hub_refuses_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    world = simulated.world(per_day=3, days=2, history=3)
    world.today = NOW
    with simulated.serving(world) as endpoint:
        hub = Hub(endpoint)
        zone = LandingZone(tmp_path / "landing")
        night = hub_poll.poll(
            zone, tmp_path / "cache", hub, hub_poll.Limits(), (), partial(_instant, NOW)
        )
    assert "token" in f"{night.message} {hub.remarks}", "the Hub got it"
    told = [repr(hub), repr(vars(hub)), night.message, *hub.remarks, *caplog.messages]
    assert not any(needle in text for text in told for needle in NEEDLES)
    assert leaks(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("--model", "org/model"), "/api/models/org/model"),
        (("--model", "org/model", "--out", "out", "--benchmarks", "MMLU"), "/datasets/cais/mmlu"),
    ],
    ids=["the client of weights", "the client of benchmark files"],
)
def test_an_evaluation_leaves_no_secret(
    tmp_path: Path, arguments: tuple[str, ...], asked: str
) -> None:
    """The job as it is started, with a Hub that refuses it."""
    world = simulated.world(per_day=1, days=1, history=1)
    world.faults = lambda path: (403, {"X-Error-Message": "no"}, b"")
    with simulated.serving(world) as endpoint:
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "densing_pipeline.evaluation.job", *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "HF_ENDPOINT": signed(endpoint).partition("?")[0],
                "HF_TOKEN": TOKEN,
                "HF_HOME": str(tmp_path / "hf"),
                "NO_PROXY": "127.0.0.1",
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "DENSING_STATE_DIR": str(tmp_path / "state"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert any(path.startswith(asked) for path in world.log)
    assert ended.returncode == 1
    assert "could not be fetched" in ended.stdout + ended.stderr or "cannot be fetched" in (
        tmp_path / "out" / "outcome.json"
    ).read_text(encoding="utf-8")
    assert not any(needle in ended.stdout + ended.stderr for needle in NEEDLES)
    assert leaks(tmp_path) == []


@pytest.mark.slow
def test_a_whole_night_leaves_no_secret(addresses: dict[str, str], tmp_path: Path) -> None:
    world = simulated.world(per_day=3, days=2, history=3)
    world.today = datetime.now(UTC)
    world.faults = lambda path: (500, {}, b"") if "config.json" in path else None
    place = Path(__file__).parents[2]
    with simulated.serving(world) as endpoint:
        ended = subprocess.run(
            [sys.executable, "-m", "densing_pipeline", "run", "--live"],
            cwd=tmp_path,
            env={
                **os.environ,
                **_environment(addresses, endpoint),
                "PYTHONPATH": str(place),
                "DAGSTER_HOME": str(tmp_path / "state"),
                "DENSING_STATE_DIR": str(tmp_path / "state"),
                "DENSING_PUBLISH_URL": str(tmp_path / "published"),
                "DENSING_BOOTSTRAP_DRAWS": "100",
                "DENSING_POLL_ATTEMPTS": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    health = pl.read_parquet(tmp_path / "published" / "latest" / "source_health.parquet")
    assert "failed" in health["outcome"]
    assert leaks(tmp_path) == []
    assert not any(needle in ended.stdout + ended.stderr for needle in NEEDLES)
