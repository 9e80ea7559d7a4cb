"""The data store of Every Eval Ever on the Hub: evaluation logs of many boards, of which some state costs.

`data/<board>/<developer>/<model>/<id>.json` of a data set on the Hub holds one log each. Boards that state costs are ARC
Prize's (`arc-agi`) and those of the Holistic Agent Leaderboard (`hal-...`); the tens of thousands of other logs are
not asked for. A log is fetched once: the Hub lists every file with the hash of its content, and what is known by that
hash is taken from the last document. Source: Every Eval Ever, https://evalevalai.com, MIT.
Not here: what a log says (`score_sources.evaluation_logs`), and what a task costs (`cost.task_costs`).
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2

from densing_pipeline import json_documents
from densing_pipeline.fetch import FetchError, Response, fetch
from densing_pipeline.polling.answers import REQUESTS_AT_ONCE, Asked, Request
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.score_sources import evaluation_logs
from densing_pipeline.score_sources.evaluation_logs import NAME
from densing_pipeline.score_sources.parsed import ParsedReports, Reports
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.tables.published import BENCHMARK_REPORTS
from densing_pipeline.units import MIB

LICENCE = "MIT"
BRANCH = "main"
ROOT = "data"

WITH_COSTS = ("arc-agi", "hal-")
"""How the names of boards that state costs begin."""

MOST_NEW_FILES = 400
"""Files that are fetched in one night; the others follow on the next ones."""

MOST_PAGES = 50
"""Pages of the list of one folder, a thousand files each."""


class _File(NamedTuple):
    """A file of the data store: its path, and the hash that the Hub gives its content."""

    path: str
    oid: str


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The scores with their costs.

    Args:
        content: one line per file: an object with `path`, `oid` and `log`, the text of the file.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the document is unusable as a whole.
    """
    reports = Reports(NAME, BENCHMARK_REPORTS, LICENCE)
    left_out = Counter[str]()
    for file, log in _held(content).items():
        entry = PurePosixPath(file.path)
        with reports.entry(file.path, entry.stem):
            for found in evaluation_logs.evaluations(log.encode(), left_out):
                if found.released is None and found.evaluated is None:
                    left_out[evaluation_logs.INCOMPLETE] += 1
                    continue
                reports.add(
                    file.path,
                    is_group=True,
                    benchmark_name=found.board,
                    model=found.model,
                    entry=entry.stem,
                    score=found.score,
                    cost_usd=found.cost_usd,
                    cost_name=found.cost_name,
                    organisation=found.organisation,
                    release_date=found.released,
                    run_date=found.evaluated,
                    source_url=found.source_url,
                )
    for reason, count in left_out.items():
        reports.leave_out(reason, count)
    return reports.parsed()


async def fetch_logs(request: Request, asked: Asked) -> Response:
    """The logs of the boards that state costs, as one document; only files that are not held are fetched.

    Args:
        request: address of the data set's page on the Hub, and the last good document.
        asked: collects the answers.

    Raises:
        FetchError: the lists of files cannot be had, or name none.
    """
    try:
        async with asyncio.timeout(request.limits.total_s):
            files = [
                _File(str(each["path"]), str(each["oid"]))
                for board in await _boards(request, asked)
                for each in await _listed(request, asked, f"{ROOT}/{board}?recursive=true")
                if each.get("type") == "file" and str(each.get("path")).endswith(".json")
            ]
    except TimeoutError as error:
        raise FetchError(f"no list of files within {request.limits.total_s:g} s") from error
    if not files:
        raise FetchError(
            f"no file of a board whose name begins with {' or '.join(WITH_COSTS)}: the data store has moved"
        )
    held = _held(request.held)
    earlier = {file.path: (file, log) for file, log in held.items()}
    known = {file: held[file] for file in files if file in held}
    new = [file for file in files if file not in held]
    known |= await _fetched(request, asked, new[:MOST_NEW_FILES])
    if len(new) > MOST_NEW_FILES:
        asked.remarks.append(f"{len(new) - MOST_NEW_FILES} files wait for the next nights")
    for file in new:
        # What could not be had stays as it was until it can.
        if file not in known and file.path in earlier:
            before, log = earlier[file.path]
            known[before] = log
    lines = [
        json.dumps({**file._asdict(), "log": log}, ensure_ascii=False)
        for file, log in sorted(known.items())
    ]
    content = "\n".join(lines).encode()
    if len(content) > request.limits.max_bytes:
        raise FetchError(f"logs of more than {request.limits.max_bytes / MIB:g} MiB together")
    return Response(request.url, httpx2.codes.OK, content)


async def _boards(request: Request, asked: Asked) -> list[str]:
    """Names of the boards that state costs."""
    names = [
        PurePosixPath(str(each.get("path"))).name
        for each in await _listed(request, asked, ROOT)
        if each.get("type") == "directory"
    ]
    return sorted(name for name in names if name.startswith(WITH_COSTS))


async def _listed(request: Request, asked: Asked, below: str) -> list[dict[str, Any]]:
    """What the Hub lists in a folder, page by page.

    Raises:
        FetchError: a page cannot be had or read, or there are too many.
    """
    page = httpx2.URL(request.url)
    address: str | None = str(page.join(f"/api{page.path}/tree/{BRANCH}/{below}"))
    found: list[dict[str, Any]] = []
    for _ in range(MOST_PAGES):
        if address is None:
            return found
        answer = await fetch(request.client, address, request.limits)
        asked.received.append(answer)
        try:
            listed = json_documents.load(answer.content)
        except ValueError as error:
            raise FetchError(f"the list of {below} is no JSON ({error})") from error
        if not isinstance(listed, list):
            raise FetchError(f"the list of {below} is no list")
        found += [each for each in listed if isinstance(each, dict) and each.get("oid")]
        address = answer.next_url
        if address and httpx2.URL(address).host != page.host:
            raise FetchError(f"the next page of {below} is said to be on another host")
    raise FetchError(f"the list of {below} has more than {MOST_PAGES} pages")


async def _fetched(request: Request, asked: Asked, files: list[_File]) -> dict[_File, str]:
    """The text of files; those that cannot be had are counted in a remark."""
    page = httpx2.URL(request.url)
    at_once = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def one(file: _File) -> str:
        async with at_once:
            path = f"{page.path}/resolve/{BRANCH}/{quote(file.path)}"
            answer = await fetch(request.client, str(page.join(path)), request.limits)
        asked.received.append(answer)
        return answer.content.decode(errors="replace")

    tasks = [asyncio.create_task(one(file)) for file in files]
    if not tasks:
        return {}
    _, late = await asyncio.wait(tasks, timeout=request.limits.total_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    found, failed = dict[_File, str](), list[str]()
    for file, task in zip(files, tasks, strict=True):
        if task.cancelled():
            failed.append(f"{file.path}, not had in time")
        elif error := task.exception():
            failed.append(f"{file.path}, {error}")
        else:
            found[file] = task.result()
    if failed:
        asked.remarks.append(f"{len(failed)} of {len(files)} files failed (first: {failed[0]})")
    return found


def _held(content: bytes) -> dict[_File, str]:
    """The files of a document with their text.

    Raises:
        SnapshotError: it is no document that `fetch_logs` makes.
    """
    return {_File(each["path"], each["oid"]): each["log"] for each in map(_line, _lines(content))}


def _lines(content: bytes) -> Iterator[bytes]:
    return (line for line in content.split(b"\n") if line)


def _line(line: bytes) -> dict[str, str]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise SnapshotError(f"no lines of JSON ({error})") from error
    names = ("path", "oid", "log")
    if not isinstance(found, dict) or not all(isinstance(found.get(n), str) for n in names):
        raise SnapshotError(f"a line without {', '.join(names)}")
    return found


SOURCE = ScoreSource(
    NAME,
    address_setting="every_eval_ever_url",
    table=BENCHMARK_REPORTS,
    parse=parse,
    licence=LICENCE,
    attribution="Every Eval Ever",
    fetch=fetch_logs,
)
