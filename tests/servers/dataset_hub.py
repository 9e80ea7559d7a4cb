"""Data-set repositories of a Hub on loopback: commits, large files, tags, tokens; with faults in between.

It speaks what `huggingface_hub` asks of the Hub to read a repository and to commit to it. Not here: repositories of
models (`model_hub`), and the listings of new models that a night polls (`hub`).
"""

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlparse

from tests.servers.loopback import LoopbackServer

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers and body of an answer."""

OWNER_TOKEN, READER_TOKEN = "hf_owner", "hf_reader"
INVALID = "Invalid credentials in Authorization header"
CHANGES = {"PUT", "POST"}
LARGE = (".parquet",)
"""Ends of the names of files that are kept as large files."""


def git_oid(content: bytes) -> str:
    """The name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324


@dataclass
class DatasetHubServer:
    """The server; a context manager.

    Attributes:
        repository: owner and name of the only data set.
        before: called with number, method and path of a request that changes something, before it takes
            effect; a reply is sent in place of the Hub's, without effect.
        after: called likewise once it took effect; a reply is sent in place of the Hub's.
        log: method and path of each request, in order.
        objects: content of the large files by SHA-256.
        tags: commit by tag.
    """

    repository: str = "lab/densing"
    before: Callable[[int, str, str], Reply | None] = lambda number, method, path: None
    after: Callable[[int, str, str], Reply | None] = lambda number, method, path: None
    log: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    changes: int = 0

    def __enter__(self) -> "DatasetHubServer":
        """Start to serve an empty repository."""
        self._commits: dict[str, dict[str, bytes | str]] = {}
        self._head = ""
        self._lock = threading.RLock()
        self.push({".gitattributes": b"*.parquet filter=lfs\n"})
        self._server = LoopbackServer(_handler(self))
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self._server.stop()

    @property
    def url(self) -> str:
        """Address of the server."""
        return self._server.url

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """Every file of a commit, without a request."""
        commit = self._commits[self._commit(revision)]
        return {
            name: content if isinstance(content, bytes) else self.objects[content]
            for name, content in commit.items()
        }

    def push(self, files: dict[str, bytes | str | None]) -> str:
        """Commit files, by content or, if they are large, by SHA-256; None deletes one. Returns the commit."""
        with self._lock:
            tree = {**self._commits.get(self._head, {}), **files}
            kept = {name: content for name, content in tree.items() if content is not None}
            told = repr((self._head, len(self._commits), sorted(kept)))
            self._head = hashlib.sha1(told.encode()).hexdigest()  # noqa: S324
            self._commits[self._head] = kept
            return self._head

    def alter(self, name: str, content: bytes | str) -> None:
        """Put another content into the newest commit."""
        self._commits[self._head][name] = content

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> Reply:
        """The Hub's answer to a request, with the faults."""
        is_change = method in CHANGES
        with self._lock:
            self.log.append(f"{method} {path}")
            number = self.changes
            self.changes += is_change
        if is_change and (reply := self.before(number, method, path)) is not None:
            return reply
        found = self._answered(method, path, token, body)
        if is_change and (reply := self.after(number, method, path)) is not None:
            return reply
        return found

    def _answered(self, method: str, path: str, token: str | None, body: bytes) -> Reply:
        if token not in (None, OWNER_TOKEN, READER_TOKEN):
            return _refused(401, "", INVALID)
        if path.startswith("/lfs/"):  # presigned: asked without a token
            self.objects[path.rpartition("/")[2]] = body
            return _json({})
        if path == "/api/validate-yaml":
            return _json({"errors": [], "warnings": []})
        api, _, rest = (
            path.removeprefix("/api").removeprefix("/datasets/").partition(self.repository)
        )
        if api or not path.partition(self.repository)[1]:
            return _refused(404, "RepoNotFound", "Repository not found")
        action, _, revision = rest.strip("/").partition("/")
        if action == "resolve":
            revision, _, name = revision.partition("/")
            return self._resolved(revision, name)
        if method == "GET":
            return self._listed(action, revision or "main")
        if token != OWNER_TOKEN:
            return _refused(403, "", "Forbidden: you need write access to this repository")
        return self._changed(rest.strip("/"), body)

    def _listed(self, action: str, revision: str) -> Reply:
        with self._lock:
            commit = self._commit(revision)
            if action in ("", "revision"):
                return _json({"id": self.repository, "sha": commit, "siblings": []})
            return _json([self._told(name, commit) for name in sorted(self._commits[commit])])

    def _changed(self, rest: str, body: bytes) -> Reply:
        action, _, revision = rest.partition("/")
        if rest == ".git/info/lfs/objects/batch":
            return _json(
                {
                    "transfer": "basic",
                    "objects": [self._batched(one) for one in json.loads(body)["objects"]],
                }
            )
        if action == "preupload":
            return self._preuploaded(json.loads(body)["files"])
        if action == "tag":
            tag = json.loads(body)["tag"]
            if tag in self.tags:
                return _refused(409, "", "Tag reference exists already")
            self.tags[tag] = self._commit(revision)
            return _json({})
        return self._committed([json.loads(line) for line in body.splitlines()])

    def _batched(self, one: dict[str, Any]) -> dict[str, Any]:
        there = len(self.objects.get(one["oid"], b"")) == one["size"]
        href = {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}
        return one if there else one | {"actions": href}

    def _preuploaded(self, asked: list[dict[str, Any]]) -> Reply:
        there = self._commits[self._head]
        told = []
        for one in asked:
            content = there.get(one["path"])
            oid = content if isinstance(content, str) else content and git_oid(content)
            mode = "lfs" if one["path"].endswith(LARGE) else "regular"
            told.append(
                {"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}
            )
        return _json({"files": told})

    def _committed(self, lines: list[dict[str, Any]]) -> Reply:
        with self._lock:
            files: dict[str, bytes | str | None] = {}
            for line in lines:
                value = line["value"]
                if line["key"] == "header" and value.get("parentCommit", self._head) != self._head:
                    return _refused(
                        412, "", "A commit has happened since. Please refresh and try again."
                    )
                if line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                if line["key"] == "lfsFile":
                    content = self.objects.get(value["oid"], b"")
                    if hashlib.sha256(content).hexdigest() != value["oid"]:
                        return _refused(400, "", f"{value['path']}: its LFS object is not there")
                    files[value["path"]] = value["oid"]
                if line["key"] == "deletedFile":
                    files[value["path"]] = None
            commit = self.push(files)
        url = f"{self.url}/datasets/{self.repository}/commit/{commit}"
        return _json({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})

    def _resolved(self, revision: str, name: str) -> Reply:
        with self._lock:
            commit = self._commit(revision)
            content = self._commits[commit].get(name)
        if content is None:
            return _refused(404, "EntryNotFound", "Entry not found")
        is_large = isinstance(content, str)
        oid = content if isinstance(content, str) else git_oid(content)
        whole = self.objects[content] if isinstance(content, str) else content
        headers = {"ETag": f'"{oid}"', "X-Repo-Commit": commit}
        if is_large:
            headers |= {"X-Linked-ETag": f'"{oid}"', "X-Linked-Size": str(len(whole))}
        return 200, headers, whole

    def _told(self, name: str, commit: str) -> dict[str, Any]:
        content = self._commits[commit][name]
        if isinstance(content, bytes):
            return {"type": "file", "path": name, "size": len(content), "oid": git_oid(content)}
        size = len(self.objects[content])
        large = {"oid": content, "size": size, "pointerSize": 134}
        return {"type": "file", "path": name, "size": size, "oid": "0" * 40, "lfs": large}

    def _commit(self, revision: str) -> str:
        return self._head if revision == "main" else self.tags.get(revision, revision)


def _handler(server: DatasetHubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
            path = unquote(urlparse(self.path).path)
            method = "GET" if self.command == "HEAD" else self.command
            status, headers, body = server.answer(method, path, token, self._body())
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *args: object) -> None:
            """Keep the test output clean."""

    return Handler


def _json(document: object) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


def _refused(status: int, code: str, message: str) -> Reply:
    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return status, headers, json.dumps({"error": message}).encode()
