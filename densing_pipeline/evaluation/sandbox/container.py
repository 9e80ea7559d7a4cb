"""Isolation by a container engine, podman or docker, for machines without bubblewrap.

The engine's own filter of system calls applies. No image is fetched: it must be present. An engine
that does not isolate as required fails the probes (`selection`). Not here: resource limits, which the
runner sets on itself; the engine limits memory and processes as well.
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from densing_pipeline.evaluation.sandbox.bubblewrap import ENVIRONMENT, NOBODY
from densing_pipeline.evaluation.sandbox.sandbox import LIMITS, SCRATCH_BYTES, SandboxError

IMAGE = "docker.io/library/python:3.11-slim"


@dataclass(frozen=True)
class Container:
    """One container per program.

    Attributes:
        engine: executable of podman or docker.
        version: output of `--version`.
        image: image with a `python3` of 3.10 or newer.
    """

    engine: str
    version: str
    image: str = IMAGE

    @classmethod
    def find(cls, kind: str) -> "Container":
        """The installed engine.

        Raises:
            SandboxError: it is not installed.
        """
        engine = shutil.which(kind)
        if engine is None:
            raise SandboxError(f"no {kind}: it is not installed")
        said = subprocess.run(  # noqa: S603 - a path found by which
            [engine, "--version"], capture_output=True, text=True, check=False
        )
        return cls(engine, said.stdout.strip())

    @property
    def name(self) -> str:
        """Kind, version and image."""
        return f"{self.version}, {self.image}"

    @contextmanager
    def around(self, label: str, inside: Sequence[str]) -> Iterator[tuple[list[str], list[int]]]:
        """The command; afterwards the container is removed, for it outlives its client process."""
        try:
            yield self._command(label, inside), []
        finally:
            subprocess.run(  # noqa: S603 - our own command line
                [self.engine, "rm", "--force", label], capture_output=True, check=False
            )

    def _command(self, label: str, inside: Sequence[str]) -> list[str]:
        memory, processes = str(LIMITS["RLIMIT_AS"]), str(LIMITS["RLIMIT_NPROC"])
        return [
            self.engine, "run", "--rm", "--interactive", "--name", label, "--pull", "never",
            "--network", "none", "--ipc", "none", "--read-only", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--user", f"{NOBODY}:{NOBODY}",
            "--memory", memory, "--memory-swap", memory, "--pids-limit", processes,
            "--tmpfs", f"/tmp:rw,nosuid,nodev,size={SCRATCH_BYTES}", "--workdir", "/tmp",  # noqa: S108
            *(part for name, value in ENVIRONMENT.items() for part in ("--env", f"{name}={value}")),
            self.image, *inside,
        ]  # fmt: skip
