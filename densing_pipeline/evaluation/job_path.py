"""How the evaluation job is started in its own environment."""

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import densing_pipeline
from densing_pipeline import files
from densing_pipeline.evaluation import node_start


def environment_lacks(python: Path) -> str | None:
    """Message if the evaluation environment is missing, else None.

    Args:
        python: its Python.
    """
    return (
        None
        if python.exists()
        else f"there is no {python.absolute()}; `make evaluation-env` builds it"
    )


def job_command(
    python: Path, options: Mapping[str, object], module: Literal["job", "preflight"] = "job"
) -> list[str]:
    """The job's command line, or that of the check before it.

    Args:
        python: Python of the evaluation environment, absolute; only the link's own path, not where it
            leads, makes it the environment's Python.
        options: value of each option; those that are None are left out.
        module: what is run.
    """
    given = [str(part) for pair in options.items() if pair[1] is not None for part in pair]
    return [str(python), "-m", f"densing_pipeline.evaluation.{module}", *given]


def check_command(
    python: Path,
    state_dir: Path,
    cache: Path,
    store: str | None = None,
    order: str | None = None,
) -> list[str]:
    """Command line of the check before evaluations.

    Args:
        python: as of `job_command`.
        state_dir: where the verdict is kept.
        cache: folder of the weights.
        store: address of the object store that the verdict is sent to; None if it stays there.
        order: name under which the orchestrator starts the check.
    """
    options: dict[str, object] = {"--state-dir": state_dir.absolute(), "--cache": cache.absolute()}
    options |= {"--store": store, "--order": order}
    return job_command(python.absolute(), options, "preflight")


def job_environment(module_path: Path | None, hub_endpoint: str | None) -> dict[str, str]:
    """Environment variables of the job and of the check, beside those of this process.

    Args:
        module_path: folder with this package (`package_alone`, `package_copied`); None if the job fetches it.
        hub_endpoint: address of the Hub, unless it is the usual one.
    """
    # Otherwise the Hub's library downloads a list of coding agents for its User-Agent.
    told = {"HF_HUB_DISABLE_TELEMETRY": "1"}
    told |= {"PYTHONPATH": str(module_path)} if module_path else {}
    return told | ({"HF_ENDPOINT": hub_endpoint} if hub_endpoint else {})


def fetching(command: Sequence[str], address: str, sha256: str, packages: Path) -> list[str]:
    """The command line of a job or check on a machine that fetches this package from an object store first.

    Args:
        command: as `job_command` returns it.
        address: of the store, without secrets.
        sha256: of the package there (`packed`).
        packages: folder on that machine, of all versions of this package.
    """
    python, *rest = command
    return [
        python,
        "-c",
        Path(node_start.__file__).read_text(),
        address,
        sha256,
        str(packages),
        *rest,
    ]


def package_alone(job_dir: Path) -> Path:
    """A folder with nothing but this package in it, for the job's module path.

    The folder the package is installed in may hold the orchestrator's libraries as well, which must
    not get before the evaluation environment's own.

    Args:
        job_dir: the folder, which is made if there is none.
    """
    folder, package = job_dir.absolute(), Path(densing_pipeline.__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / package.name
    if not link.is_symlink() or link.readlink() != package:
        files.link(link, package)
    return folder


def package_copied(job_dir: Path) -> Path:
    """A folder with a copy of this package in it, for machines that share the state directory alone.

    The folder's name is a hash of the files, so a job that runs while the package is updated keeps its own. Its time is
    that of its last use, by which maintenance deletes copies of earlier versions, 6 MB each.

    Args:
        job_dir: the folder of all copies.

    Raises:
        OSError: it cannot be written.
    """
    package, paths = _package_files()
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(package)}\n{files.file_sha256(path)}\n".encode())
    folder = job_dir.absolute() / digest.hexdigest()[:16]
    if folder.exists():
        os.utime(folder)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".copy-", dir=folder.parent) as made:
        whole = Path(made) / "whole"
        for path in paths:
            target = whole / package.name / path.relative_to(package)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        files.flush(whole)
        try:
            whole.rename(folder)
        except OSError:
            # Another process may have made the same copy meanwhile.
            if not folder.exists():
                raise
    return folder


def packed() -> bytes:
    """This package as a zip archive, the same bytes whenever they are made of the same files."""
    package, paths = _package_files()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            name = (Path(package.name) / path.relative_to(package)).as_posix()
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _package_files() -> tuple[Path, list[Path]]:
    """The folder of this package and its files, sorted."""
    package = Path(densing_pipeline.__file__).parent
    return package, sorted(
        path
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.relative_to(package).parts
    )
