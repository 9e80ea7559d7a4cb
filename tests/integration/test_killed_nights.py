"""A night that is killed, at whatever point, and run again leaves what an undisturbed one leaves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline import files
from densing_pipeline.landing import LandingZone, received_at
from densing_pipeline.polling.landed import RECEIVED
from tests.servers import night
from tests.servers.killing import counted_calls
from tests.servers.prices import PriceServer, Reply

ROOT = Path(__file__).parents[2]
START = datetime(2025, 1, 30, 2, tzinfo=UTC)
SOURCES = ("openrouter", "litellm")
TABLES = ("prices", "price_polls", "quarantine")


def lists(rng: np.random.Generator, prices: dict[str, float]) -> dict[str, bytes]:
    """A night's lists: prices move, offers come and go, one entry cannot be read."""
    for name in rng.choice(sorted(prices), 4, replace=False):
        prices[name] *= float(rng.choice([0.5, 1.25, 15]))
    shown = sorted(rng.choice(sorted(prices), 18, replace=False).tolist())
    models = [
        {"id": n, "pricing": {"prompt": f"{prices[n]:.10f}", "completion": f"{prices[n]:.10f}"}}
        for n in shown
    ]
    models.append({"id": "maker/odd", "pricing": {"prompt": "call us", "completion": "1"}})
    keys = {
        n: {
            "litellm_provider": "maker",
            "mode": "chat",
            "input_cost_per_token": prices[n],
            "output_cost_per_token": prices[n],
        }
        for n in shown
    }
    return {
        "openrouter": json.dumps({"data": models}).encode(),
        "litellm": json.dumps(keys).encode(),
    }


class Nights:
    """A process that runs each night in a process of its own, to be killed at a point."""

    def __init__(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.night"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Threads of numerical libraries would not survive the fork.
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )

    def kill(self, state: Path, url: str, instant: datetime, point: str) -> bool:
        """Run a night; whether it was killed before its end."""
        pipes = self._process
        assert pipes.stdin
        assert pipes.stdout
        pipes.stdin.write(f"{state}\t{url}\t{instant.isoformat()}\t{point}\n")
        pipes.stdin.flush()
        code = int(pipes.stdout.readline())
        assert code in (0, -signal.SIGKILL)
        return code != 0

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def processes(price_server: PriceServer) -> Iterator[Nights]:
    """After the server, whose address must bypass proxies."""
    found = Nights()
    yield found
    found.close()


def tables(state: Path) -> dict[str, pl.DataFrame]:
    """The rows of every table. The file holds how it was made besides: when lists landed, say."""
    return {name: pl.read_parquet(state / "tables" / f"{name}.parquet") for name in TABLES}


def check_same_tables(found: Path, expected: Path, night: str) -> None:
    for name, frame in tables(expected).items():
        assert tables(found)[name].equals(frame), f"{night}, {name}"


def check_nothing_is_lost(state: Path) -> None:
    """Every list that landed has its row in source_health, however the night ended."""
    zone = LandingZone(state / "landing")
    told = set(
        pl.read_parquet(state / "tables" / "source_health.parquet")
        .select("source", "polled_at")
        .iter_rows()
    )
    for source in SOURCES:
        came = {(source, received_at(path)) for path in zone.receipt_files(source + RECEIVED)}
        assert came <= told


RENAME = files.rename


def counted(writes: list[Path], written: Path, place: Path) -> None:
    writes.append(place)
    RENAME(written, place)


def disturbed(
    server: PriceServer,
    processes: Nights,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    nights: int,
    kills: int,
) -> int:
    """Nights that are killed so many times each beside undisturbed ones; how many were killed."""
    rng = np.random.default_rng(5)
    prices = {f"maker/m{i}": float(rng.uniform(1e-7, 1e-5)) for i in range(20)}
    calm, rough = (night.settings_of(folder / name, server.url()) for name in ("calm", "rough"))
    killed = 0
    for n in range(nights):
        begin = START + timedelta(days=n)
        for source, body in lists(rng, prices).items():
            server.answer(f"/{source}", Reply(body))
        writes: list[Path] = []
        with monkeypatch.context() as patch:
            patch.setattr(files, "rename", partial(counted, writes))
            with counted_calls() as calls:
                night.run(calm, begin)
        for k in range(kills if n or nights > 2 else 0):
            point = (
                f"call:{rng.integers(0, calls[0])}"
                if k % 3 == 2
                else f"write:{rng.integers(0, len(writes) * len(night.PHASES))}"
            )
            instant = begin + timedelta(minutes=k)
            killed += processes.kill(rough.state_dir, server.url(), instant, point)
        night.run(rough, begin + timedelta(hours=1))
        check_same_tables(rough.state_dir, calm.state_dir, f"night {n}")
        check_nothing_is_lost(rough.state_dir)
    return killed


@pytest.mark.slow
def test_killed_nights_run_again_leave_the_same_tables(
    price_server, processes, tmp_path, monkeypatch
):
    assert disturbed(price_server, processes, tmp_path, monkeypatch, nights=2, kills=6) >= 4


@pytest.mark.slow
def test_fifty_killed_nights_run_again_leave_the_same_tables(
    price_server, processes, tmp_path, monkeypatch
):
    killed = disturbed(price_server, processes, tmp_path, monkeypatch, nights=8, kills=8)
    assert killed >= 50
