"""Send each address what it has not been told, and the heartbeat of a night that succeeded."""

import hashlib
import socket
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta

from filelock import FileLock

from densing_pipeline import files
from densing_pipeline.alerts.memory import FILE, Memory, Problem, Told, due, headline_moved
from densing_pipeline.alerts.sending import AlertError, beat, send_each, shown
from densing_pipeline.publication.wording import counted
from densing_pipeline.settings import Settings

LOCK = "alerts.lock"

FIRST_WAIT = timedelta(minutes=4)
LONGEST_WAIT = timedelta(hours=3)
"""Waits after a message that a service did not take, doubled after each further one; the first is over with the next tick."""


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
                beat(settings.heartbeat_url)
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
                f"{shown(number, address)} has not taken {counted(told.failures, 'message')} and is tried again at "
                f"{told.not_before}"
            )
        elif lines:
            messages[number] = "\n\n".join(lines)
        else:
            memory.addresses[_key(address)] = then[-1]
    why = send_each(settings.alert_urls, _title(problems), messages)
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


def _title(problems: Sequence[Problem]) -> str:
    state = counted(len(problems), "problem") if problems else "all is well"
    return f"densing-pipeline on {socket.gethostname()}: {state}"
