"""A Slurm cluster of one node on this machine: munge, controller and node daemon of Debian's package `slurm-wlm`."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "scancel")

CONFIGURATION = """
ClusterName=densing
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmctldPort={port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass
class Cluster:
    """A cluster that is up; commands of this process are told of it by `SLURM_CONF`."""

    controller: subprocess.Popen[bytes]
    node: subprocess.Popen[bytes]

    def start_node(self) -> None:
        """Start the node again after it was killed."""
        self.node.wait()
        self.node = _started("slurmd", "-D")
        self.until_idle()

    def until_idle(self) -> None:
        """Wait until the node takes jobs."""
        while "State=IDLE" not in _node():
            assert (self.controller.poll(), self.node.poll()) == (None, None), "a daemon ended"
            time.sleep(0.2)


@contextmanager
def serving(folder: Path) -> Iterator[Cluster]:
    """A cluster; skips the test where its programs or root are lacking."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking or os.geteuid():
        pytest.skip(f"needs root and Slurm (Debian: slurm-wlm munge); lacking: {lacking}")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        ports = first.getsockname()[1], second.getsockname()[1]
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            host=socket.gethostname().partition(".")[0],
            folder=folder,
            port=ports[0],
            node_port=ports[1],
            processors=os.cpu_count(),
        )
    )
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        munge = _started(
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
            f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
        )  # fmt: skip
        stack.callback(_end, munge)
        while not (folder / "munge.socket").exists():
            assert munge.poll() is None, "munged ended"
            time.sleep(0.05)
        cluster = Cluster(_started("slurmctld", "-D"), _started("slurmd", "-D"))
        stack.callback(lambda: _end(cluster.controller))
        stack.callback(lambda: _end(cluster.node))
        cluster.until_idle()
        yield cluster


def _started(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    process.kill()
    process.wait()


def _node() -> str:
    return subprocess.run(
        ["scontrol", "show", "node"],  # noqa: S607
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
