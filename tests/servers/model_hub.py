"""Model repositories of a Hub on loopback, out of local folders: listing, files, refusals.

Not here: the listings of new models that a night polls (`hub`).
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlparse

from tests.servers.loopback import LoopbackServer

Answer = tuple[int, dict[str, str], bytes]


def commit(model: str) -> str:
    """The only commit of a model."""
    return hashlib.sha1(model.encode()).hexdigest()  # noqa: S324 - as git names it


@dataclass
class Shelf:
    """What is served.

    Attributes:
        models: folder of each model.
        gated: models that want a permission nobody has.
        spoil: called with a file's name and content; what it returns is sent, what is listed stays.
        log: path of each request, in order.
    """

    models: dict[str, Path]
    gated: set[str] = field(default_factory=set)
    spoil: Callable[[str, bytes], bytes] = lambda name, content: content
    log: list[str] = field(default_factory=list)

    def answer(self, path: str) -> Answer:
        """Status, headers and body for a path."""
        self.log.append(path)
        if path.startswith("/api/models/"):
            name, _, _ = path.removeprefix("/api/models/").partition("/tree/")
            model, _, revision = name.partition("/revision/")
            return self._listing(model, revision, is_tree="/tree/" in path)
        model, _, rest = path.strip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        return self._file(model, revision, name)

    def _listing(self, model: str, revision: str, *, is_tree: bool) -> Answer:
        if model not in self.models:
            return _refusal(404, "RepoNotFound")
        if revision not in ("", "main", commit(model)):
            return _refusal(404, "RevisionNotFound")
        folder = self.models[model]
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        found = [_sibling(path, path.relative_to(folder).as_posix()) for path in files]
        told: object = {"id": model, "sha": commit(model), "siblings": found}
        if is_tree:
            told = [
                {"type": "file", "path": each["rfilename"], "size": each["size"], "oid": "0" * 40}
                for each in found
            ]
        return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()

    def _file(self, model: str, revision: str, name: str) -> Answer:
        if model in self.gated:
            return _refusal(403, "GatedRepo")
        path = self.models.get(model, Path("absent")) / name
        if not path.is_file():
            return _refusal(404, "EntryNotFound")
        content = self.spoil(name, path.read_bytes())
        etag = hashlib.sha256(path.read_bytes()).hexdigest()
        return 200, {"ETag": f'"{etag}"', "X-Repo-Commit": commit(model)}, content


@contextlib.contextmanager
def serving(shelf: Shelf) -> Iterator[str]:
    """Serve on a free port of the loopback; yields the endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_HEAD(has_body=True)

        def do_HEAD(self, *, has_body: bool = False) -> None:
            status, headers, body = shelf.answer(unquote(urlparse(self.path).path))
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if has_body:
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep the test output clean."""

    with LoopbackServer(Handler) as server:
        yield server.url


def _sibling(path: Path, name: str) -> dict[str, object]:
    content = path.read_bytes()
    found: dict[str, object] = {
        "rfilename": name,
        "size": len(content),
        "blobId": hashlib.sha1(content).hexdigest(),  # noqa: S324 - as git names it
    }
    if path.suffix == ".safetensors":
        digest = hashlib.sha256(content).hexdigest()
        found["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
    return found


def _refusal(status: int, code: str) -> Answer:
    return status, {"X-Error-Code": code}, b'{"error": "refused"}'
