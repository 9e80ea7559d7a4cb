"""The job runs where the orchestrator's libraries are not."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from densing_pipeline.evaluation import math_worker
from densing_pipeline.evaluation.sandbox import runner

LOADED = """
import sys
before = set(sys.modules)
import densing_pipeline.evaluation.job
for name in sorted(set(sys.modules) - before):
    print(name)
"""

ORCHESTRATOR = {"dagster", "pandera", "pydantic", "pydantic_settings", "scipy", "altair"}


@pytest.fixture(scope="module")
def loaded():
    """Names of the modules that importing the job loads."""
    listed = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def test_the_job_imports_nothing_of_the_orchestrator(loaded):
    assert "densing_pipeline.evaluation.suite" in loaded
    assert not {name.partition(".")[0] for name in loaded} & ORCHESTRATOR
    ours = {name for name in loaded if name.startswith("densing_pipeline.tables")}
    # The patterns of identifiers need nothing but the standard library.
    assert ours <= {"densing_pipeline.tables", "densing_pipeline.tables.identifiers"}
    assert "densing_pipeline.settings" not in loaded


def test_the_engine_is_imported_only_when_a_model_is_loaded(loaded):
    assert not {"vllm", "torch", "transformers"} & loaded


def test_the_library_of_object_stores_is_imported_only_when_one_is_used(loaded):
    assert "densing_pipeline.evaluation.folder_store" in loaded
    assert not any(name.startswith("obstore") for name in loaded)


@pytest.mark.parametrize("program", [math_worker, runner])
def test_a_program_that_runs_by_itself_imports_nothing_of_the_package(program):
    """Its process finds no other module: what judges or runs the text of a model has its file alone."""
    imported = {
        name
        for node in ast.walk(ast.parse(Path(program.__file__).read_text(encoding="utf-8")))
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert "json" in imported
    assert not [name for name in imported if name.startswith("densing_pipeline")]
