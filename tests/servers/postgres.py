"""A real Postgres server on loopback, with a cluster of its own in a temporary folder.

Needs the Debian package `postgresql`; a test that asks for the server is skipped where it is absent.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

PASSWORD = "se/cr@t:p?#w"  # noqa: S105
"""Of every user; with characters that have a meaning in addresses."""


def programs() -> Path | None:
    """Folder of `initdb` and `pg_ctl`, the newest version that Debian's package brought; None without."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).parent if on_path else None


class PostgresServer:
    """Creates a cluster and runs its server; a context manager.

    Attributes:
        port: on 127.0.0.1.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Choose a free port; the server is started by `with`."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-")) if folder is None else folder
        bin_folder = programs()
        assert bin_folder
        self._bin = bin_folder
        # The server refuses to run as root.
        self._user = "postgres" if os.getuid() == 0 else None

    def __enter__(self) -> Self:
        """Create the cluster and wait until the server answers."""
        if self._user:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb", "--username=owner", f"--pwfile={password}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", str(self._data),
        )  # fmt: skip
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server and delete the cluster."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "--pgdata", str(self._data), "--wait", "--silent", "-o", options,
                  "--log", str(self._folder / "log"), "start")  # fmt: skip

    def stop(self) -> None:
        """End the server at once, with its connections."""
        self._run(
            "pg_ctl",
            "--pgdata",
            str(self._data),
            "--mode=immediate",
            "--silent",
            "stop",
            check=False,
        )

    def url(self, database: str = "postgres", user: str = "owner", password: str = PASSWORD) -> str:
        """Address of a database."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> list[str]:
        """Run a statement with `psql`, and return the lines of its answer."""
        done = subprocess.run(  # noqa: S603
            [str(self._bin / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", statement],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        subprocess.run(  # noqa: S603
            [str(self._bin / program), *arguments],
            check=check, user=self._user, stdout=subprocess.DEVNULL, cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
