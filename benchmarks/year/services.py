"""Dagster's web page and its memory, on loopback, over a state directory."""

import os
import shlex
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from playwright.sync_api import Browser, Page, Request, sync_playwright

from benchmarks.measure import memory, processor_s
from densing_pipeline.units import MIB
from tests.servers.loopback import LOOPBACK

DEPLOY = Path(__file__).parents[2] / "deploy"

SERVICES = ("code", "daemon", "webserver")
"""Units of `deploy/systemd`, in the order in which they are started."""

FIRST_TICK_S = 120.0
"""Seconds after the start until every sensor has had a tick, which loads what later ones use."""

STARTS_WITHIN_S = 180.0

ENDS_WITHIN_S = 30.0

LOADS = 3
"""Times that each page is loaded and counted, after once that is not."""

FIRST_S = 6.0
"""Seconds from its first query on in which a page asks for what it shows at first."""

ANSWERS_WITHIN_S = 120.0


@dataclass
class Loaded:
    """What loading one page took.

    Attributes:
        page: what it shows.
        query_s: seconds of the slowest answer of the web server, median of the loads.
        processor_s: processor seconds that the web server and its code server took for all answers, median of the loads.
        answer_mib: size of the largest answer.
        queries: number of answers that were waited for.
    """

    page: str
    query_s: float
    processor_s: float
    answer_mib: float
    queries: int


class Place(NamedTuple):
    """Where services run that are measured.

    Attributes:
        folder: holds the socket of the code server and the workspace file.
        environment: variables of the services, beside those of this process.
        port: of the web page.
    """

    folder: Path
    environment: Mapping[str, str]
    port: int

    @property
    def address(self) -> str:
        """Of the web page."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def workspace(self) -> Path:
        """The workspace file, with the socket in this place."""
        path = self.folder / "workspace.yaml"
        path.write_text(self.placed((DEPLOY / "workspace.yaml").read_text()), encoding="utf-8")
        return path

    def command(self, name: str) -> list[str]:
        """The command of the unit `densing-<name>`, with the programs of this environment."""
        unit = (DEPLOY / "systemd" / f"densing-{name}.service").read_text(encoding="utf-8")
        [line] = [each for each in unit.splitlines() if each.startswith("ExecStart=")]
        return shlex.split(self.placed(line.removeprefix("ExecStart=")))

    def placed(self, text: str) -> str:
        """A text of `deploy/` with the paths and the port of this place."""
        for installed, here in {
            "/opt/densing/bin": str(Path(sys.executable).parent),
            "/etc/densing-workspace.yaml": str(self.folder / "workspace.yaml"),
            "/run/densing": str(self.folder),
            "--port 3000": f"--port {self.port}",
        }.items():
            text = text.replace(installed, here)
        return text


def place(folder: Path, environment: Mapping[str, str]) -> Place:
    """A place with a free port."""
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return Place(folder, environment, free.getsockname()[1])


@contextmanager
def service(of: Place, name: str) -> Iterator[int]:
    """A service as its unit starts it, until it is ready: its process.

    Args:
        of: where.
        name: `code`, `daemon` or `webserver`; the latter two need the first.
    """
    environment = os.environ | of.environment
    assert of.workspace.exists()
    with subprocess.Popen(  # noqa: S603
        of.command(name), env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            if name == "code":
                _wait_for(lambda: (of.folder / "code.sock").exists(), name)
            if name == "webserver":
                _wait_for(lambda: _answers(of.address), name)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                # A code server that was started where interrupts are ignored, as by a shell in the background, ignores this, too.
                process.kill()


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/server_info", timeout=5).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def idle(of: Place, minutes: float) -> dict[str, Any]:
    """Processor seconds an hour and memory of the services as long as nobody uses them and no night runs.

    Args:
        of: where.
        minutes: for which they are watched, after a first tick of the sensors.
    """
    with ExitStack() as stack:
        processes = {name: stack.enter_context(service(of, name)) for name in SERVICES}
        time.sleep(FIRST_TICK_S)
        before = {name: processor_s(process) for name, process in processes.items()}
        began = time.monotonic()
        time.sleep(60 * minutes)
        hours = (time.monotonic() - began) / 3600
        return {
            "minutes": minutes,
            "services": {
                name: {
                    "processor_s_an_hour": round((processor_s(process) - before[name]) / hours, 1),
                    **memory(process)._asdict(),
                }
                for name, process in processes.items()
            },
        }


def _wait_for(is_so: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} was not ready within {STARTS_WITHIN_S:.0f} s")
        time.sleep(0.5)


def pages(
    address: str, processes: Sequence[int], paths: Mapping[str, str], chromium: str
) -> tuple[list[Loaded], list[str]]:
    """Load pages in a browser.

    Args:
        address: of the web server.
        processes: those that answer: web server and code server.
        paths: path of each page by what it shows.
        chromium: path of the browser.

    Returns:
        What each took, and the bodies of all queries that they sent.
    """
    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found = [
            _loads(browser, name, address + path, processes, asked) for name, path in paths.items()
        ]
        browser.close()
    return found, asked


def _loads(
    browser: Browser, name: str, url: str, processes: Sequence[int], asked: list[str]
) -> Loaded:
    slowest, took, largest = [], [], 0.0
    for load in range(LOADS + 1):
        page, before = browser.new_page(), sum(map(processor_s, processes))
        queries = _queries(page, url)
        asked += [str(each.post_data) for each in queries]
        if load:
            took.append(sum(map(processor_s, processes)) - before)
            slowest.append(max(_seconds(each) for each in queries))
            largest = max(largest, *(each.sizes()["responseBodySize"] for each in queries))
        page.close()
    return Loaded(
        name, round(statistics.median(slowest), 2), round(statistics.median(took), 2),
        round(largest / MIB, 2), len(queries),
    )  # fmt: skip


def _queries(page: Page, url: str) -> list[Request]:
    """Open a page, and wait until the server has answered what it asks in the first seconds; later it asks on and on.

    Raises:
        TimeoutError: an answer does not come.
    """
    sent, answered = list[Request](), set[Request]()
    page.on("request", lambda request: sent.append(request) if _is_query(request) else None)
    page.on("requestfinished", lambda request: answered.add(request))
    page.goto(url)
    _wait_until(page, lambda: bool(sent), url)
    page.wait_for_timeout(1000 * FIRST_S)
    asked = list(sent)
    _wait_until(page, lambda: answered.issuperset(asked), url)
    return asked


def _wait_until(page: Page, is_so: Callable[[], bool], url: str) -> None:
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    while not is_so():
        page.wait_for_timeout(100)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{url}: no query or no answer within {ANSWERS_WITHIN_S:.0f} s")


def _is_query(request: Request) -> bool:
    return "/graphql" in request.url and bool(request.post_data)


def _seconds(request: Request) -> float:
    timing = request.timing
    return (timing["responseEnd"] - timing["requestStart"]) / 1000


def asked_again(
    address: str, process: int, bodies: Sequence[str], times: int, looks: int
) -> list[dict[str, Any]]:
    """Ask the queries of the pages again and again: memory of the web server and number of answers, at equal distances.

    Raises:
        httpx2.HTTPStatusError: an answer is an error.
    """
    found: list[dict[str, Any]] = [{"answers": 0, **memory(process)._asdict()}]
    with httpx2.Client(timeout=120, headers={"Content-Type": "application/json"}) as client:
        for number in range(1, times + 1):
            client.post(
                f"{address}/graphql", content=bodies[number % len(bodies)]
            ).raise_for_status()
            if number % (times // looks) == 0:
                found.append({"answers": number, **memory(process)._asdict()})
    return found
