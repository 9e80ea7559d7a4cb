"""The script for the first night on a GPU, as far as it runs without one and without vLLM."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import performance
from tests.gpu import first_night

ROOT = Path(__file__).parents[3]

NEED_VLLM = ("check", "runner-v2", "runner-v1")

AGREED = {"choices": 1.0, "nats": 0.001, "texts": 0.99}


@pytest.mark.heavy
@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_each_stage_is_told_and_the_rest_is_measured(tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603
        ["/usr/bin/env", f"PYTHON={sys.executable}", ROOT / "tests/gpu/first_night.sh", tmp_path / "out"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == first_night.LEFT_OUT, ran.stdout + ran.stderr
    assert ran.stdout.startswith("vLLM is not installed for ")
    assert "make evaluation-env" in ran.stdout
    found = json.loads((tmp_path / "out" / "first_night.json").read_text())
    assert list(found["stages"]) == list(first_night.STAGES)
    for name, told in found["stages"].items():
        assert f"\n{name:14}{told['verdict']}" in ran.stdout
        assert told["said"] in ran.stdout
    assert {found["stages"][name]["said"] for name in NEED_VLLM} == {"vLLM is not installed"}
    assert found["stages"]["orphan"]["verdict"] == "ok"
    assert found["libraries"]["python"]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "first_night.json", "figures.md", "log.txt",
    }  # fmt: skip


@pytest.mark.heavy
def test_a_stage_that_fails_or_hangs_is_told_and_ended(tmp_path: Path) -> None:
    (tmp_path / "gpus.json").write_text("no JSON")
    assert first_night._run("meter", tmp_path, 60)["verdict"] == "FAILED"
    assert "JSONDecodeError" in first_night._run("meter", tmp_path, 60)["said"]
    told = first_night._run("hold", tmp_path, 1)
    assert told["verdict"] == "FAILED"
    assert told["said"].startswith("it was ended after 1 s; the last that it said: ")


def answers(**changes: Any) -> dict[str, Any]:
    """Answers to two questions."""
    losses = [{"nll": 4.0, "tokens": 8}, {"nll": 2.0, "tokens": 2}]
    return {"choices": [[-1.0, -2.0], [-3.0, -0.1]], "losses": losses, "texts": ["a", "b"]} | changes  # fmt: skip


def test_agreement_counts_best_choices_and_the_largest_difference_of_a_loss() -> None:
    other = answers(
        choices=[[-1.5, -1.6], [-0.1, -3.0]],
        losses=[{"nll": 4.8}, {"nll": 2.3}],
        texts=["a", "c"],
    )
    found = first_night._agreement(answers(), other)
    assert found == {"choices": 0.5, "nats": pytest.approx(0.15), "texts": 0.5}
    assert first_night._agreement(answers(), answers()) == {"choices": 1, "nats": 0, "texts": 1}


@pytest.mark.parametrize(
    ("differs", "fails"),
    [
        ({"choices": first_night.LEAST_EQUAL, "nats": first_night.MOST_NATS, "texts": 0.0}, False),
        ({"choices": 0.94}, True),
        ({"nats": 0.21}, True),
        ({"nats": float("nan")}, True),
    ],
)
def test_runners_must_agree_but_for_rounding(differs: dict[str, float], fails: bool) -> None:
    if fails:
        with pytest.raises(AssertionError, match="of choices are equal"):
            first_night._held(AGREED | differs)
    else:
        assert first_night._held(AGREED | differs)


def test_a_loss_that_is_no_number_is_the_largest_difference() -> None:
    other = answers(losses=[{"nll": float("nan")}, {"nll": 2.1}])
    found = first_night._agreement(answers(), other)
    assert found["nats"] != found["nats"]


def test_the_table_has_what_was_measured_and_nothing_else() -> None:
    stage = {"verdict": "ok", "seconds": 61.4, "said": "a | b"}
    one = {"device": "NVIDIA H200", "loading_s": 40.123, "questions": 300, "choices_s": 1.5}
    found = {"stages": {"runner-v2": stage}, "runner-v2": one | {"agreement": AGREED}}
    told = performance.night_text(found)
    assert "| runner-v2 | ok | 61 | a \\| b |" in told
    assert "|  | V2 runner |" in told
    assert "| loading and self-test, s | 40.12 |" in told
    assert "lm-eval, s" not in told
    assert "| V2 runner and lm-eval | 100.0% | 0.0010 | 99.0% |" in told
    both = performance.night_text(found | {"runner-v1": one, "agreement": AGREED})
    assert "|  | V1 runner | V2 runner |" in both
    assert "| V1 and V2 runner | 100.0% | 0.0010 | 99.0% |" in both
    assert "runner" not in performance.night_text({"stages": {}})
