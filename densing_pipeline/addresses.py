"""Addresses and errors as they may be written down: without users, passwords, tokens and values of queries.

Any setting that holds an address may hold a secret: a password before the host, a signature in the
query. Receipts, tables, messages, logs and metadata get an address from `shown`, and the text of an
error from `redact`, which also hides the secrets of the environment, for a library may quote a header or a
password. A secret in the path of an address is not recognised as one.
"""

import base64
import json
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

HIDDEN = "***"
"""Written in the place of a value."""

_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.\-]{0,30}"
_START = re.compile(rf"(?:{_SCHEME}:)?//")
_ADDRESS = re.compile(rf"{_SCHEME}://(?:(?!{_SCHEME}://)\S)*")
_VALUE = re.compile(r"([?&;][^\s=&;?'\"<>]+=)(?!\*\*\*)[^\s&;'\"<>]+")
_TAIL = re.compile(r"[^?@]*?([.,;:!)}>'\"]*)")
"""An address that holds no secret, and after it what ends a sentence or a bracket around it."""

_PARTS = re.compile(r"([^/?#]*)([^?#]*)(\??)([^#]*)", re.DOTALL)
_HOST_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^:@\[\]\s]*)(:\d*)?")


_SECRET_NAME = re.compile(
    r"(TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRET_KEY|ACCESS_KEY|ACCOUNT_KEY|API_?KEY|SIG|SIGNATURE|CREDENTIALS?)$"
    r"|(^|[_-])(PASS|AUTH|PAT)$|[_-]PWD$",
    re.IGNORECASE,
)
"""How the name of a variable, or of a value in a query, ends that is a secret: HF_TOKEN, PGPASSWORD, AWS_SECRET_ACCESS_KEY."""

_KEY_NAME = re.compile(r"(^|[_-])KEY(_BASE64)?$", re.IGNORECASE)
"""How the name of a secret ends that may also be a word, as in SORT_KEY: only a long value counts (AZURE_STORAGE_SAS_KEY)."""

_HUB_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{16,}")
"""A token of the Hub; one from a stored login is in no variable."""

SHORTEST_SECRET = 6
"""Characters below which a value is taken for a word, such as `true`."""

SHORTEST_PART = 8
"""Characters below which a part of the path of an address of `_WHOLE` is taken for a word."""

SHORTEST_KEY = 16
"""Characters from which a value, line or name is taken for a key where it might be something else: a word, a user, a host."""

_WHOLE = ("DENSING_ALERT_URLS", "DENSING_HEARTBEAT_URL")
"""Variables whose addresses are secrets as a whole."""


def shown(url: str) -> str:
    """An address without user, password, fragment and values of the query.

    If the host cannot be told from the password (a `/`, `?` or `#` in it that is not
    percent-encoded), only the scheme is left. An address may lack its scheme, as where somebody left
    it out: `//user:secret@host/list` or `user:secret@host/list`.

    Examples:
        >>> shown("https://user:secret@mirror.example:8443/list?page=2&sig=secret#top")
        'https://mirror.example:8443/list?page=***&sig=***'
    """
    start = _START.match(url)
    scheme = start[0] if start else ""
    rest = url[len(scheme) :]
    parts = _PARTS.match(rest)
    authority, path, question, query = parts.groups() if parts else (rest, "", "", "")
    _, at, host = authority.rpartition("@")
    later = rest[len(authority) :]
    # Without a scheme or a host, what stands first may be a part of the user or the password.
    first = host if scheme and host else rest
    is_ambiguous = "@" in later and (bool(at) or ":" in first)
    is_address = bool(scheme or at)
    is_host = _HOST.fullmatch(host) and (scheme or (host and not path.startswith("//")))
    if is_ambiguous or (is_address and not is_host):
        return f"{scheme}{HIDDEN}"
    if not question:
        return f"{scheme}{host}{path}"
    names = (part.partition("=") for part in re.split("[&;]", query) if part)
    hidden = "&".join(f"{name}={HIDDEN}" if equals else HIDDEN for name, equals, _ in names)
    return f"{scheme}{host}{path}?{hidden}"


def redact(text: str) -> str:
    """Free text, such as the message of an error, with every address in it as `shown` writes it, and without `secrets`.

    Examples:
        >>> redact("no answer from http://u:p@host/a?sig=s after 20 s")
        'no answer from http://host/a?sig=*** after 20 s'
    """
    found = _ADDRESS.sub(_shown_in_text, hide_secrets(text))
    return _VALUE.sub(rf"\1{HIDDEN}", found)


def _shown_in_text(found: re.Match[str]) -> str:
    """An address of free text, which may end a sentence: "at http://127.0.0.1:8080." names no other host."""
    address = found[0]
    ended = _TAIL.fullmatch(address)
    tail = ended[1] if ended else ""
    return shown(address.removesuffix(tail)) + tail if tail else shown(address)


def hide_secrets(text: str) -> str:
    """Text without the secrets of this process's environment and without tokens of the Hub; addresses stay otherwise."""
    for secret in secrets():
        text = text.replace(secret, HIDDEN)
    return _HUB_TOKEN.sub(HIDDEN, text)


def secrets() -> Sequence[str]:
    """The secrets in the environment of this process, the longest first.

    They are the values of variables that are named as secrets, and passwords and signatures in addresses.
    """
    return _secrets_in(tuple(os.environ.items()))


@lru_cache(maxsize=1)
def _secrets_in(environment: tuple[tuple[str, str], ...]) -> Sequence[str]:
    """Kept, for they are looked for in every record of the log and in each text of an event."""
    found = set[str]()
    for name, value in environment:
        # A file that was read into it ends with a line break, which clients take off.
        found.update(_secrets_of_variable(name, value.strip()))
        if "://" not in value:
            continue
        if name in _WHOLE:
            for address in value.split():
                found.update((address, *_drawn_parts(address)))
        for address in _ADDRESS.findall(value):
            found.update(_secrets_of(address))
    long_enough = {form for each in found if len(each) >= SHORTEST_SECRET for form in _forms(each)}
    return sorted(long_enough, key=len, reverse=True)


def _secrets_of_variable(name: str, value: str) -> list[str]:
    """The value if its name says that it is a secret, with the lines of a private key and the signatures of a query; not the path of a file."""
    is_secret = _SECRET_NAME.search(name) or (_KEY_NAME.search(name) and len(value) >= SHORTEST_KEY)
    # `Path.is_file` raises if the name is too long, as that of a secret may be.
    if not is_secret or (value.startswith("/") and os.path.isfile(value)):  # noqa: PTH113
        return []
    signatures = [each for part, each in parse_qsl(value) if _SECRET_NAME.search(part)]
    return [value, *signatures, *(line for line in value.splitlines() if len(line) >= SHORTEST_KEY)]


def _secrets_of(address: str) -> Iterator[str]:
    """Password, token and signatures of an address, and the header that user and password become."""
    try:
        parts = urlsplit(address)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        return
    if password:
        yield from (password, parts.password or "")
        yield basic_credentials(user, password)
    elif parts.scheme in ("http", "https") and len(user) >= SHORTEST_KEY:
        yield user  # a token, as forges take it
    for name, value in parse_qsl(parts.query):
        if _SECRET_NAME.search(name) or _KEY_NAME.search(name):
            yield value


def basic_credentials(user: str, password: str) -> str:
    """User and password as a header of basic authentication has them (RFC 7617)."""
    return base64.b64encode(f"{user}:{password}".encode(errors="surrogateescape")).decode()


def _drawn_parts(address: str) -> Iterator[str]:
    """The parts of an address that look drawn at random: services of messages identify their users by them.

    What a client logs, or quotes in an error, is often not the address that it was given but one with the same parts.
    """
    host, _, path = address.partition("://")[2].partition("/")
    for shortest, parts in ((SHORTEST_KEY, host), (SHORTEST_PART, path)):
        for part in re.split("[/@:?#&=]", parts):
            is_word = part.isalpha() and (part.islower() or part[1:].islower())
            if len(part) >= shortest and not is_word and not _HOST_NAME.fullmatch(part):
                yield unquote(part)


def _forms(secret: str) -> set[str]:
    """A secret as it stands in addresses, in Python's and JSON's texts."""
    coded = secret.encode(errors="surrogateescape")
    return {
        secret, quote(coded), quote(coded, safe=""), quote_plus(coded), json.dumps(secret)[1:-1], repr(secret)[1:-1],
        repr(coded)[2:-1],
    }  # fmt: skip


def host_patterns(listed: str) -> tuple[str, ...]:
    """Patterns of hosts, as `Bounds.redirect_hosts` has them, from a list with commas."""
    return tuple(host for each in listed.split(",") if (host := each.strip()))


class RedactingFilter(logging.Filter):
    """Rewrites log records of HTTP clients, which name the whole address that they ask."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the redacted message in the place of the record's; every record passes."""
        record.msg, record.args = redact(record.getMessage()), ()
        return True


def redact_logs(names: Iterable[str]) -> None:
    """Have the records of some loggers redacted; asking twice changes nothing."""
    for name in names:
        logger = logging.getLogger(name)
        if not any(isinstance(each, RedactingFilter) for each in logger.filters):
            logger.addFilter(RedactingFilter())


def redact_every_log() -> None:
    """Have every record that this process logs redacted, with its trace; asking twice changes nothing.

    For the processes of Dagster, whose journal and logs of steps quote the errors of any library; so do traces (`redact_traces`).
    """
    made = logging.getLogRecordFactory()
    if getattr(made, "is_redacting", False):
        return

    def redacting(*given: Any, **named: Any) -> logging.LogRecord:
        record = made(*given, **named)
        try:
            message = record.getMessage()
            if (redacted := redact(message)) != message:
                record.msg, record.args = redacted, ()
            if record.exc_info and record.exc_info[0] and not record.exc_text:
                record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        except Exception:  # noqa: S110 - a record that cannot be formatted is for its handler to tell
            pass
        return record

    redacting.is_redacting = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(redacting)
    redact_traces()


def redact_traces() -> None:
    """Have the traces of errors that nothing catches written without secrets, in every thread of this process."""

    def write(error: BaseException | None) -> None:
        if error is not None and sys.stderr is not None:
            sys.stderr.write(redact("".join(traceback.format_exception(error))))

    # A debugger or a test may have hooks of its own.
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = lambda kind, error, trace: write(error)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda told: write(told.exc_value)
