"""Tell a person what is wrong, once, and when it is mended; tell nobody while all is well.

What is wrong comes from elsewhere as a list of `Problem`s (`orchestration.problems`). This module
remembers what it has told (`alerts.json` in the state directory), so that a problem that lasts is told
once, again only after `DENSING_ALERT_REPEAT_HOURS`, and once more when it is gone; and it sends messages
through apprise to the services of `DENSING_ALERT_URLS`. It also tells when a headline number leaves the
interval it was last told with, and asks `DENSING_HEARTBEAT_URL` after each night that succeeded: a
dead-man's-switch service there notices when nothing runs any more, which no message from here could say.
"""

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from filelock import FileLock

from densing_pipeline import files
from densing_pipeline.addresses import redact
from densing_pipeline.bounded_http import Bounds, blocking_client
from densing_pipeline.publication.wording import counted
from densing_pipeline.settings import Settings
from densing_pipeline.text import clean

FILE = "alerts.json"
"""What has been told, in the state directory."""

LOCK = "alerts.lock"

MOST_TOLD = 20
"""Most problems that one message describes; the rest is counted."""

INSTALL = "pip install 'densing-pipeline[alerts]'"

HEARTBEAT_BOUNDS = Bounds(answer_s=20, max_bytes=1 << 20)


class AlertError(RuntimeError):
    """A message could not be sent; it is sent again with the next attempt. The text names no secret."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong and that a person should know.

    Attributes:
        key: the same for as long as it is the same problem.
        what: what is wrong, a sentence without a full stop.
        since: since when, UTC.
        remedy: what to do, in the imperative.
        link: address or name of the place where more is seen; may be empty.
    """

    key: str
    what: str
    since: datetime
    remedy: str
    link: str = ""


@dataclass(frozen=True)
class Known:
    """A problem that has been told.

    Attributes:
        what: as it was told.
        since: ISO 8601.
        told_at: when it was told last, ISO 8601.
    """

    what: str
    since: str
    told_at: str


@dataclass
class Memory:
    """What has been told.

    Attributes:
        problems: by key.
        headline: months with interval by series, as last told.
        heartbeat: run of the last heartbeat.
    """

    problems: dict[str, Known] = field(default_factory=dict)
    headline: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    heartbeat: str = ""

    @classmethod
    def read(cls, path: Path) -> "Memory":
        """The memory in a file; an empty one if there is none, or none that can be read."""
        if path in _UNWRITTEN:
            return _UNWRITTEN[path]
        try:
            told = json.loads(path.read_bytes())
            return cls(
                {key: Known(**known) for key, known in told["problems"].items()},
                {
                    name: (float(months), float(low), float(high))
                    for name, (months, low, high) in told["headline"].items()
                },
                str(told["heartbeat"]),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Keep it in a file, or where the disk takes none, in this process: else a full disk is told every five minutes."""
        try:
            files.write(path, (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode())
            _UNWRITTEN.pop(path, None)
        except OSError:
            _UNWRITTEN[path] = self


_UNWRITTEN: dict[Path, Memory] = {}
"""What was told and could not be kept in a file, by the file."""


def tell(
    settings: Settings,
    problems: Sequence[Problem],
    now: datetime,
    succeeded: str | None = None,
) -> str:
    """Send what is new, and the heartbeat of a night that succeeded.

    Args:
        settings: addresses, state directory, and when a lasting problem is told again.
        problems: everything that is wrong now.
        now: the time, UTC.
        succeeded: id of the last run of the nightly job if it succeeded.

    Returns:
        The message that was sent; empty if there was nothing to tell.

    Raises:
        AlertError: the message or the heartbeat could not be sent; the other one was, and is remembered.
        OSError: the state directory cannot be written, not even by one lock.
    """
    path = settings.state_dir / FILE
    files.make_private(settings.state_dir)
    message, failures = "", list[str]()
    with FileLock(settings.state_dir / LOCK):
        if settings.alert_urls.strip():
            memory = Memory.read(path)
            told = due(memory, problems, now, timedelta(hours=settings.alert_repeat_hours))
            moved = headline_moved(memory, settings.publish_dir / "latest" / "headline.json")
            try:
                if told or moved:
                    message = "\n\n".join([*told, *moved])
                    send(settings.alert_urls, _title(problems), message)
                memory.write(path)
            except AlertError as error:
                failures.append(str(error))
        memory = Memory.read(path)
        if settings.heartbeat_url and succeeded and succeeded != memory.heartbeat:
            try:
                _beat(settings.heartbeat_url)
                memory.heartbeat = succeeded
                memory.write(path)
            except AlertError as error:
                failures.append(str(error))
    if failures:
        raise AlertError("; ".join(failures))
    return message


def due(memory: Memory, problems: Sequence[Problem], now: datetime, repeat: timedelta) -> list[str]:
    """Paragraphs for what has not been told, or not for long, and for what is mended.

    Args:
        memory: what has been told; it is changed as if the paragraphs were sent.
        problems: everything that is wrong now.
        now: the time, UTC.
        repeat: time after which a problem that lasts is told again.
    """
    paragraphs, left_out = list[str](), 0
    current = {problem.key: problem for problem in problems}
    for key, problem in current.items():
        known = memory.problems.get(key)
        if known and now - datetime.fromisoformat(known.told_at) < repeat:
            continue
        since = (
            known.since if known else problem.since.astimezone(UTC).isoformat(timespec="seconds")
        )
        memory.problems[key] = Known(problem.what, since, now.isoformat(timespec="seconds"))
        if len(paragraphs) < MOST_TOLD:
            paragraphs.append(_told(problem, since, is_again=known is not None))
        else:
            left_out += 1
    if left_out:
        paragraphs.append(f"and {counted(left_out, 'problem')} more: `densing alerts` lists them.")
    mended = [memory.problems.pop(key) for key in sorted(memory.problems.keys() - current.keys())]
    return [*paragraphs, *(f"Mended: {each.what}." for each in mended)]


def headline_moved(memory: Memory, path: Path) -> list[str]:
    """A paragraph if numbers of the headline have left the intervals they were last told with.

    Args:
        memory: the numbers last told; a number that is new, or told now, is remembered.
        path: of `headline.json`.
    """
    lines = []
    for name, (months, low, high) in _headline(path).items():
        told = memory.headline.setdefault(name, (months, low, high))
        if not told[1] <= months <= told[2]:
            memory.headline[name] = (months, low, high)
            lines.append(
                f"{name}: {months:.1f} months ({low:.1f} to {high:.1f}), was {told[0]:.1f} "
                f"({told[1]:.1f} to {told[2]:.1f})"
            )
    if not lines:
        return []
    return ["A headline number left its interval:\n" + "\n".join(lines)]


def send(addresses: str, title: str, body: str) -> None:
    """Send a message to every address.

    Args:
        addresses: of apprise, separated by spaces.
        title: one line.
        body: plain text.

    Raises:
        AlertError: apprise is not installed, does not know an address, or a service did not take it.
    """
    try:
        import apprise
    except ImportError as error:
        raise AlertError(f"DENSING_ALERT_URLS needs apprise ({error}): {INSTALL}") from error
    failed = []
    for number, address in enumerate(addresses.split(), start=1):
        # An address holds tokens in any part of it, so a message names its scheme alone.
        name = f"address {number} of DENSING_ALERT_URLS ({address.partition('://')[0][:20]}://...)"
        service = apprise.Apprise()
        if not service.add(address):
            failed.append(f"apprise does not understand {name}")
        elif not service.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
            failed.append(f"{name} did not take the message")
    if failed:
        raise AlertError("; ".join(failed))


def _beat(url: str) -> None:
    """Ask the address of the dead-man's switch.

    Raises:
        AlertError: it did not answer, or with an error.
    """
    try:
        with blocking_client(HEARTBEAT_BOUNDS) as client:
            client.get(url).raise_for_status()
    except httpx2.HTTPError as error:
        # Services identify a heartbeat by the path of its address, so only the host is named.
        host = urlsplit(url).hostname
        reason = clean(redact(str(error)).replace(url, f"https://{host}/..."))
        raise AlertError(f"no heartbeat to {host}: {reason}") from error


def _title(problems: Sequence[Problem]) -> str:
    state = counted(len(problems), "problem") if problems else "all is well"
    return f"densing-pipeline on {socket.gethostname()}: {state}"


def _told(problem: Problem, since: str, *, is_again: bool) -> str:
    still = "Still: " if is_again else ""
    more = f" See {problem.link}." if problem.link else ""
    return f"{still}{problem.what} (since {since}). {problem.remedy}.{more}"


def _headline(path: Path) -> dict[str, tuple[float, float, float]]:
    """Months with interval by topic and series, of every estimate that has the three."""
    try:
        told: Mapping[str, Any] = json.loads(path.read_bytes())
        return {
            f"{answer['topic']}, {each['series']}": (each["months"], each["low"], each["high"])
            for answer in told["answers"]
            for each in answer["estimates"]
            if None not in (each["months"], each["low"], each["high"])
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {}
