"""A Hub on loopback that serves files of weights: their headers are real, their weights are zeros.

    with serving({"/lab/nova/resolve/abc/model.safetensors": safetensors({"lm_head.weight": (9, 4)})}) as shelf:
        Hub(shelf.endpoint)

Files are served in ranges, as the Hub's own servers do, and may be larger than any disk.
"""

import contextlib
import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from tests.servers.loopback import LoopbackServer

PIECE = b"\0" * 65536
BYTES = {"F32": 4, "BF16": 2, "F16": 2, "U8": 1, "F8_E4M3": 1, "I32": 4}


@dataclass(frozen=True)
class File:
    """A file that begins with some bytes and goes on with zeros.

    Attributes:
        begun: the bytes at its beginning.
        size: bytes in all.
        status: HTTP status of the answer; 200 is 206 where a range was asked for.
        headers: further headers of the answer.
        has_ranges: whether a range that was asked for is sent, and not the whole file.
        sent: bytes that are sent before the connection is cut; all if None.
        drip_s: seconds between single bytes.
    """

    begun: bytes = b""
    size: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    has_ranges: bool = True
    sent: int | None = None
    drip_s: float = 0


@dataclass
class Shelf:
    """The server.

    Attributes:
        endpoint: its address.
        files: what is served, by path; a list is served in turn, its last file for ever.
        log: path and range of each request, in order.
        sent: bytes of content sent so far.
    """

    files: dict[str, File | list[File]]
    endpoint: str = ""
    log: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0


def safetensors(
    tensors: Mapping[str, tuple[int, ...]], dtype: str = "BF16", **changes: Any
) -> File:
    """A file of tensors, given by name and shape."""
    return of_header(header(tensors, dtype), **changes)


def header(tensors: Mapping[str, tuple[int, ...]], dtype: str = "BF16") -> bytes:
    """A header in JSON, as safetensors writes it."""
    at, stated = 0, dict[str, Any](__metadata__={"format": "pt"})
    for name, shape in tensors.items():
        size = math.prod(shape) * BYTES[dtype]
        stated[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return json.dumps(stated).encode()


def of_header(content: bytes, **changes: Any) -> File:
    """A file with a header in JSON, and the weights that the header places."""
    try:
        listed = json.loads(content)
        ends = [each["data_offsets"][1] for n, each in listed.items() if n != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError):
        ends = []
    begun = len(content).to_bytes(8, "little") + content
    return File(**{"begun": begun, "size": len(begun) + max(ends, default=0)} | changes)


def sharded(
    place: str, shards: Mapping[str, Mapping[str, tuple[int, ...]]], **changes: Any
) -> dict[str, File | list[File]]:
    """The files of a model in several parts, with their index, under a path."""
    index = json.dumps(
        {"weight_map": {name: file for file, part in shards.items() for name in part}}
    )
    files: dict[str, File | list[File]] = {
        f"{place}/{file}": safetensors(part, **changes) for file, part in shards.items()
    }
    return files | {
        f"{place}/model.safetensors.index.json": File(index.encode(), len(index.encode()))
    }


@contextlib.contextmanager
def serving(files: dict[str, File | list[File]]) -> Iterator[Shelf]:
    """Serve files on a free port of the loopback."""
    shelf = Shelf(files)
    with LoopbackServer(_handler(shelf)) as server:
        server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        shelf.endpoint = server.url
        yield shelf


def _handler(shelf: Shelf) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, wanted = unquote(self.path), self.headers.get("Range")
            shelf.log.append((path, wanted))
            found = shelf.files.get(path, File(b"no such file", 12, 404))
            if isinstance(found, list):
                found = found.pop(0) if len(found) > 1 else found[0]
            status, size, headers = found.status, found.size, dict(found.headers)
            part, start = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted or ""), 0
            if part and status == 200 and found.has_ranges:
                start, end = int(part[1]), min(int(part[2]) + 1, size)
                status, size = 206, end - start
                headers.setdefault("Content-Range", f"bytes {start}-{end - 1}/{found.size}")
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(size)}).items():
                self.send_header(name, value)
            self.end_headers()
            self._send(found, found.begun[start:], size)

        def _send(self, found: File, begun: bytes, size: int) -> None:
            whole = size if found.sent is None else found.sent
            at, step = 0, 1 if found.drip_s else len(PIECE)
            with contextlib.suppress(ConnectionError):
                while at < whole:
                    zeros = PIECE[: min(step, whole - at)]
                    piece = begun[at : at + len(zeros)] or zeros
                    self.wfile.write(piece)
                    at += len(piece)
                    shelf.sent += len(piece)
                    time.sleep(found.drip_s)
            self.close_connection = whole < size

        def log_message(self, *args: object) -> None:
            """Keep the test output clean."""

    return Handler
