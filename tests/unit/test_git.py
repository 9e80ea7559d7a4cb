"""The address of a git repository with a password: the server gets it, and no list of processes shows it."""

import base64
import http.server
from contextlib import suppress
from pathlib import Path

import pytest

from densing_pipeline.git import GitError, Limits, Repository
from tests.servers.loopback import LoopbackServer


class Watching(http.server.BaseHTTPRequestHandler):
    """Refuses every request, and notes its credentials and the command lines of the machine meanwhile."""

    def do_GET(self) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                self.server.lines.append(path.read_text(errors="replace"))  # type: ignore[attr-defined]
        self.server.credentials.append(self.headers["Authorization"])  # type: ignore[attr-defined]
        self.send_error(404)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.mark.parametrize(
    ("user", "given"),
    [
        ("me:s3cr3t%2Fpw@", "me:s3cr3t/pw"),
        ("s3cr3t-token@", "s3cr3t-token:"),
        ("", None),
    ],
)
def test_a_password_reaches_the_server_and_no_list_of_processes(tmp_path, monkeypatch, user, given):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LoopbackServer(Watching) as server:
        server.lines, server.credentials = [], []  # type: ignore[attr-defined]
        address = f"{server.url.removeprefix('http://')}/owner/name"
        with (
            Repository(tmp_path / "copy", f"http://{user}{address}", Limits(30, 1 << 20)) as copy,
            pytest.raises(GitError, match=f"^http://{address}: "),
        ):
            copy.update()
    assert any(address in line for line in server.lines), "git was seen at work"  # type: ignore[attr-defined]
    assert not any("s3cr3t" in line for line in server.lines)  # type: ignore[attr-defined]
    header = given and f"Basic {base64.b64encode(given.encode()).decode()}"
    assert server.credentials == [header]  # type: ignore[attr-defined]
