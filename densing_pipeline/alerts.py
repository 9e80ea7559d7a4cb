"""Tell a person what is wrong, once, and when it is mended; tell nobody while all is well.

What is wrong comes from elsewhere as a list of `Problem`s (`orchestration.problems`). This module
remembers what it has told (`alerts.json` in the state directory), so that a problem that lasts is told
once, again only after `DENSING_ALERT_REPEAT_HOURS`, and once more when it is gone; and it sends messages
through apprise to the services of `DENSING_ALERT_URLS`. It also tells when a headline number leaves the
interval it was last told with, and asks `DENSING_HEARTBEAT_URL` after each night that succeeded: a
dead-man's-switch service there notices when nothing runs any more, which no message from here could say.
"""

import hashlib
import json
import socket
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
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

MESSAGES_S = 20.0
"""Longest time for all messages of one attempt; with a heartbeat's it stays below the minute that a tick of a sensor may take."""

FIRST_WAIT = timedelta(minutes=4)
LONGEST_WAIT = timedelta(hours=3)
"""Waits after a message that a service did not take, doubled after each further one; the first is over with the next tick."""

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
class Told:
    """What one address has been told.

    Attributes:
        problems: by key.
        headline: months with interval by series, as last told.
        failures: attempts in a row that the service did not take.
        not_before: when the next attempt is due after these, ISO 8601.
    """

    problems: dict[str, Known] = field(default_factory=dict)
    headline: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    failures: int = 0
    not_before: str = ""

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Told":
        """From what a file holds of it.

        Raises:
            KeyError, TypeError, ValueError: the file is damaged.
        """
        return cls(
            {key: Known(**known) for key, known in kept["problems"].items()},
            {
                name: (float(months), float(low), float(high))
                for name, (months, low, high) in kept["headline"].items()
            },
            int(kept["failures"]),
            str(kept["not_before"]),
        )


@dataclass
class Memory:
    """What has been told.

    Attributes:
        addresses: what each address has been told, so that one that fails costs the others nothing, by `_key`.
        heartbeat: run of the last heartbeat.
    """

    addresses: dict[str, Told] = field(default_factory=dict)
    heartbeat: str = ""

    @classmethod
    def read(cls, path: Path) -> "Memory":
        """The memory in a file; an empty one if there is none, or none that can be read."""
        if path in _UNWRITTEN:
            return _UNWRITTEN[path]
        try:
            kept = json.loads(path.read_bytes())
            addresses = {key: Told.of(told) for key, told in kept["addresses"].items()}
            return cls(addresses, str(kept["heartbeat"]))
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
    """Send what is new to each address, and the heartbeat of a night that succeeded.

    Args:
        settings: addresses, state directory, and when a lasting problem is told again.
        problems: everything that is wrong now.
        now: the time, UTC.
        succeeded: id of the last run of the nightly job if it succeeded.

    Returns:
        The message that was sent; empty if there was nothing to tell.

    Raises:
        AlertError: a message or the heartbeat could not be sent; the others were, and are remembered.
        OSError: the state directory cannot be written, not even by one lock.
    """
    path = settings.state_dir / FILE
    files.make_private(settings.state_dir)
    with FileLock(settings.state_dir / LOCK):
        memory = Memory.read(path)
        message, failures = _tell_each(settings, memory, problems, now)
        memory.write(path)
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


def _tell_each(
    settings: Settings, memory: Memory, problems: Sequence[Problem], now: datetime
) -> tuple[str, list[str]]:
    """Tell each address what it has not been told; the message, and why which address could not be told.

    A service that fails is left alone for longer and longer: one that takes a message and answers too late would get it every five
    minutes.
    """
    repeat = timedelta(hours=settings.alert_repeat_hours)
    headline = settings.publish_dir / "latest" / "headline.json"
    before, memory.addresses = memory.addresses, {}
    messages, failures = dict[int, str](), list[str]()
    then = list[Told]()
    for number, address in enumerate(settings.alert_urls.split(), start=1):
        told = memory.addresses[_key(address)] = before.get(_key(address), Told())
        then.append(deepcopy(told))
        lines = [*due(then[-1], problems, now, repeat), *headline_moved(then[-1], headline)]
        if lines and told.failures and _is_left_alone(told, now):
            failures.append(
                f"{_shown(number, address)} has not taken {counted(told.failures, 'message')} and is tried again at "
                f"{told.not_before}"
            )
        elif lines:
            messages[number] = "\n\n".join(lines)
        else:
            memory.addresses[_key(address)] = then[-1]
    why = _send(settings.alert_urls, _title(problems), messages)
    for number, address in enumerate(settings.alert_urls.split(), start=1):
        if number in why:
            told = memory.addresses[_key(address)]
            # No further doublings than that: after days of failures the wait would be beyond what a time can be.
            doublings = min(told.failures, (LONGEST_WAIT // FIRST_WAIT).bit_length())
            wait = min(FIRST_WAIT * 2**doublings, LONGEST_WAIT)
            told.failures += 1
            told.not_before = (now + wait).isoformat(timespec="seconds")
            failures.append(why[number])
        elif number in messages:
            memory.addresses[_key(address)] = replace(then[number - 1], failures=0, not_before="")
    sent = [message for number, message in messages.items() if number not in why]
    return max(sent, key=len, default=""), failures


def _is_left_alone(told: Told, now: datetime) -> bool:
    """Whether the next attempt is to come; further ahead than any wait it is of a clock that was ahead."""
    return timedelta() < datetime.fromisoformat(told.not_before) - now <= LONGEST_WAIT


def _key(address: str) -> str:
    """Name of an address in the memory: so short that a guess of the secret in it cannot be confirmed by it."""
    return hashlib.sha256(address.encode()).hexdigest()[:8]


def _shown(number: int, address: str) -> str:
    """An address in a message: it holds tokens in any part of it, so its scheme alone."""
    return f"address {number} of DENSING_ALERT_URLS ({address.partition('://')[0][:20]}://...)"


def due(memory: Told, problems: Sequence[Problem], now: datetime, repeat: timedelta) -> list[str]:
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
        # Of a time to come as well, which a clock that was ahead has left.
        if known and abs(now - datetime.fromisoformat(known.told_at)) < repeat:
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


def headline_moved(memory: Told, path: Path) -> list[str]:
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
    bodies = dict.fromkeys(range(1, len(addresses.split()) + 1), body)
    if failed := _send(addresses, title, bodies):
        raise AlertError("; ".join(failed.values()))


def _send(addresses: str, title: str, bodies: Mapping[int, str]) -> dict[int, str]:
    """Send the messages at the same time, each within `MESSAGES_S`.

    Args:
        addresses: of apprise, separated by spaces.
        title: one line.
        bodies: plain text, by the number of the address, from 1 on.

    Returns:
        Why a message was not taken, by the number of the address.
    """
    if not bodies:
        return {}
    try:
        import apprise
    except ImportError as error:
        reason = f"DENSING_ALERT_URLS needs apprise ({error}): {INSTALL}"
        return dict.fromkeys(bodies, reason)
    failed, sending = dict[int, str](), dict[int, Thread]()
    taken = set[int]()

    def notify(number: int, service: apprise.Apprise) -> None:
        if service.notify(title=title, body=bodies[number], body_format=apprise.NotifyFormat.TEXT):
            taken.add(number)

    for number, address in enumerate(addresses.split(), start=1):
        if number not in bodies:
            continue
        # A redirect makes a POST a GET of some page, whose status says nothing of the message.
        service = apprise.Apprise(asset=apprise.AppriseAsset(http_redirects=False))
        if not service.add(address):
            failed[number] = f"apprise does not understand {_shown(number, address)}"
            continue
        # A service that sends its answer byte by byte would hold a tick of the sensor beyond its minute.
        sending[number] = Thread(target=notify, args=(number, service), daemon=True)
        sending[number].start()
    deadline = time.monotonic() + MESSAGES_S
    for number, thread in sending.items():
        thread.join(max(0, deadline - time.monotonic()))
        if number not in taken:
            address = _shown(number, addresses.split()[number - 1])
            late = f" within {MESSAGES_S:g} s" if thread.is_alive() else ""
            failed[number] = f"{address} did not take the message{late}"
    return failed


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
        if isinstance(error, httpx2.HTTPStatusError):
            reason = f"it answered with status {error.response.status_code}"
        else:
            reason = clean(redact(str(error)).replace(url, f"{host}/..."))
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
