"""Git repositories made of told commits, and a server on loopback that gives them as public forges do.

with GitServer(folder) as server:
    commit = write(folder / "list.git", [Commit("2026-01-01T10:00:00+00:00", {"list.json": b"{}"})])
    server.url("list.git")
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Self
from urllib.parse import urlparse

from tests.servers.loopback import LoopbackServer

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
"""The environment of git: nothing of the machine's own configuration."""

LINK = "120000"
FILE = "100644"


@dataclass(frozen=True)
class Commit:
    """A commit of a branch.

    Attributes:
        at: committer's time, ISO 8601 with its zone.
        files: content by path; None deletes, a `Path` makes a symbolic link to it.
        branch: name of the branch.
        merges: names of branches that it merges.
        start: name of the branch that a new branch begins at.
    """

    at: str
    files: Mapping[str, bytes | Path | None] = field(default_factory=dict)
    branch: str = "main"
    merges: Sequence[str] = ()
    start: str | None = None


def write(repository: Path, commits: Sequence[Commit], *, is_new: bool = True) -> None:
    """Make a bare repository, or write the branches of one anew.

    Args:
        repository: its folder.
        commits: in the order in which they are made.
        is_new: whether a branch begins without parents, in place of what the repository has; otherwise
            commits are added.
    """
    if not repository.exists():
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(repository))
        _git("-C", str(repository), "config", "uploadpack.allowFilter", "true")
    known = set[str]() if is_new else {"main"}
    stream = bytearray()
    for number, commit in enumerate(commits):
        when = datetime.fromisoformat(commit.at)
        zone = when.strftime("%z")
        line = f"maker <maker@example.org> {int(when.timestamp())} {zone}\n"
        stream += f"commit refs/heads/{commit.branch}\ncommitter {line}".encode()
        stream += _data(f"commit {number}".encode())
        if commit.branch not in known:
            if commit.start:
                stream += f"from refs/heads/{commit.start}\n".encode()
            elif is_new and number == 0:
                pass
        elif not is_new and number == 0:
            stream += f"from refs/heads/{commit.branch}^0\n".encode()
        known.add(commit.branch)
        for merged in commit.merges:
            stream += f"merge refs/heads/{merged}\n".encode()
        for path, content in commit.files.items():
            if content is None:
                stream += f"D {path}\n".encode()
            else:
                mode, data = (
                    (LINK, str(content).encode()) if isinstance(content, Path) else (FILE, content)
                )
                stream += f"M {mode} inline {path}\n".encode() + _data(data)
        stream += b"\n"
    _git("-C", str(repository), "fast-import", "--quiet", "--force", given=bytes(stream))


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"


def _git(*arguments: str, given: bytes = b"") -> None:
    subprocess.run(["git", *arguments], input=given, check=True, env=ENVIRONMENT)  # noqa: S603, S607


class GitServer:
    """Serves the repositories of a folder over HTTP, by git's own program for that."""

    def __init__(self, folder: Path) -> None:
        """Take a free port."""
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self._server = LoopbackServer(_handler(folder, self))

    def url(self, name: str) -> str:
        """Address of a repository."""
        return f"{self._server.url}/{name}"

    def __enter__(self) -> Self:
        """Start to answer."""
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self._server.stop()


def _handler(folder: Path, server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                self._answer(b"".join(iter(self._chunk, b"")))
            else:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _chunk(self) -> bytes:
            size = int(self.rfile.readline(), 16)
            content = self.rfile.read(size)
            self.rfile.readline()
            return content

        def _answer(self, body: bytes) -> None:
            server.asked.append(f"{self.command} {self.path}")
            server.headers.append(dict(self.headers))
            url = urlparse(self.path)
            done = subprocess.run(
                ["git", "http-backend"],  # noqa: S607
                input=body,
                capture_output=True,
                check=False,
                env=ENVIRONMENT
                | {
                    "GIT_PROJECT_ROOT": str(folder),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": url.path,
                    "QUERY_STRING": url.query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "REMOTE_ADDR": "127.0.0.1",
                },
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    return Handler
