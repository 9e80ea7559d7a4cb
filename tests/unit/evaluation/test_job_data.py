"""The job without some of its data: the paper's benchmarks are needed, those beside them are not."""

import json
import shutil
from pathlib import Path

import pytest

from densing_pipeline.evaluation import job
from tests.mirror import mirror


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A mirror without MATH's training split and without ScalingBench."""
    folder = mirror(tmp_path / "mirror")
    (folder / "EleutherAI/hendrycks_math/algebra/train-00000-of-00001.parquet").unlink()
    shutil.rmtree(folder / "openbmb")
    return folder


def run(tmp_path: Path, data: Path, benchmarks: str) -> tuple[int, str]:
    """Exit code and outcome of a job on a model that is not there."""
    given = {
        "model": "org/none",
        "weights": tmp_path / "none",
        "out": tmp_path / "out",
        "data": data,
        "benchmarks": benchmarks,
    }
    code = job.main([word for name, value in given.items() for word in (f"--{name}", str(value))])
    return code, json.loads((tmp_path / "out" / "outcome.json").read_text())["reason"]


@pytest.mark.parametrize(
    ("benchmarks", "missing"),
    [("MMLU,MATH", "hendrycks_math/algebra/train"), ("ScalingBench", "without ScalingBench")],
)
def test_nothing_is_measured_without_data_of_the_paper(
    tmp_path: Path, data: Path, benchmarks: str, missing: str
) -> None:
    code, reason = run(tmp_path, data, benchmarks)
    assert code == 1
    assert reason.startswith("benchmark data: ")
    assert missing in reason


def test_what_is_beside_the_paper_costs_only_itself(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, reason = run(tmp_path, data, "HumanEval,ScalingBench")
    assert "without ScalingBench" in "".join(capsys.readouterr())
    assert "benchmark data" not in reason


def test_a_mirror_whose_declaration_cannot_be_used_is_a_wrong_argument(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "content.sha256").write_text("nothing of the kind\n")
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path, data, "HumanEval")
    assert "content.sha256, line 1: not `<SHA-256>" in capsys.readouterr().err
