"""The job without some of its data: the paper's benchmarks are needed, those beside them are not."""

import json
from pathlib import Path

import pytest

from densing_pipeline.evaluation import job

pytestmark = pytest.mark.shared


def run(tmp_path: Path, mirror: Path, benchmarks: str) -> tuple[int, str]:
    """Exit code and outcome of a job on a model that is not there."""
    given = {
        "model": "org/none",
        "weights": tmp_path / "none",
        "out": tmp_path / "out",
        "data": mirror,
        "benchmarks": benchmarks,
    }
    code = job.main([word for name, value in given.items() for word in (f"--{name}", str(value))])
    return code, json.loads((tmp_path / "out" / "outcome.json").read_text())["reason"]


@pytest.mark.parametrize("benchmarks", ["MMLU,MATH", "MMLU-CF,ScalingBench"])
def test_nothing_is_measured_without_data_of_the_paper(
    tmp_path: Path, recorded: Path, benchmarks: str
) -> None:
    code, reason = run(tmp_path, recorded / "bench", benchmarks)
    assert code == 1
    assert reason.startswith("benchmark data: ")
    assert "hendrycks_math/algebra/train" in reason or "without ScalingBench" in reason


def test_what_is_beside_the_paper_costs_only_itself(
    tmp_path: Path, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, reason = run(tmp_path, recorded / "bench", "HumanEval,ScalingBench")
    assert "without ScalingBench" in "".join(capsys.readouterr())
    assert "benchmark data" not in reason
