"""The registry of benchmarks: what follows from it, and that a new benchmark needs nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import densing_pipeline
from densing_pipeline import benchmarks
from tests.examples import example

REPOSITORY = Path(__file__).parents[2]

LINE = example("In `densing_pipeline/benchmarks.py`, at the end of `DECLARED`:")
MODULE = example("`densing_pipeline/evaluation/suite/sums.py`:")

USE = """
import json, sys
from pathlib import Path
from densing_pipeline.evaluation import measured_tables, suite
from densing_pipeline.evaluation.requests import GenerateResult
from densing_pipeline.tables.columns import COLUMNS
from densing_pipeline.tables.published import EVAL_ITEMS, SCORES
from tests.evaluations import write

root = Path(sys.argv[1])
(root / "Sums").mkdir()
for split, numbers in (("examples", [7]), ("test", [1, 2, 3])):
    rows = [{"id": str(n), "question": f"{n} + {n}", "answer": str(2 * n)} for n in numbers]
    (root / "Sums" / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\\n" for r in rows))

assert "Sums" in COLUMNS["benchmark"].allowed
sums = suite.BENCHMARKS["Sums"]
assert sums in suite.SUITE
item = sums.items(suite.load(sums, suite.Store(root)))[1]
assert item.request.prompt == "7 + 7 = 14\\n\\n2 + 2 ="
assert sums.score(item, GenerateResult(" 4", False, 9, 1)).score == 1

path = write(root / "evaluations", benchmarks=("MMLU", "BBH", "MATH", "HumanEval", "MBPP", "Sums"))
evaluations, items = measured_tables.read(root / "evaluations", suite.SUITE, None)
assert EVAL_ITEMS.validate(items).filter(benchmark="Sums").height == 3
scores = SCORES.validate(measured_tables.scores(evaluations, items, suite.SUITE, None))
row = scores.filter(benchmark="Sums").row(0, named=True)
assert row["n_items"] == 3
assert row["protocol"] == f"Sums 1-shot exact match; suite {suite.version()}"
assert row["is_paper_protocol"] is False
"""


def test_the_average_is_of_the_papers_five_under_its_protocol() -> None:
    assert benchmarks.AVERAGED == ("MMLU", "BBH", "MATH", "HumanEval", "MBPP")
    assert pytest.approx((0.25 + 0.257) / 5) == benchmarks.AVERAGE_CHANCE
    assert benchmarks.AVERAGE_PROTOCOL == (
        "MMLU 5-shot, BBH 3-shot CoT, MATH 4-shot, HumanEval 0-shot, MBPP 3-shot"
    )


def test_a_rewritten_benchmark_has_the_protocol_and_chance_of_its_original() -> None:
    assert benchmarks.REWRITTEN == {"MMLU": "MMLU-CF"}
    for original, rewritten in benchmarks.REWRITTEN.items():
        one, other = benchmarks.REGISTRY[original], benchmarks.REGISTRY[rewritten]
        assert (one.protocol, one.chance) == (other.protocol, other.chance)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package with one benchmark more: a line of the registry and a module."""
    source = Path(densing_pipeline.__file__).parent
    copy = tmp_path / "code" / source.name
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    registry = copy / "benchmarks.py"
    before, end, after = registry.read_text().partition("\n)\n\nREGISTRY")
    registry.write_text(f"{before}\n{LINE.replace('on request', 'beside')[:-1]}{end}{after}")
    (copy / "evaluation" / "suite" / "sums.py").write_text(MODULE)
    (copy.parent / "tests").symlink_to(REPOSITORY / "tests")
    return copy


def run(package: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", script, *arguments],
        cwd=package.parent,
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.heavy
def test_a_new_benchmark_is_one_line_and_one_module(package: Path, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    used = run(package, USE, str(tmp_path / "mirror"))
    assert used.returncode == 0, used.stderr


def test_a_benchmark_without_its_module_is_named(package: Path) -> None:
    (package / "evaluation" / "suite" / "sums.py").unlink()
    refused = run(package, "import densing_pipeline.evaluation.suite")
    assert refused.returncode == 1
    assert "Sums: declare each benchmark both in densing_pipeline/benchmarks.py" in refused.stderr
