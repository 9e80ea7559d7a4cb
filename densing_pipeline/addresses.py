"""Addresses as they may be written down: without user, password, fragment and values of the query.

Any setting that holds an address may hold a secret: a password before the host, a signature in the
query. Receipts, tables, messages, logs and metadata get an address from `shown`, and the text of an
error from `redact`. A secret in the path of an address is not recognised as one.
"""

import logging
import re
from collections.abc import Iterable

HIDDEN = "***"
"""Written in the place of a value."""

_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.\-]{0,30}"
_START = re.compile(rf"(?:{_SCHEME}:)?//")
_ADDRESS = re.compile(rf"{_SCHEME}://(?:(?!{_SCHEME}://)\S)*")
_VALUE = re.compile(r"([?&;][^\s=&;?'\"<>]+=)(?!\*\*\*)[^\s&;'\"<>]+")
_PARTS = re.compile(r"([^/?#]*)([^?#]*)(\??)([^#]*)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^:@\[\]\s]*)(:\d*)?")


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
    """Free text, such as the message of an error, with every address in it as `shown` writes it.

    Examples:
        >>> redact("no answer from http://u:p@host/a?sig=s after 20 s")
        'no answer from http://host/a?sig=*** after 20 s'
    """
    found = _ADDRESS.sub(lambda address: shown(address[0]), text)
    return _VALUE.sub(rf"\1{HIDDEN}", found)


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
