"""Isolation by Linux namespaces with bubblewrap: no daemon, no image, about 20 ms a program.

The sandboxed process sees `/usr` read-only, a small writable `/tmp` in memory, its own `/proc` and
`/dev`; no network, no environment variables and no other processes. Not here: resource limits, which
the runner sets on itself (`runner`), and the filter of system calls (`seccomp`).
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from densing_pipeline.evaluation.sandbox.sandbox import SCRATCH_BYTES, SandboxError
from densing_pipeline.evaluation.sandbox.seccomp import filter_program

NOBODY = "65534"

LINKS = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")
"""Directories outside `/usr` that programs need to start; on current systems links into `/usr`."""

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
"""A fixed hash seed gives sets the same order in every run, so that a verdict can be repeated."""


@dataclass(frozen=True)
class Bubblewrap:
    """One bubblewrap per program.

    Attributes:
        bwrap: its executable.
        python: interpreter inside; its folder is mounted if it lies outside `/usr`.
        setpriv: executable that drops root first, for process limits do not apply to root; None if
            this process is not root.
        version: output of `bwrap --version`.
    """

    bwrap: str
    python: str
    setpriv: str | None
    version: str

    @classmethod
    def find(cls, python: str) -> "Bubblewrap":
        """The installed bubblewrap.

        Raises:
            SandboxError: a program is not installed; the message names it.
        """
        bwrap, setpriv = shutil.which("bwrap"), shutil.which("setpriv")
        if bwrap is None:
            raise SandboxError("no bubblewrap: install the package bubblewrap")
        if os.geteuid() == 0 and setpriv is None:
            raise SandboxError("no setpriv, which gives up root: install the package util-linux")
        try:
            filter_program()
        except KeyError as error:
            raise SandboxError(f"no filter of system calls for machine {error}") from error
        said = subprocess.run(  # noqa: S603 - a path found by which
            [bwrap, "--version"], capture_output=True, text=True, check=False
        )
        return cls(bwrap, python, setpriv if os.geteuid() == 0 else None, said.stdout.strip())

    @property
    def name(self) -> str:
        """Kind and version."""
        return self.version

    @contextmanager
    def around(self, label: str, inside: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
        """The command and the file with the filter. The kernel ends all sandboxed processes with it."""
        with tempfile.TemporaryFile() as calls:
            calls.write(filter_program())
            calls.seek(0)
            yield self._command(label, inside, calls.fileno()), [calls.fileno()]

    def _command(self, label: str, inside: Sequence[str], calls: int) -> list[str]:
        drop = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]
        return [
            *([self.setpriv, *drop] if self.setpriv else []),
            self.bwrap,
            "--unshare-all", "--unshare-user", "--as-pid-1", "--die-with-parent", "--new-session",
            "--hostname", label, "--clearenv",
            *(part for name, value in ENVIRONMENT.items() for part in ("--setenv", name, value)),
            "--ro-bind", "/usr", "/usr", *_links(), *_interpreter(self.python),
            "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev",
            "--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp",  # noqa: S108 - the sandbox's own
            "--remount-ro", "/", "--chdir", "/tmp",  # noqa: S108
            "--cap-drop", "ALL", "--seccomp", str(calls), "--",
            *inside,
        ]  # fmt: skip


def _links() -> list[str]:
    parts: list[str] = []
    for place in map(Path, LINKS):
        if place.is_symlink():
            parts += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            parts += ["--ro-bind", str(place), str(place)]
    return parts


def _interpreter(python: str) -> list[str]:
    """Mount of the folder of an interpreter outside `/usr`."""
    folder = Path(python).parents[1]
    return [] if folder.is_relative_to("/usr") else ["--ro-bind", str(folder), str(folder)]
