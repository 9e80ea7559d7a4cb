"""Play the nights of a quarter, in peace or with what goes wrong, and write down what came of each.

    unshare -rm python -m benchmarks.quarter.play FOLDER NIGHTS SEED quiet|chaos

State and releases lie on a small file system of their own, so that its disk can be full: a mount namespace is needed
for that. The folder then holds `played.json` and the tables of the last night.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.quarter import chaos, world
from benchmarks.quarter.chaos import ANSWERS, HUB, Fault
from benchmarks.quarter.night import Order
from densing_pipeline.landing import LandingZone, received_at
from densing_pipeline.polling.landed import RECEIVED
from tests.servers import hub
from tests.servers.loopback import LoopbackServer
from tests.servers.prices import PriceServer, Reply, addresses

ROOT = Path(__file__).parents[2]
REFIT_EVERY = 30
"""Nights from one refit and release to the next; the nights between land and read what the sources say."""

MAINTENANCE_EVERY = 7
KEEP_RUNS_DAYS = 30
DISK = "2g"
LOCKED_S = 8.0
"""Time for which another program holds Dagster's database locked."""

CLEAN_ATTEMPTS = 3
"""Most attempts of a night after the faults of this machine are over."""

SENSOR_AFTER = timedelta(minutes=10)
RETRIED_AFTER = timedelta(hours=1)

CLOCK_REQUEST = "&limit=1&"
"""Part of the address by which a poll asks the Hub for the time."""

GARBAGE = b"<html><body>busy</body></html>"


@dataclass
class Played:
    """What came of all nights.

    Attributes:
        attempts: one record per attempt of a night.
        ticks: problems known after each attempt, and whether the attempt's night was over.
        growth: files and bytes by folder of the state directory after each night.
        messages: texts of the alerts that arrived, in order.
        unreported: documents that landed and have no row in `source_health`.
        not_injected: faults that this machine does not allow.
        unmaintained: what failed in runs of the job `maintenance`.
    """

    attempts: list[dict[str, Any]] = field(default_factory=list)
    ticks: list[dict[str, Any]] = field(default_factory=list)
    growth: list[dict[str, Any]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    unreported: int = 0
    not_injected: list[str] = field(default_factory=list)
    unmaintained: list[str] = field(default_factory=list)


class Quarter:
    """An installation with its sources on loopback."""

    def __init__(
        self,
        folder: Path,
        nights: int,
        seed: int,
        refit_every: int = REFIT_EVERY,
        *,
        is_quiet: bool,
    ) -> None:
        """Take a folder, which is made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        self.folder, self.disk = folder, folder / "disk"
        self.disk.mkdir(parents=True)
        self.world, self.refit_every = world.world(nights, seed), refit_every
        self.faults = [[] for _ in range(nights)] if is_quiet else chaos.schedule(nights, seed)
        self.played = Played()
        self.can_mount = _mounted(self.disk)
        self._stack = ExitStack()
        if self.can_mount:
            self._stack.callback(subprocess.run, ["umount", "--lazy", str(self.disk)], check=False)

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.disk / "state"

    def __enter__(self) -> "Quarter":
        """Start the servers, and the process from which nights are forked."""
        enter = self._stack.enter_context
        self.server = enter(PriceServer())
        self.hub = self.world.hub()
        endpoint = enter(hub.serving(self.hub))
        port = enter(_receiving(self.played.messages))
        self.state.mkdir()
        shutil.copy(ROOT / "dagster.yaml", self.state)
        self.variables = {
            "DAGSTER_HOME": str(self.state),
            "DENSING_STATE_DIR": str(self.state),
            "DENSING_PUBLISH_URL": str(self.disk / "published"),
            "DENSING_BOOTSTRAP_DRAWS": "100",
            "DENSING_POLL": "true",
            "DENSING_POLL_ATTEMPTS": "2",
            "DENSING_POLL_BACKOFF_SECONDS": "0.01",
            "DENSING_POLL_READ_SECONDS": "3",
            "DENSING_OPENROUTER_ENDPOINTS": "0",
            "DENSING_HUB_POLL": "true",
            "DENSING_HUB_ANSWER_SECONDS": "5",
            "DENSING_HUB_PAGE_SIZE": "100",
            "DENSING_HUB_HEADERS_PER_NIGHT": "0",
            "DENSING_KEEP_RUNS_DAYS": str(KEEP_RUNS_DAYS),
            "DENSING_ALERT_URLS": f"json://127.0.0.1:{port}/",
            "HF_ENDPOINT": endpoint,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        } | {f"DENSING_{name.upper()}": url for name, url in addresses(self.server.url()).items()}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DENSING_", "HF_"))}  # fmt: skip
        # Threads of numerical libraries would not survive the fork.
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.nights = enter(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.quarter.night"],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean | threads,
            )
        )  # fmt: skip
        return self

    def __exit__(self, *error: object) -> None:
        """Stop them."""
        assert self.nights.stdin
        self.nights.stdin.close()
        self._stack.close()

    def order(self, do: str, now: datetime, **what: Any) -> tuple[int, float, dict[str, Any]]:
        """Have a process do something; its exit status, its seconds of CPU, and what came of it."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        order = Order(do, now.isoformat(), str(report), variables=self.variables, **what)
        assert self.nights.stdin
        assert self.nights.stdout
        self.nights.stdin.write(order.line())
        self.nights.stdin.flush()
        status, cpu_s = self.nights.stdout.readline().split()
        told = json.loads(report.read_text()) if report.exists() else {}
        return int(status), float(cpu_s), told

    def play(self, night: int) -> None:
        """Play a night until it has succeeded, with what goes wrong on it."""
        faults = self.faults[night]
        begin = world.FIRST + timedelta(days=night)
        self.server.now = self.hub.today = begin
        last = len(self.faults) - 1
        every = self.refit_every
        whole = bool(every) and (night % every == every - 1 or night == last)
        machine = [fault for fault in faults if fault.kind not in (*ANSWERS, "dead source")]
        answers = [fault for fault in faults if fault.kind in (*ANSWERS, "dead source")]
        for number, fault in enumerate([*machine, *[None] * CLEAN_ATTEMPTS]):
            if fault and fault.kind == "disk full" and not self.can_mount:
                self.played.not_injected.append("disk full")
                continue
            self._answer(night, [each for each in answers if each.lasts or not number])
            start = begin + number * RETRIED_AFTER
            self.server.now = self.hub.today = start
            record = self._attempt(night, start, fault, whole=whole)
            record["answers"] = [
                [each.kind, each.source, each.lasts] for each in answers if each.lasts or not number
            ]
            self.played.attempts.append(record)
            status, _, told = self.order("alerts", start + SENSOR_AFTER)
            self.played.ticks.append(
                {"night": night, "status": status, "told": told.get("problems", [])}
            )
            if record["outcome"] == "ok":
                break
        if night % MAINTENANCE_EVERY == MAINTENANCE_EVERY - 2:
            status, _, told = self.order("maintenance", begin + timedelta(hours=10))
            failures = told.get("failures", {"process": f"ended with status {status}"})
            self.played.unmaintained += [f"night {night}: {why}" for why in failures.values()]
        self.played.unreported += self._unreported()
        self.played.growth.append(_sizes(self.state) | {"night": night})

    def _attempt(
        self, night: int, start: datetime, fault: Fault | None, *, whole: bool
    ) -> dict[str, Any]:
        """Run a night once with a fault of this machine, or none."""
        kind = fault.kind if fault else ""
        dies_at = (fault.size / 1000, fault.calls) if fault and kind == "kill -9" else None
        now = start + timedelta(days=fault.size) if fault and kind == "clock jump" else start
        began = time.monotonic()
        with ExitStack() as stack:
            if fault and kind == "disk full":
                stack.enter_context(_full(self.disk, fault.size))
            if kind == "database locked":
                stack.enter_context(_locked(self.state / "history" / "runs.db"))
            status, cpu_s, told = self.order("night", now, whole=whole, dies_at=dies_at)
        failures = told.get("failures", {"process": f"ended with status {status}"})
        outcome = "ok" if not failures else "killed" if status == -signal.SIGKILL else "failed"
        return {
            "night": night, "whole": whole, "fault": kind, "size": fault.size if fault else 0, "outcome": outcome,
            # Refused before Dagster knew of a run, so that no run can be told.
            "refused": "dagster" in failures,
            "failures": failures, "seconds": round(time.monotonic() - began, 2), "cpu_s": cpu_s,
            "health": self._health(outcome),
        }  # fmt: skip

    def _health(self, outcome: str) -> list[str]:
        """Sources whose newest poll failed, as the table says after a night."""
        path = self.state / "tables" / "source_health.parquet"
        if outcome != "ok" or not path.exists():
            return []
        newest = (
            pl.read_parquet(path).sort("polled_at").group_by("source", maintain_order=True).last()
        )
        bad = newest.filter(pl.col("outcome").is_in(["failed", "rejected"]))
        return sorted(bad["source"])

    def _answer(self, night: int, faults: Sequence[Fault]) -> None:
        """Have the servers answer well, or as the faults say."""
        for path, reply in self.world.replies(night).items():
            wrong = [fault for fault in faults if fault.source in path.split("/")]
            lasting = [fault for fault in wrong if fault.lasts]
            replies = [_wrong(fault) for fault in lasting[:1] or wrong]
            self.server.answer(path, *replies, *([] if lasting else [reply]))
        of_hub = [fault for fault in faults if fault.source == HUB]
        left = [None if any(f.lasts for f in of_hub) else len(of_hub)]

        def broken(path: str) -> hub.Reply | None:
            # The answer by which a poll checks this machine's clock is not read but for its time.
            is_spared = left[0] is not None and CLOCK_REQUEST in path
            if not of_hub or left[0] == 0 or is_spared:
                return None
            fault = next((each for each in of_hub if each.lasts), of_hub[-1])
            if left[0] is not None:
                left[0] -= 1
            if fault.kind == "timeout":
                threading.Event().wait(6)
            reply = _wrong(fault)
            return reply.status, dict(reply.headers), reply.body

        self.hub.faults = broken

    def _unreported(self) -> int:
        """Documents that landed and of which `source_health` knows nothing."""
        zone = LandingZone(self.state / "landing")
        path = self.state / "tables" / "source_health.parquet"
        told = (
            set(pl.read_parquet(path).select("source", "polled_at").iter_rows())
            if path.exists()
            else set()
        )
        folders = sorted((zone.folder / "receipts").glob(f"*{RECEIVED}"))
        names = [folder.name.removesuffix(RECEIVED) for folder in folders]
        came = {
            (name, received_at(path))
            for name in names
            for path in zone.receipt_files(name + RECEIVED)
        }
        return len(came - told)


def _wrong(fault: Fault) -> Reply:
    """A wrong answer."""
    return {
        "timeout": Reply(b"x" * 100, drip_s=5),
        "server error": Reply(b"try later", status=503),
        "too many requests": Reply(b"slower", status=429, headers={"Retry-After": "0"}),
        "garbage": Reply(GARBAGE),
        "dead source": Reply(b"gone", status=502),
    }[fault.kind]


def _mounted(folder: Path) -> bool:
    """Whether a file system of its own could be mounted on the folder."""
    done = subprocess.run(  # noqa: S603
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(folder)],  # noqa: S607
        check=False, capture_output=True,
    )  # fmt: skip
    return done.returncode == 0


def _remount(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)  # noqa: S603, S607


@contextmanager
def _full(folder: Path, kib: int) -> Iterator[None]:
    """Leave so many KiB on the file system of a folder."""
    found = os.statvfs(folder)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize // 1024
    _remount(folder, f"{used + max(kib, 4)}k")
    try:
        yield
    finally:
        _remount(folder, DISK)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a database locked, as another program may, for some seconds."""
    if not path.exists():
        yield
        return
    over = threading.Event()

    def hold() -> None:
        with sqlite3.connect(path, isolation_level=None) as database:
            database.execute("BEGIN EXCLUSIVE")
            over.wait(LOCKED_S)
            database.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _receiving(messages: list[str]) -> Iterator[int]:
    """A server that takes alerts; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            messages.append(told["message"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with LoopbackServer(Handler) as server:
        yield server.server_port


def _sizes(state: Path) -> dict[str, list[int]]:
    """Files and their bytes by folder of the state directory; of runs and single files together."""
    found: dict[str, list[int]] = {}
    for folder, _, names in os.walk(state):
        top = Path(folder).relative_to(state).parts[:1]
        room = top[0] if top and "-" not in top[0] else "runs and databases"
        counted = found.setdefault("runs and databases" if room == "history" else room, [0, 0])
        for name in names:
            counted[0] += 1
            counted[1] += (Path(folder) / name).lstat().st_size
    return found


def main() -> None:
    """Play all nights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("nights", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("mood", choices=["quiet", "chaos"])
    parser.add_argument("--refit-every", type=int, default=REFIT_EVERY, help="0: never")
    given = parser.parse_args()
    folder = given.folder.absolute()
    with Quarter(
        folder, given.nights, given.seed, given.refit_every, is_quiet=given.mood == "quiet"
    ) as quarter:
        for night in range(given.nights):
            quarter.play(night)
            last = quarter.played.attempts[-1]
            told = f"{given.mood} {night + 1}/{given.nights}: {last['outcome']} {last['seconds']} s, CPU {last['cpu_s']} s"
            print(told, last["failures"] or "", flush=True)
        shutil.copytree(quarter.state / "tables", folder / "tables")
    (folder / "played.json").write_text(json.dumps(asdict(quarter.played), indent=1))


if __name__ == "__main__":
    main()
