"""Azure's blob storage on loopback: Azurite, its emulator, with one container."""

import base64
import contextlib
import hashlib
import hmac
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime

PROGRAM = shutil.which("azurite-blob")
"""The emulator, of the npm package `azurite`; None if it is not installed."""

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account that every emulator has, and its published key."""

VERSION = "2021-08-06"

CLIENT = {"config": {"use_emulator": "true"}, "client_options": {"allow_http": True}}
"""What a client of obstore needs for it, beside `AZURITE_BLOB_STORAGE_URL` in the environment."""


@contextlib.contextmanager
def serving(container: str) -> Iterator[str]:
    """Serve an empty container; yields the address of the emulator."""
    assert PROGRAM is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        PROGRAM,
        "--inMemoryPersistence",
        "--silent",
        "--disableTelemetry",
        "--blobHost",
        "127.0.0.1",
    ]
    with subprocess.Popen(  # noqa: S603
        [*command, "--blobPort", str(port)], stdout=subprocess.DEVNULL
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _create(url, container)
            yield url
        finally:
            process.terminate()


def _create(url: str, container: str) -> None:
    """Create a container, as soon as the emulator answers."""
    day = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    told = f"x-ms-date:{day}\nx-ms-version:{VERSION}\n/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), f"PUT{chr(10) * 12}{told}".encode(), hashlib.sha256)
    signed = base64.b64encode(digest.digest()).decode()
    request = urllib.request.Request(  # noqa: S310
        f"{url}/{ACCOUNT}/{container}?restype=container",
        method="PUT",
        headers={
            "x-ms-date": day,
            "x-ms-version": VERSION,
            "Authorization": f"SharedKey {ACCOUNT}:{signed}",
        },
    )
    for _ in range(100):
        try:
            urllib.request.urlopen(request).close()  # noqa: S310
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("Azurite does not answer")
