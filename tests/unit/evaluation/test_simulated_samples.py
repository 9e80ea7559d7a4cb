"""Samples of recorded item results, simulated: what they take, and what the other models' results would save."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.evaluation import simulated_samples
from densing_pipeline.evaluation.sampling import largest_error

N = 2000


def results(models: dict[str, np.ndarray], benchmark: str = "MMLU") -> pl.DataFrame:
    return pl.concat(
        pl.DataFrame({
            "model_id": name, "benchmark": benchmark, "item_id": [f"q{n}" for n in range(len(scores))],
            "subject": [f"s{n % 3}" for n in range(len(scores))], "score": scores.astype(float),
        })
        for name, scores in models.items()
    )  # fmt: skip


@pytest.fixture(scope="module")
def alike() -> dict[str, np.ndarray]:
    """Models that find the same questions hard."""
    rng = np.random.default_rng(5)
    hardness = rng.uniform(-4, 4, N)
    chance = 1 / (1 + np.exp(hardness))
    return {f"lab/m{number}": rng.random(N) < chance for number in range(4)}


def one(
    models: dict[str, np.ndarray], repeats: int = 1, *, by_difficulty: bool = False
) -> simulated_samples.Simulated:
    rows = simulated_samples.simulate(
        results(models), 0.15, repeats, 1, by_difficulty=by_difficulty
    )
    return next(row for row in rows if row.model_id == "lab/m0")


def test_the_difficulty_of_questions_saves_as_many_as_the_variance_it_explains(alike) -> None:
    plain, helped = (one(alike, 20, by_difficulty=by_difficulty) for by_difficulty in (False, True))
    assert plain.explained == helped.explained
    assert plain.explained is not None
    assert 0.3 < plain.explained < 0.7

    # Of n questions of N, 1 / n - 1 / N goes with 1 / (1 - explained).
    def weight(row: simulated_samples.Simulated) -> float:
        return 1 / row.n_asked - 1 / row.n_items

    assert weight(helped) * (1 - plain.explained) == pytest.approx(weight(plain), rel=0.15)
    for row in (plain, helped):
        assert abs(row.bias) < 0.7
        assert row.coverage >= 0.8
        assert row.log_error < 0.18


def test_copies_and_models_that_are_all_right_explain_nothing() -> None:
    scores = np.random.default_rng(1).random(400) < 0.6
    models = {"lab/m0": scores, "lab/copy": scores, "lab/perfect": np.ones(400)}
    assert one(models).explained is None
    unlike = {"lab/m0": scores, "lab/other": np.random.default_rng(2).random(400) < 0.6}
    explained = one(unlike).explained
    assert explained is not None
    assert explained < 0.03


def test_a_fifth_of_the_questions_is_enough_once_as_much_is_explained_as_is_needed(alike) -> None:
    row = one(alike)
    assert 0 < row.needed < 1
    # With all but this share of the variance explained, a fifth has just the error that is allowed.
    spread = float(np.std(alike["lab/m0"])) * np.sqrt(1 - row.needed)
    allowed = largest_error("MMLU", row.score, 0.15)
    assert spread * np.sqrt(5 / N - 1 / N) == pytest.approx(allowed, rel=0.01)


def test_the_command_samples_with_difficulties_or_without(
    alike, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(alike).write_parquet(tmp_path / "items.parquet")
    command = ["simulate", "items", str(tmp_path / "items.parquet"), "--repeats", "2"]
    asked = []
    for arguments in ([], ["--by-difficulty"]):
        assert main([*command, *arguments]) == 0
        row = next(
            line for line in capsys.readouterr().out.splitlines() if line.startswith("| MMLU")
        )
        asked.append(float(row.split("|")[4].replace(",", "")))
    assert asked[1] < 0.9 * asked[0]
