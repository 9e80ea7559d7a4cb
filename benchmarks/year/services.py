"""Dagster's web page and its memory, on loopback, over a state directory."""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, Page, Request, sync_playwright

from densing_pipeline.units import MIB

STARTS_WITHIN_S = 180.0

LOADS = 2
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


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Dagster's web server over the state directory that the environment names: its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("dagster-webserver")
    command = [program, "--host", "127.0.0.1", "--port", str(port), "--module-name", "densing_pipeline.definitions"]  # fmt: skip
    with subprocess.Popen(  # noqa: S603
        command, env=os.environ | environment, stderr=subprocess.DEVNULL
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address)
            yield address, server.pid
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if httpx2.get(f"{address}/server_info", timeout=5).status_code == httpx2.codes.OK:
                return
        except httpx2.HTTPError:
            time.sleep(0.5)
    raise TimeoutError(f"{address} did not answer within {STARTS_WITHIN_S:.0f} s")


def pages(
    address: str, process: int, paths: Mapping[str, str], chromium: str
) -> tuple[list[Loaded], list[str]]:
    """Load pages in a browser.

    Args:
        address: of the web server.
        process: of the web server.
        paths: path of each page by what it shows.
        chromium: path of the browser.

    Returns:
        What each took, and the bodies of all queries that they sent.
    """
    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found = [
            _loads(browser, name, address + path, process, asked) for name, path in paths.items()
        ]
        browser.close()
    return found, asked


def _loads(browser: Browser, name: str, url: str, process: int, asked: list[str]) -> Loaded:
    slowest, took, largest = [], [], 0.0
    for load in range(LOADS + 1):
        page, before = browser.new_page(), processor_s(process)
        queries = _queries(page, url)
        asked += [str(each.post_data) for each in queries]
        if load:
            took.append(processor_s(process) - before)
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


def memory_mib(process: int) -> float:
    """Resident memory of a process and all that it started, MiB."""
    lines = [line for pid in _family(process) for line in _read(pid, "status").splitlines()]
    return round(sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024, 1)


def processor_s(process: int) -> float:
    """Processor time that a process and all that it started have taken so far, seconds."""
    # After the name, which may hold anything: the twelfth and thirteenth field are user and system time (proc(5)).
    fields = [_read(pid, "stat").rpartition(")")[2].split() for pid in _family(process)]
    ticks = sum(int(each[11]) + int(each[12]) for each in fields if each)
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(process: int) -> list[int]:
    found, waiting = [], [process]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += map(int, _read(pid, f"task/{pid}/children").split())
    return found


def _read(pid: int, name: str) -> str:
    """A file of a process; empty if the process has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def asked_again(
    address: str, process: int, bodies: Sequence[str], times: int, looks: int
) -> list[dict[str, Any]]:
    """Ask the queries of the pages again and again: memory of the web server and number of answers, at equal distances.

    Raises:
        httpx2.HTTPStatusError: an answer is an error.
    """
    found = [{"answers": 0, "mib": memory_mib(process)}]
    with httpx2.Client(timeout=120, headers={"Content-Type": "application/json"}) as client:
        for number in range(1, times + 1):
            client.post(
                f"{address}/graphql", content=bodies[number % len(bodies)]
            ).raise_for_status()
            if number % (times // looks) == 0:
                found.append({"answers": number, "mib": memory_mib(process)})
    return found
