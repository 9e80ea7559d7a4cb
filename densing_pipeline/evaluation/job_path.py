"""The module path that the evaluation job is started with."""

from pathlib import Path

import densing_pipeline
from densing_pipeline import files


def package_alone(state_dir: Path) -> Path:
    """A folder with nothing but this package in it, for the job's module path.

    The folder the package is installed in may hold the orchestrator's libraries as well, which must
    not get before the evaluation environment's own.
    """
    folder, package = state_dir.absolute() / "job", Path(densing_pipeline.__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / package.name
    if not link.is_symlink() or link.readlink() != package:
        files.link(link, package)
    return folder
