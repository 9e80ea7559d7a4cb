"""How the library `huggingface_hub` may reach the network from here.

It asks for more than it is told to: by default it fetches a list of coding agents once a day for its
`User-Agent`, and keeps whatever it gets. Its requests follow redirects to any host and wait as long as
a server says. `prepare` bounds them all. Not here: asking the Hub for what is new (`hub.client`), which
does without the library's requests.
"""

import functools
import os
from dataclasses import replace
from urllib.parse import urlsplit

import httpx2
import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.utils import get_token_to_send
from huggingface_hub.utils._http import hf_request_event_hook

from densing_pipeline.addresses import host_patterns
from densing_pipeline.bounded_http import Bounds, blocking_client, redirect_target

LONGEST_WAIT_S = 300
"""Longest wait before a retry that a server may ask for."""

WAITS = ("Retry-After", "RateLimit")
"""Headers by which a server asks for a wait."""


def prepare(bounds: Bounds, endpoint: str) -> None:
    """Have every request of the library under bounds, and none made that nobody asked for.

    Only the endpoint and the hosts it may redirect to are asked: the library would also follow the
    `Link` of a page to any host, with the token.

    Files are fetched over HTTP, not by the program `hf_xet`, whose requests cannot be bounded here.
    """
    constants.HF_HUB_DISABLE_TELEMETRY = True
    constants.HF_HUB_DISABLE_XET = True
    bounds = replace(bounds, redirect_hosts=(*bounds.redirect_hosts, *redirect_hosts(endpoint)))
    hooks = {
        "request": [functools.partial(_only_hosts, endpoint, bounds), hf_request_event_hook],
        "response": [_without_long_waits],
    }
    huggingface_hub.set_client_factory(
        functools.partial(blocking_client, bounds, event_hooks=hooks)
    )


def token(given: str | None) -> str | None:
    """The token to send: the one given, or what the library finds (`HF_TOKEN` or a stored login)."""
    if given is not None:
        return given
    prepare(Bounds(), constants.ENDPOINT)
    return get_token_to_send(None)


def redirect_hosts(endpoint: str) -> tuple[str, ...]:
    """Hosts to which the Hub at an endpoint may redirect: those of its large files, and those allowed.

    The variable is read here as well as in `settings`, which the evaluation job does without.
    """
    is_the_hub = urlsplit(endpoint).hostname == "huggingface.co"
    own = ("*.hf.co", "*.huggingface.co") if is_the_hub else ()
    return own + host_patterns(os.environ.get("DENSING_REDIRECT_HOSTS", ""))


def _only_hosts(endpoint: str, bounds: Bounds, request: httpx2.Request) -> None:
    """Refuse a request to a host that was not asked for, as `redirect_target` refuses a redirect."""
    redirect_target(httpx2.URL(endpoint), str(request.url), bounds.redirect_hosts)


def _without_long_waits(response: httpx2.Response) -> None:
    """Drop a wait that is too long or not a number: the library would sleep as long as it says."""
    for name in WAITS:
        seconds = response.headers.get(name, "").rpartition("t=")[2].strip()
        if not (seconds.isdigit() and len(seconds) < 9 and int(seconds) <= LONGEST_WAIT_S):
            response.headers.pop(name, None)
