"""Samples of recorded item results, simulated: what they take, and what the other models' results would save."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.benchmarks import AVERAGED, ITEMS
from densing_pipeline.evaluation import simulated_samples, simulated_suites
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


def test_no_weighting_of_other_models_takes_fewer_questions_than_the_best_one(alike) -> None:
    row = one(alike, 20, by_difficulty=True)
    assert row.fewest is not None
    assert 0.5 * row.n_asked < row.fewest < row.n_asked
    # Three others with noise of their own; a model that is known question by question would need none.
    told = {**alike, "lab/told": np.where(np.arange(N) % 12, alike["lab/m0"], ~alike["lab/m0"])}
    fewest = one(told).fewest
    assert fewest is not None
    assert fewest < 0.7 * row.fewest


def five(models: int = 2) -> pl.DataFrame:
    """Item results of models on the five benchmarks; questions differ in how hard they are, and in tokens."""
    rng = np.random.default_rng(3)
    frames = []
    for name in AVERAGED:
        hardness = rng.uniform(-3, 3, ITEMS[name])
        frames += [
            results({f"lab/m{number}": rng.random(len(hardness)) < 1 / (1 + np.exp(hardness - 1 - number))}, name)
            for number in range(models)
        ]  # fmt: skip
    return pl.concat(frames).with_columns(
        prompt_tokens=500, completion_tokens=pl.when(pl.col("benchmark") == "MMLU").then(0).otherwise(200)
    )  # fmt: skip


def test_a_model_is_sampled_until_its_average_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    five().write_parquet(tmp_path / "items.parquet")
    items = simulated_samples.read(tmp_path / "items.parquet")
    rows = list(simulated_suites.simulate(items, 0.15, 5, 1))
    assert len(rows) == 2
    for row in rows:
        assert row.is_away
        assert row.n_items == {name: ITEMS[name] for name in AVERAGED}
        assert sum(row.n_items.values()) / sum(row.n_asked.values()) > 5
        assert abs(row.bias) < 1
        assert row.coverage >= 0.8
        # A question of MMLU costs a fifth of one of BBH.
        assert row.tokens == {name: 50 if name == "MMLU" else 250 for name in AVERAGED}
        assert row.n_asked["MMLU"] > row.n_asked["BBH"]
    assert np.sqrt(np.mean([row.log_error**2 for row in rows])) == pytest.approx(0.15, rel=0.5)
    lines = simulated_suites.table(rows).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    # A model without one of the benchmarks has no average.
    part = items.filter((pl.col("model_id") != "lab/m0") | (pl.col("benchmark") != "BBH"))
    assert len(list(simulated_suites.simulate(part, 0.15, 1, 1))) == 1


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
