"""What evaluating on NVIDIA GPUs needs of a machine, and whether this one has it.

Run before the environment is built, with the machine's own Python: it imports the standard library alone.
Not here: whether the environment that was built works (`preflight`).
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

LEAST_DRIVER = 580
"""Major version of the oldest NVIDIA driver for CUDA 13, which the locked torch is built for (CUDA 13.0
release notes, table 3)."""

INSTALL_GB = 14
"""GB of disk that building takes: 8.65 installed, 3.6 downloaded, and some to spare."""

SHARED_MEMORY, SHARED_MEMORY_GB = "/dev/shm", 1  # noqa: S108
"""Memory that the processes of several GPUs share, and GB of it; containers often have 0.06. An estimate."""

GB = 10**9


def lacking(n_gpus: int | None = None) -> Iterator[str]:
    """What a machine with NVIDIA GPUs lacks to evaluate models, each with the remedy.

    Args:
        n_gpus: GPUs of the machine; None to ask `nvidia-smi`.
    """
    drivers = driver_versions()
    if not drivers:
        yield "no NVIDIA GPU: nvidia-smi lists none; install the driver, or see `nvidia-smi` for its error"
    elif (version := min(drivers, key=_major)) and _major(version) < LEAST_DRIVER:
        yield (
            f"NVIDIA driver {version} is too old for CUDA 13: install {LEAST_DRIVER} or newer "
            "(of a container: on its host)"
        )
    if not compiler():
        yield "no C compiler, with which Triton builds its launchers: apt install gcc, or set CC"
    if not (header := python_header()).is_file():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        yield f"no {header}, which Triton compiles against: apt install python{version}-dev"
    several = (len(drivers) if n_gpus is None else n_gpus) > 1
    if several and (size := _shared_memory()) is not None and size < SHARED_MEMORY_GB * GB:
        yield (
            f"{SHARED_MEMORY} has {size / GB:.2f} GB, several GPUs need {SHARED_MEMORY_GB}: start the container "
            "with --ipc=host or --shm-size=8g"
        )


def no_room(folder: Path) -> str | None:
    """Message if the disk of a folder has no room for the environment, else None."""
    free = shutil.disk_usage(folder).free
    if free >= INSTALL_GB * GB:
        return None
    return f"{INSTALL_GB} GB of disk needed to build the environment, {free / GB:.1f} are free in {folder}"


def driver_versions() -> list[str]:
    """Version of the NVIDIA driver, once for each GPU; empty without a driver that answers."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listed.stdout.splitlines() if line.strip()]


def compiler() -> str | None:
    """The C compiler that Triton takes (`triton/runtime/build.py`): `CC`, else gcc or clang; None without."""
    named = os.environ.get("CC")
    return shutil.which(named) if named else shutil.which("gcc") or shutil.which("clang")


def python_header() -> Path:
    """The header that Triton compiles against, where it looks for it."""
    scheme = sysconfig.get_default_scheme()
    # Triton takes Debian's scheme for local packages as that of the system.
    scheme = "posix_prefix" if scheme == "posix_local" else scheme
    return Path(sysconfig.get_path("include", scheme), "Python.h")


def main() -> int:
    """Print what is lacking; fail if the environment could not even be built.

    `python -m densing_pipeline.evaluation.prerequisites --install FOLDER`
    """
    folder = Path(sys.argv[2] if sys.argv[1:2] == ["--install"] else ".")
    for each in lacking():
        sys.stderr.write(f"Before an evaluation: {each}\n")
    if problem := no_room(folder):
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _major(version: str) -> int:
    number = version.partition(".")[0]
    return int(number) if number.isdigit() else 0


def _shared_memory() -> int | None:
    """Bytes of `/dev/shm`; None where there is none."""
    try:
        return shutil.disk_usage(SHARED_MEMORY).total
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main())
