"""Selects the sandbox of this machine, after probes that try to break out of it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from densing_pipeline.evaluation.sandbox.bubblewrap import Bubblewrap
from densing_pipeline.evaluation.sandbox.container import Container
from densing_pipeline.evaluation.sandbox.sandbox import (
    PROGRAM_SECONDS,
    Isolation,
    Sandbox,
    SandboxError,
)

Kind = Literal["auto", "bubblewrap", "podman", "docker", "none"]

SYSTEM_PYTHON = "/usr/bin/python3"

PROBES = {
    "a right program passes": ("def f(): return [1, (2, 3)]", "assert f() == [1, (2, 3)]", True),
    "a wrong program fails": ("def f(): return 1", "assert f() == 2", False),
    "a program that ends itself fails": ("import os\nos._exit(0)", "pass", False),
    "there is no network": (
        """
import socket
def f():
    with open("/proc/net/route") as routes:
        found = routes.read().splitlines()[1:]
    try:
        socket.create_connection(("192.0.2.1", 9), 1)
    except OSError:
        return found
    return [*found, "connected"]
""",
        "assert f() == []",
        True,
    ),
    "there is no home": (
        """
import os
def f():
    found = []
    for place in ("/root", "/home", "/mnt", "/srv"):
        try:
            found += os.listdir(place)
        except OSError:
            pass
    return found
""",
        "assert f() == []",
        True,
    ),
    "there is no environment": (
        "import os\ndef f(): return sorted(os.environ)",
        "assert not set(f()) - {'LANG', 'LC_CTYPE', 'PATH', 'PWD', 'PYTHONHASHSEED', 'HOME',"
        " 'HOSTNAME', 'container', 'GPG_KEY', 'PYTHON_VERSION', 'PYTHON_SHA256'}",
        True,
    ),
    "the system cannot be written": (
        """
def f():
    found = []
    for place in ("/x", "/usr/x", "/dev/x", "/dev/shm/x"):
        try:
            open(place, "w")
        except OSError:
            continue
        found.append(place)
    return found
""",
        "assert f() == []",
        True,
    ),
    "memory is limited": (
        """
def f():
    try:
        bytearray(2 * 2**30)
    except MemoryError:
        return "refused"
""",
        "assert f() == 'refused'",
        True,
    ),
    "processes are limited": (
        """
import os, signal
def f():
    children = []
    try:
        for _ in range(200):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError:
        return "refused"
    finally:
        for child in children:
            os.kill(child, 9)
""",
        "assert f() == 'refused'",
        True,
    ),
}
"""Probes of a sandbox by claim: program, tests, and whether the program passes them."""


def open_sandbox(
    kind: Kind = "auto", *, seconds: float = PROGRAM_SECONDS, workers: int = 0
) -> Sandbox:
    """The sandbox of this machine, after it passed all probes.

    Args:
        kind: kind of isolation; `auto` takes the first that passes, `none` refuses to run programs.
        seconds: processor time of one program with its tests.
        workers: programs run at the same time; 0 for one per processor.

    Raises:
        SandboxError: no sandbox passes; the message has the reason for each kind.
    """
    wrong: list[str] = []
    for isolation, python in _candidates(kind, wrong):
        sandbox = Sandbox(isolation, python, seconds, workers or os.cpu_count() or 1)
        try:
            failed = failed_probes(sandbox)
        except SandboxError as error:
            wrong.append(str(error))
            continue
        if not failed:
            return sandbox
        wrong.append(f"{sandbox.name} does not meet: {'; '.join(failed)}")
    raise SandboxError(
        "programs are not run, because no sandbox passes its probes: "
        + ("; ".join(wrong) or "switched off (none)")
    )


def failed_probes(sandbox: Sandbox) -> list[str]:
    """Claims of the probes that a sandbox does not meet, with reasons.

    Raises:
        SandboxError: the sandbox does not start.
    """
    verdicts = sandbox.check_all([(program, tests) for program, tests, _ in PROBES.values()])
    return [
        f"{claim} ({verdict.reason})" if verdict.reason else claim
        for (claim, (_, _, passes)), verdict in zip(PROBES.items(), verdicts, strict=True)
        if verdict.passed != passes
    ]


def _candidates(kind: Kind, wrong: list[str]) -> Iterator[tuple[Isolation, str]]:
    """Kinds of isolation and interpreters to try; for one that is not installed, a message in `wrong`."""
    if kind in ("auto", "bubblewrap"):
        own = str(Path(sys.base_prefix, "bin", "python3").resolve())
        for python in dict.fromkeys((own, str(Path(SYSTEM_PYTHON).resolve()))):
            try:
                yield Bubblewrap.find(python), python
            except SandboxError as error:
                wrong.append(str(error))
                break
    for engine in ("podman", "docker"):
        if kind in ("auto", engine):
            try:
                yield Container.find(engine), "python3"
            except SandboxError as error:
                wrong.append(str(error))
