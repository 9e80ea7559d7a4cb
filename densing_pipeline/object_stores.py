"""Opens object stores, `s3://`, `gs://` and `az://`, through obstore, and words their errors.

Credentials, region and endpoint come from the environment, under the names that the stores' own clients have. The
evaluation job imports this module as well, so it imports nothing but obstore, and that only when a store is opened.
Not here: what is kept in a store (`publication.places.objects`, `evaluation.folder_store`).
"""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from densing_pipeline.addresses import redact, shown

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

RETRIES: "RetryConfig" = {"max_retries": 5, "retry_timeout": timedelta(seconds=150)}
"""How often a request is sent again after an answer of 500 to 599 or none; waits double from 100 ms."""

TIMES: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=10),
    "read_timeout": timedelta(seconds=60),
    "timeout": timedelta(seconds=600),
}
"""Longest time to connect, between two pieces of an answer, and of one request."""

CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""Variables of a store's client that hold its credentials, by scheme."""

ALLOW_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
"""Variables by which a store of one's own may have an address without TLS, by scheme."""

WITHOUT_CREDENTIALS = ("169.254.169.254", "metadata.google.internal", "Account must be specified")
"""What errors say when the environment has none: the client then asks the machine it runs on."""


class StoreError(RuntimeError):
    """An object store cannot be opened, read or written; the message names it and what is wrong."""


def open_store(url: str, **options: Any) -> "ObjectStore":
    """The object store at an address, with the address's prefix.

    Args:
        url: such as `s3://bucket/prefix`.
        options: as `obstore.store.from_url` takes them, in place of those of this module.

    Raises:
        StoreError: obstore is not installed, or cannot use the address or the environment.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise StoreError(
            f"{shown(url)}: object stores need a library more: pip install 'densing-pipeline[stores]' (on machines "
            "that evaluate, `make evaluation-env` builds the environment with it)"
        ) from error
    # obstore does not read the variable when it is given other options of its client.
    allows_http = os.environ.get(ALLOW_HTTP.get(url.partition("://")[0], ""), "").lower() == "true"
    client: ClientConfig = {**TIMES, "allow_http": allows_http}
    given: dict[str, Any] = {"retry_config": RETRIES, "client_options": client} | options
    try:
        return from_url(url, **given)
    except (BaseError, ValueError) as error:
        raise StoreError(f"{shown(url)}: {error_sentence(error, url)}") from error


def version_of(found: Any) -> "UpdateVersion":
    """The version by which a later write is conditional, of what obstore says of an object that was read or written."""
    version: UpdateVersion = {}
    if (e_tag := found["e_tag"]) is not None:
        version["e_tag"] = e_tag
    if (generation := found["version"]) is not None:
        version["version"] = generation
    return version


def is_bad_name(error: Exception) -> bool:
    """Whether objects could not be listed because the name of one of them is no path, such as `a//b`; obstore lists none then."""
    return "object with invalid path" in str(error)


def error_sentence(error: Exception, address: str) -> str:
    """The first line of an error of a store, without secrets; the remedy if there are no credentials."""
    line = redact(str(error).strip().partition("\n")[0])[:300].rstrip(".")
    # It may quote the name of an object, which anybody chose who can write the store.
    told = "".join(each if each.isprintable() else "?" for each in line)
    if any(words in told for words in WITHOUT_CREDENTIALS):
        needed = CREDENTIALS[address.partition("://")[0]]
        return f"neither the environment nor this machine has credentials: set {needed}"
    return told
