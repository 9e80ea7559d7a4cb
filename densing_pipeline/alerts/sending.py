"""Send messages to the addresses of `DENSING_ALERT_URLS`, through apprise, and heartbeats; no reason names a secret.

Messages quote what others wrote, so they are made such that no service takes a part of them for markup, and no longer
than it takes.
"""

import re
import time
from collections.abc import Mapping
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from densing_pipeline.addresses import redact
from densing_pipeline.bounded_http import Bounds, blocking_client
from densing_pipeline.text import clean

if TYPE_CHECKING:
    from apprise import NotifyBase

INSTALL = "pip install 'densing-pipeline[alerts]'"

MESSAGES_S = 20.0
"""Longest time for all messages of one attempt; with a heartbeat's it stays below the minute that a tick of a sensor may take."""

MOST_PIECES = 3
"""Pieces in which a long message is sent at most: apprise waits 5.5 seconds before the next, and all has to end within `MESSAGES_S`."""

COUNT_CHARS = 30
"""Characters of a piece that apprise needs for its number and for what is between title and body."""

MARKUP = re.compile(r"@(?=\w)|\](?=\()|<(?=[@!#])")
"""What makes some services call people (`@everyone`, `<!here>`) or hide where a link leads (`[text](address)`)."""

HEARTBEAT_BOUNDS = Bounds(answer_s=20, max_bytes=1 << 20)


class AlertError(RuntimeError):
    """A message could not be sent; it is sent again with the next attempt. The text names no secret."""


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
    if failed := send_each(addresses, title, bodies):
        raise AlertError("; ".join(failed.values()))


def send_each(addresses: str, title: str, bodies: Mapping[int, str]) -> dict[int, str]:
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
        # With a comma between them one address is several.
        room = min(_room(plugin, title) for plugin in service)
        body = fitting(MARKUP.sub("\\g<0>\u200b", bodies[number]), room)
        if "overflow=" not in addresses.split()[number - 1]:
            # By default a message that is too long is sent as it is, and refused however often it is sent.
            for plugin in service:
                plugin.overflow_mode = apprise.OverflowMode.SPLIT
        if service.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
            taken.add(number)

    for number, address in enumerate(addresses.split(), start=1):
        if number not in bodies:
            continue
        # A redirect makes a POST a GET of some page, whose status says nothing of the message.
        service = apprise.Apprise(asset=apprise.AppriseAsset(http_redirects=False))
        if not service.add(address):
            failed[number] = f"apprise does not understand {shown(number, address)}"
            continue
        # A service that sends its answer byte by byte would hold a tick of the sensor beyond its minute.
        sending[number] = Thread(target=notify, args=(number, service), daemon=True)
        sending[number].start()
    deadline = time.monotonic() + MESSAGES_S
    for number, thread in sending.items():
        thread.join(max(0, deadline - time.monotonic()))
        if number not in taken:
            address = shown(number, addresses.split()[number - 1])
            late = f" within {MESSAGES_S:g} s" if thread.is_alive() else ""
            failed[number] = f"{address} did not take the message{late}"
    return failed


def _room(plugin: "NotifyBase", title: str) -> int:
    """Characters of a body that a service takes in `MOST_PIECES` messages, which are broken between words."""
    piece = max(plugin.body_maxlen - len(title) - COUNT_CHARS, COUNT_CHARS)
    return MOST_PIECES * piece * 4 // 5


def fitting(body: str, room: int) -> str:
    """As many paragraphs of a message as there is room for, and how many are left out; of a longer first one its beginning.

    Args:
        body: paragraphs with an empty line between them.
        room: most characters.
    """
    if len(body) <= room:
        return body
    paragraphs = body.split("\n\n")
    for kept in range(len(paragraphs) - 1, 0, -1):
        more = f"and {len(paragraphs) - kept} more: `densing alerts` lists what is wrong."
        text = "\n\n".join([*paragraphs[:kept], more])
        if len(text) <= room:
            return text
    return clean(paragraphs[0], room)


def beat(url: str) -> None:
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


def shown(number: int, address: str) -> str:
    """An address in a message: it holds tokens in any part of it, so its scheme alone."""
    return f"address {number} of DENSING_ALERT_URLS ({address.partition('://')[0][:20]}://...)"
