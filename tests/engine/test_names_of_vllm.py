"""Arguments, variables and files of vLLM that the code uses and docs/evaluation.md names are those of the pinned version."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CODE = REPOSITORY / "densing_pipeline" / "evaluation"


@pytest.fixture(scope="module")
def vllm():
    """The package."""
    return pytest.importorskip("vllm", reason="needs the evaluation environment: make test-engine")


@pytest.fixture(scope="module")
def table() -> list[list[str]]:
    """Rows of the table of what is used: what, where, and why."""
    text = (REPOSITORY / "docs" / "evaluation.md").read_text(encoding="utf-8")
    section = text.partition("## What is used of vLLM")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return rows[1:]


def calls(name: str) -> set[str]:
    """Names of the arguments with which a function is called anywhere in the code."""
    found: set[str] = set()
    for path in CODE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                found |= {each.arg for each in node.keywords if each.arg}
    return found


def test_the_version_is_the_one_that_was_read(vllm):
    assert vllm.__version__.partition("+")[0] == "0.32.0"


def test_all_files_named_are_there(vllm, table):
    named = {path for row in table for path in re.findall(r"`([\w/]+\.py)`", row[1])}
    assert len(named) > 10
    root = Path(vllm.__file__).parent
    assert {path for path in named if not (root / path).is_file()} == set()


def test_all_arguments_used_are_vllms_and_named(vllm, table):
    from vllm.engine.arg_utils import EngineArgs

    told = " ".join(row[0] for row in table)
    of_engine, of_requests = calls("LLM"), calls("SamplingParams") | {"temperature", "output_kind"}
    assert {"max_model_len", "seed"} <= of_engine
    assert {"prompt_logprobs", "logprob_token_ids"} <= of_requests
    assert of_engine <= {each.name for each in fields(EngineArgs)}
    assert of_requests <= set(vllm.SamplingParams.__struct_fields__)
    assert {name for name in of_engine | of_requests if name not in told} == set()


def test_all_variables_used_are_vllms_and_named(vllm, table):
    from vllm import envs

    code = " ".join(path.read_text(encoding="utf-8") for path in CODE.glob("*.py"))
    told = " ".join(row[0] for row in table)
    used = set(re.findall(r"\bVLLM_[A-Z0-9_]+\b", code + told))
    assert len(used) > 5
    assert used <= set(envs.environment_variables)
    assert {name for name in used if name not in told} == set()
