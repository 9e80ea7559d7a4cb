"""A public git repository read with the command `git`: its newest branch, its changes, its files.

Only what is asked for is fetched: commits and folders first, files when they are named. Nothing is
checked out, no hook, submodule, credential helper or configuration of the user takes part, no password is
asked for, and redirects are not followed. The network is used only over the protocol of the address, for
a bounded time, and the copy stays below a bounded size. Not here: what a file means.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlparse

from densing_pipeline.addresses import basic_credentials, redact, shown
from densing_pipeline.text import clean

BRANCH = "refs/heads/newest"
"""Branch of the copy: the newest commit of the repository's default branch."""

SMALL_FILE = 2**16
"""Files up to this size, in bytes, are kept in memory once read."""

SILENCE_SECONDS = 120
"""Longest time without data; a server may count objects for a while before it sends any."""

CHECK_SECONDS = 0.5
"""Between two looks at the size of the copy while it grows."""

SYMBOLIC_LINK = 0o120000
SUBMODULE = 0o160000

_PASSED_ON = (
    "PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
)  # fmt: skip
"""Variables of the environment that git gets; all others, its own configuration above all, are left out."""


class GitError(RuntimeError):
    """The repository cannot be read; the message says why and what to do, without secrets of the address."""


@dataclass(frozen=True)
class Limits:
    """Bounds of reading one repository.

    Attributes:
        total_s: longest time of all requests together, in seconds.
        max_bytes: largest copy on disk.
    """

    total_s: float
    max_bytes: int


@dataclass(frozen=True)
class Entry:
    """A file of a commit: its mode, and the hash of its content."""

    mode: int
    blob: str


@dataclass(frozen=True)
class Change:
    """What one commit of the branch changed.

    Attributes:
        commit: its hash.
        committed_at: its committer's time, UTC.
        files: the new entry of each changed path; None where the file is gone.
    """

    commit: str
    committed_at: datetime
    files: Mapping[str, Entry | None]


@dataclass
class Repository:
    """The copy of a repository: commits and folders whole, of the files those that were asked for.

    Attributes:
        folder: where the copy is; it can be deleted.
        url: address of the repository, which is never written to the copy.
        limits: bounds in time and size.
    """

    folder: Path
    url: str
    limits: Limits
    _spent_s: float = 0.0
    _small: dict[str, bytes] = field(default_factory=dict)
    _reader: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> Self:
        """Use the copy, which `update` creates."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process that reads files."""
        if self._reader is not None:
            _kill(self._reader)
            self._reader = None

    def update(self) -> bool:
        """Fetch the newest commits of the default branch.

        Returns:
            Whether the history was rewritten since the last time: the commit that was the newest then is
            not among those before the newest now.

        Raises:
            GitError: the repository cannot be reached, or exceeds a bound.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._run("init", "--quiet", "--bare", "--template=", ".")
        before = self.newest()
        self._fetch("--filter=blob:none", "--force", "origin", f"HEAD:{BRANCH}")
        now = self.newest()
        if before is None or before == now:
            return False
        return self._status("merge-base", "--is-ancestor", before, BRANCH) != 0

    def newest(self) -> str | None:
        """Hash of the newest commit of the copy; None if there is none."""
        found = self._run("for-each-ref", "--format=%(objectname)", BRANCH).decode().strip()
        return found or None

    def changes(self, paths: Sequence[str]) -> list[Change]:
        """The commits of the branch that changed a file, oldest first.

        A merge counts as one commit: what it brought to the branch, on the day it was merged. What
        happened on the merged side before was not to be seen on the branch.

        Args:
            paths: files, or folders with all they hold.

        Raises:
            GitError: the history cannot be read.
        """
        told = self._run(
            "log", "--first-parent", "-m", "--reverse", "--raw", "-z", "--no-abbrev", "--no-renames",
            "--format=%x01%H %ct", BRANCH, "--", *(f":(top,literal){path}" for path in paths),
        )  # fmt: skip
        return list(_changes(told))

    def former_name(self, commit: str, path: str) -> str | None:
        """The name that a file had before a commit, if that commit renamed it.

        Raises:
            GitError: the files that must be compared cannot be had.
        """
        told = self._run(
            "diff-tree", "-r", "-z", "--find-renames", "--diff-filter=R", "--name-status",
            f"{commit}^1", commit, is_remote=True,
        )  # fmt: skip
        names = told.decode(errors="surrogateescape").split("\0")
        renamed = zip(names[1::3], names[2::3], strict=False)
        return next((old for old, new in renamed if new == path), None)

    def has_parent(self, commit: str) -> bool:
        """Whether a commit is not the first of the history."""
        return self._status("rev-parse", "--quiet", "--verify", f"{commit}^1") == 0

    def download(self, blobs: Iterable[str]) -> None:
        """Fetch the content of files that the copy lacks, all in one request.

        Raises:
            GitError: they cannot be had, or exceed a bound.
        """
        # Asking for single objects instead would fetch each one that is lacking.
        told = self._run(
            "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"
        )
        there = set(told.decode().split())
        if asked := [blob for blob in dict.fromkeys(blobs) if blob not in there]:
            self._fetch(
                "--filter=blob:none", "--no-write-fetch-head", "--stdin", "origin",
                given="".join(f"{blob}\n" for blob in asked).encode(),
                negotiation="noop",
            )  # fmt: skip

    def read(self, blob: str, max_bytes: int) -> bytes:
        """The content of a file.

        Raises:
            GitError: it is larger than `max_bytes`, or was not downloaded.
        """
        if blob in self._small:
            return self._small[blob]
        reader = self._reader = self._reader or self._start(
            ["cat-file", "--batch"], is_remote=False
        )
        given, told = reader.stdin, reader.stdout
        if given is None or told is None:
            raise AssertionError("the process was started with pipes")
        try:
            given.write(f"{blob}\n".encode())
            given.flush()
        except OSError as error:
            raise GitError(f"{shown(self.url)}: the files of the copy cannot be read") from error
        header = told.readline().decode().split()
        if len(header) != 3:
            raise GitError(f"{shown(self.url)}: the content {blob} is not in the repository")
        size = int(header[2])
        if size > max_bytes:
            _kill(reader)
            self._reader = None
            raise GitError(f"{blob} has {size} bytes, more than the {max_bytes} that are read")
        content = told.read(size + 1)[:size]
        if size <= SMALL_FILE:
            self._small[blob] = content
        return content

    def _fetch(self, *arguments: str, given: bytes = b"", negotiation: str = "default") -> None:
        self._run(
            "-c", f"fetch.negotiationAlgorithm={negotiation}", "fetch", "--quiet", "--no-tags",
            "--no-recurse-submodules", "--no-auto-maintenance", *arguments,
            given=given, is_remote=True,
        )  # fmt: skip

    def _run(self, *arguments: str, given: bytes = b"", is_remote: bool = False) -> bytes:
        """Run git in the copy; its output.

        Raises:
            GitError: it failed, or exceeded a bound.
        """
        process = self._start(arguments, is_remote=is_remote)
        started = time.monotonic()
        try:
            output, problems = self._wait(process, given, is_remote=is_remote)
        finally:
            _kill(process)
            if is_remote:
                self._spent_s += time.monotonic() - started
        if process.returncode:
            what = clean(redact(problems.decode(errors="replace")).strip().replace("\n", "; "), 500)
            raise GitError(f"{shown(self.url)}: git cannot read it ({what or 'no reason given'})")
        return output

    def _wait(
        self, process: "subprocess.Popen[bytes]", given: bytes, *, is_remote: bool
    ) -> tuple[bytes, bytes]:
        deadline = time.monotonic() + self.limits.total_s - self._spent_s
        pending: bytes | None = given
        while True:
            told = None
            try:
                told = process.communicate(pending, timeout=CHECK_SECONDS)
            except subprocess.TimeoutExpired:
                pending = None
            if is_remote and (size := _size(self.folder)) > self.limits.max_bytes:
                raise GitError(
                    f"{shown(self.url)}: the copy has {size} bytes, more than the "
                    f"{self.limits.max_bytes} of DENSING_GIT_MAX_BYTES"
                )
            if told is not None:
                return told
            if is_remote and time.monotonic() > deadline:
                raise GitError(
                    f"{shown(self.url)}: not fetched within {self.limits.total_s:g} s; set "
                    "DENSING_GIT_SECONDS for more, and start again: what has arrived whole is kept"
                )

    def _status(self, *arguments: str) -> int:
        process = self._start(arguments, is_remote=False)
        process.communicate()
        return process.returncode

    def _start(self, arguments: Sequence[str], *, is_remote: bool) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(  # noqa: S603
                ["git", "--no-pager", *arguments],  # noqa: S607
                cwd=self.folder,
                env=self._environment(is_remote=is_remote),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if arguments[0] != "cat-file" else subprocess.DEVNULL,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise GitError("git is not installed; install it, or load a folder of files") from error

    def _environment(self, *, is_remote: bool) -> dict[str, str]:
        """The whole environment of git: the address goes in here, so that no list of processes shows it.

        User and password go as a header, for git names the address on the command line of the program that asks it.
        """
        address, header = _without_user(self.url)
        scheme = urlparse(self.url).scheme
        configuration = {
            "remote.origin.promisor": "true",
            "remote.origin.partialclonefilter": "blob:none",
            "core.hooksPath": os.devnull,
            "core.fsmonitor": "false",
            "credential.helper": "",
            "protocol.ext.allow": "never",
            "protocol.file.allow": "never",
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(SILENCE_SECONDS),
            "gc.auto": "0",
            "maintenance.auto": "false",
        }
        if is_remote:
            configuration |= {"remote.origin.url": address}
            configuration |= {"http.extraHeader": header} if header else {}
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "HOME": str(self.folder.absolute()),
            "LC_ALL": "C",
            "GIT_DIR": ".",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_ALLOW_PROTOCOL": scheme if is_remote else "none",
            "GIT_CONFIG_COUNT": str(len(configuration)),
            **{f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(configuration)},
            **{f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(configuration.values())},
        }


def _changes(told: bytes) -> Iterator[Change]:
    """The commits of the output of `git log --raw -z`."""
    fields = iter(told.decode(errors="surrogateescape").split("\0"))
    commit, seconds, files = "", 0, dict[str, Entry | None]()
    for text in fields:
        word = text.lstrip("\n")
        if word.startswith("\x01"):
            if commit:
                yield Change(commit, datetime.fromtimestamp(seconds, UTC), files)
            commit, _, when = word[1:].partition(" ")
            seconds, files = int(when), {}
        elif word.startswith(":"):
            _, mode, _, blob, status = word.split(" ")
            is_file = status != "D" and int(mode, 8) != SUBMODULE
            files[next(fields)] = Entry(int(mode, 8), blob) if is_file else None
    if commit:
        yield Change(commit, datetime.fromtimestamp(seconds, UTC), files)


def _size(folder: Path) -> int:
    """Bytes of the files of a folder, those that vanish meanwhile left out."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            size += path.stat().st_size
    return size


def _without_user(url: str) -> tuple[str, str | None]:
    """An address without user and password, and the header that these become; None if there are none."""
    parts = urlparse(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = user.partition(":")
    credentials = basic_credentials(unquote(name), unquote(password))
    return parts._replace(netloc=host).geturl(), f"Authorization: Basic {credentials}"


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process and those it started, and close its pipes."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
