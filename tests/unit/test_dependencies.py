"""What is imported is declared: no module works only because another library brings what it needs."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.heavy
"""Reads every file of the repository, whatever the Python."""

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OURS = {"densing_pipeline", "assets", "schedules", "tests", "benchmarks", "docs"}

EVALUATION = ("evaluation.in", "cuda.in", "cpu.in")
"""What the environment of the evaluation job declares, which cannot be installed beside Dagster."""

WITH_VLLM = {"torch", "transformers", "tokenizers", "safetensors"}
"""Libraries that vLLM pins."""

OF_THE_ENGINES_TESTS = {"datasets", "evaluate", "lm-eval", "math-verify"}
"""Libraries of the environment in which tests/engine and tests/oracle run."""


def declared(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


LIBRARIES = declared(PROJECT["project"]["dependencies"])
OPTIONAL = declared(
    [line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
)
"""Libraries of what one can do without; the module that imports one is imported where it is asked for."""

DEVELOPMENT = LIBRARIES | declared(
    [line for lines in PROJECT["dependency-groups"].values() for line in lines]
)
IN_THE_JOB = declared(
    [
        line
        for name in EVALUATION
        for line in (ROOT / "environments" / name).read_text(encoding="utf-8").splitlines()
        if re.match(r"[a-z]", line)
    ]
)


@cache
def imported(folder: str) -> tuple[tuple[str, str], ...]:
    """Every module of others that a folder's files import, with the file."""
    return tuple(modules_imported(folder))


def modules_imported(folder: str) -> Iterator[tuple[str, str]]:
    """The same, file by file."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in {each.partition(".")[0] for each in names}:
                if name not in sys.stdlib_module_names and name not in OURS:
                    yield name, str(path.relative_to(ROOT))


def undeclared(folder: str, allowed: set[str]) -> list[str]:
    """The imports of a folder that no declared library installs."""
    installs = {
        name: {canonicalize_name(each) for each in found}
        for name, found in packages_distributions().items()
    }
    return sorted(
        {
            f"{name} in {where}"
            for name, where in imported(folder)
            if not installs.get(name, {canonicalize_name(name)}) & allowed
        }
    )


@pytest.mark.parametrize("folder", ["assets", "schedules"])
def test_every_import_is_declared(folder: str) -> None:
    assert list(imported(folder)), "the folder was read"
    assert undeclared(folder, LIBRARIES) == []


def test_every_import_of_the_package_is_declared_for_its_environment() -> None:
    bad = undeclared("densing_pipeline", LIBRARIES | OPTIONAL)
    job = set(undeclared("densing_pipeline/evaluation", LIBRARIES | IN_THE_JOB | WITH_VLLM))
    assert [each for each in bad if " in densing_pipeline/evaluation/" not in each] == []
    assert job == set()


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "docs"])
def test_every_import_of_what_is_around_the_package_is_declared(folder: str) -> None:
    allowed = DEVELOPMENT | IN_THE_JOB | WITH_VLLM | OF_THE_ENGINES_TESTS
    assert undeclared(folder, allowed) == []


def test_every_declared_library_is_imported() -> None:
    installs = packages_distributions()
    used = {
        canonicalize_name(each)
        for folder in ("densing_pipeline", "assets", "schedules")
        for name, _ in imported(folder)
        for each in installs.get(name, [])
    }
    assert LIBRARIES - used == set()


def test_an_import_that_only_another_library_brings_is_found(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("import os\nimport markupsafe._native\nimport polars\n")
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert undeclared("room", LIBRARIES) == ["markupsafe in room/a.py"]
