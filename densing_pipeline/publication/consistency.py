"""Check that stored tables were computed with the same settings, code and inputs.

The parquet file of each table in the state directory has these in its metadata. A release is
refused unless all its tables agree with the run that publishes them; otherwise `datapackage.json`
would state, for example, a seed with which some tables were not computed. Published tables have no
such metadata, so that their bytes depend on their content alone.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import polars as pl

from densing_pipeline import files
from densing_pipeline.settings import Settings
from densing_pipeline.tables.schemas import TableError

LIBRARIES = ("densing-pipeline", "polars", "numpy", "scipy", "numba", "genai-prices")
"""Packages whose version can change a published number."""

PACKAGE = Path(__file__).parents[1]
"""The folder of the package that this process runs."""

KEY = "densing_pipeline.made_with"
"""Name of the entry in the metadata of a parquet file."""

REMEDY = (
    "run the whole night, which makes every table again: `make run`, or the job `nightly` in the UI"
)


class MixedTablesError(TableError):
    """Tables differ in settings, code or inputs; the message names them and the remedy."""


class ReplacedError(TableError):
    """Code, facts or libraries were replaced on disk after this process began; the message says which."""


@dataclass(frozen=True)
class Installed:
    """The installed code and data that decide results besides settings and inputs.

    Attributes:
        code: SHA-256 of the package's Python files.
        facts: SHA-256 of the package's other files.
        libraries: version by package.
    """

    code: str
    facts: str
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class MadeWith:
    """Settings, code and inputs with which a table was computed.

    Attributes:
        settings: the settings that decide results, as text by variable name.
        code: SHA-256 of the package's Python files.
        facts: SHA-256 of the package's other files.
        libraries: version by package.
        inputs: SHA-256 by name of every table it was computed from, and of the landed price lists.
    """

    settings: Mapping[str, str]
    code: str
    facts: str
    libraries: Mapping[str, str]
    inputs: Mapping[str, str] = field(default_factory=dict)

    def with_inputs(self, inputs: Mapping[str, str]) -> "MadeWith":
        """A copy with the inputs of one table."""
        return replace(self, inputs=dict(sorted(inputs.items())))

    def to_metadata(self) -> dict[str, str]:
        """The entry for the metadata of a parquet file; the same values give the same bytes."""
        return {KEY: json.dumps(asdict(self), sort_keys=True)}


def made_with(settings: Settings) -> MadeWith:
    """The settings, code, facts and libraries of this process; `inputs` is empty."""
    here = running()
    return MadeWith(settings.decisive(), here.code, here.facts, here.libraries)


@functools.cache
def running() -> Installed:
    """What was on disk when this was first called, and so what this process runs.

    A run calls it before it waits for another one: an update may come while it waits.
    """
    return _installed()


def check_not_replaced() -> None:
    """Raise if an update came after this process had begun.

    Modules are loaded, facts read and worker processes started throughout a run, so its tables would
    come from both versions.

    Raises:
        ReplacedError: what `running` gives is no longer on disk.
    """
    before, now = running(), _installed()
    replaced = {
        "the code": before.code != now.code,
        "the bundled facts": before.facts != now.facts,
        "a library": before.libraries != now.libraries,
    }
    if any(replaced.values()):
        what = " and ".join(name for name, is_replaced in replaced.items() if is_replaced)
        raise ReplacedError(
            f"{what} changed on disk after this run had started, so its tables would come from two "
            "versions; no release was made. Start the whole night again"
        )


def read_made_with(path: Path) -> MadeWith | None:
    """Read the metadata of a stored table; None if it has none or it is unreadable.

    Raises:
        TableError: the file is missing or damaged.
    """
    try:
        entry = pl.read_parquet_metadata(path).get(KEY)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path}: cannot be read ({error}); {REMEDY}") from error
    try:
        return None if entry is None else MadeWith(**json.loads(entry))
    except (ValueError, TypeError):
        return None


def check_made_together(folder: Path, names: tuple[str, ...], here: MadeWith) -> None:
    """Raise unless all tables were made with the same settings, code and inputs.

    Args:
        folder: where the tables are stored.
        names: the tables of the release.
        here: settings, code and libraries of the process that publishes.

    Raises:
        MixedTablesError: naming the tables that differ, in what, and the remedy.
        TableError: a file is missing or damaged.
    """
    paths = {name: folder / f"{name}.parquet" for name in names}
    stored = {name: read_made_with(path) for name, path in paths.items()}
    if silent := [name for name, made in stored.items() if made is None]:
        raise MixedTablesError(
            f"no release: {_some(silent)} in {folder} do not say what they were made with, as an older "
            f"version of the pipeline wrote them; {REMEDY}"
        )
    known = {name: made for name, made in stored.items() if made is not None}
    hashes = {name: files.file_sha256(path) for name, path in paths.items()}
    if problems := [*_other_settings(known, here), *_other_code(known, here),
                    *_other_inputs(known, hashes)]:  # fmt: skip
        raise MixedTablesError(
            f"no release: the tables in {folder} were not made together. {'; '.join(problems)}. "
            f"Remedy: {REMEDY}"
        )


def _other_settings(stored: Mapping[str, MadeWith], here: MadeWith) -> list[str]:
    problems = []
    for variable, value in here.settings.items():
        tables: dict[str, list[str]] = {}
        for name, made in stored.items():
            tables.setdefault(made.settings.get(variable, "not known"), []).append(name)
        problems += [
            f"{variable} is {value} for this release, {other} for {_some(names)}"
            for other, names in tables.items()
            if other != value
        ]
    return problems


def _other_code(stored: Mapping[str, MadeWith], here: MadeWith) -> list[str]:
    found = {
        "another version of the code": [n for n, made in stored.items() if made.code != here.code],
        "other bundled facts": [n for n, made in stored.items() if made.facts != here.facts],
        "other versions of libraries": [
            n for n, made in stored.items() if made.libraries != here.libraries
        ],
    }
    return [f"{what} made {_some(names)}" for what, names in found.items() if names]


def _other_inputs(stored: Mapping[str, MadeWith], hashes: Mapping[str, str]) -> list[str]:
    """Tables that were computed from an earlier version of another table of the release."""
    problems: dict[str, list[str]] = {}
    landed: dict[str, dict[str, list[str]]] = {}
    for name, made in stored.items():
        for source, sha256 in made.inputs.items():
            if source not in hashes:
                landed.setdefault(source, {}).setdefault(sha256, []).append(name)
            elif sha256 != hashes[source]:
                problems.setdefault(source, []).append(name)
    told = [
        f"{_some(names)} came from an earlier version of {source}"
        for source, names in problems.items()
    ]
    told += [
        f"{' and '.join(_some(names) for names in versions.values())} came from different versions "
        f"of {source}"
        for source, versions in landed.items()
        if len(versions) > 1
    ]
    return told


def _some(names: list[str], most: int = 6) -> str:
    """Names for a sentence, the first few."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{rest}"


def _installed() -> Installed:
    """What is on disk now.

    In a checkout the assets lie beside the package, in an installation below it.
    """
    folders = [PACKAGE]
    if (PACKAGE.parent / "pyproject.toml").exists():
        folders.append(PACKAGE.parent / "assets")
    code, facts = hashlib.sha256(), hashlib.sha256()
    for folder in folders:
        for path in _files_below(folder):
            digest = code if path.suffix == ".py" else facts
            digest.update(f"{path.relative_to(folder.parent)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    libraries = {name: version(name) for name in LIBRARIES}
    return Installed(code.hexdigest(), facts.hexdigest(), libraries)


def _files_below(folder: Path) -> list[Path]:
    """The files that belong to the package: no bytecode, also half written, and no file of an editor."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".pyc"
        and not any(
            part == "__pycache__" or part.startswith((".", "#")) or part.endswith("~")
            for part in path.relative_to(folder).parts
        )
    ]
