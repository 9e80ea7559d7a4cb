"""Runs read from a copy that the user has: WeirdML's table, and logs of Every Eval Ever."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.cost.task_files import TaskFileError, read
from densing_pipeline.facts.reader import read as read_facts
from densing_pipeline.facts.tables import FACTS
from densing_pipeline.score_sources.evaluation_logs import maker

HEADER = (
    "internal_model_name,display_name,model_slug,avg_acc,avg_acc_standard_error,cost_per_run_usd,"
    "mean_total_output_tokens,release_date,API source"
)
"""Of the columns of `weirdml_data.csv`, those that are read and some others."""


def weirdml(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode()


def row(name: str = "m", cost: str = "1.5", score: str = "0.5", day: str = "2025-01-02") -> str:
    return f"x,{name},openai/{name},{score},0.01,{cost},1200.5,{day},OpenRouter"


def test_weirdmls_table(tmp_path: Path) -> None:
    path = tmp_path / "weirdml_data.csv"
    path.write_bytes(weirdml(row(), row("n", cost="0.25")))
    found = read(path)
    assert found.runs.select(
        "board", "model", "organisation", "run_date", "run_date_is", "cost_usd", "output_tokens", "n_items"
    ).row(0) == ("WeirdML v2", "m", "openai", date(2025, 1, 2), "release", 1.5, 1200.5, 17)  # fmt: skip
    assert found.runs["licence_basis"].unique().to_list() == ["none stated"]
    assert not found.left_out


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(cost="0"), "rows without score, cost or date"),
        (row(cost=""), "rows without score, cost or date"),
        (row(day="soon"), "rows without score, cost or date"),
        (row(score="1.2"), "rows without score, cost or date"),
        (row(cost="much"), "rows that cannot be read"),
        ("one,cell,too,few", "damaged rows"),
    ],
)
def test_a_row_that_is_no_run_costs_only_itself(tmp_path: Path, bad: str, reason: str) -> None:
    path = tmp_path / "weirdml_data.csv"
    path.write_bytes(weirdml(row(), bad))
    found = read(path)
    assert found.runs.height == 1
    assert dict(found.left_out) == {reason: 1}


def test_another_table_is_refused_with_the_column_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("model,score\nm,0.5\n")
    with pytest.raises(TaskFileError, match="has no column 'display_name'"):
        read(path)


@pytest.mark.parametrize("content", [weirdml(), weirdml(row(cost="0"))])
def test_no_run_at_all_is_an_error_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weirdml_data.csv"
    path.write_bytes(content)
    with pytest.raises(TaskFileError, match=r"give weirdml_data\.csv"):
        read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match=r"gone\.csv"):
        read(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("openai/gpt-5", "openai"),
        ("accounts/fireworks/models/deepseek-v4-pro", "deepseek-ai"),
        ("gemma4:31b-it-q4_K_M", "google"),
        ("o3-2025-04-16", "openai"),
        ("claude-opus-4-6", "anthropic"),
        ("newcomer-7b", "newcomer"),
    ],
)
def test_the_maker_of_a_name(name: str, who: str) -> None:
    assert maker(name) == who


def metric(name: str, value: float, **about: Any) -> dict[str, Any]:
    """One result of an evaluation log."""
    return {
        "evaluation_name": "v2_Semi_Private",
        "metric_config": {"metric_id": name} | about,
        "score_details": {"score": value},
    }


SCORE = {"lower_is_better": False, "min_score": 0.0, "max_score": 1.0, "metric_unit": "proportion"}
COST = {"lower_is_better": True, "metric_kind": "cost", "metric_unit": "usd", "max_score": 17.0}


def log(*results: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """An evaluation log in the form of the ARC Prize leaderboard's (schema 0.3.0)."""
    usual = {
        "schema_version": "0.3.0",
        "evaluation_id": "arc-agi/openai/gpt-5/1",
        "retrieved_timestamp": "1786000000",
        "source_metadata": {
            "source_name": "ARC Prize", "source_type": "documentation",
            "source_organization_url": "https://arcprize.org",
        },
        "model_info": {
            "name": "GPT-5 (high)", "id": "openai/gpt-5", "developer": "openai",
            "additional_details": {"model_release_date": "2025-08-07"},
        },
        "evaluation_results": list(results),
    }  # fmt: skip
    return usual | columns


def written(folder: Path, *logs: dict[str, Any]) -> Path:
    """A folder with logs as in the data store: collection, developer, model, one file each."""
    for number, one in enumerate(logs):
        path = folder / "data" / "arc-agi" / "openai" / f"m{number}" / f"{number}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(one))
    return folder


def test_a_log_with_its_cost_as_a_metric(tmp_path: Path) -> None:
    folder = written(
        tmp_path, log(metric("score", 0.4, **SCORE), metric("cost_per_task", 0.73, **COST))
    )
    assert read(folder).runs.select(
        "board", "model", "organisation", "run_date", "run_date_is", "score", "cost_usd", "cost_name"
    ).rows() == [
        ("ARC Prize: v2_Semi_Private", "GPT-5 (high)", "openai", date(2025, 8, 7), "release", 0.4, 0.73,
         "cost_per_task")
    ]  # fmt: skip


def test_a_log_with_its_cost_in_the_details_of_the_run(tmp_path: Path) -> None:
    """The form of the Holistic Agent Leaderboard: texts, and an agent around the model."""
    result = metric("accuracy", 0.5, **SCORE) | {
        "evaluation_name": "GAIA",
        "generation_config": {"additional_details": {"total_cost_usd": "12.5"}},
    }
    about = {"name": "o3", "developer": "openai", "additional_details": {"agent_scaffold": "HAL"}}
    one = log(
        result, model_info=about, evaluation_timestamp="1750000000",
        source_metadata={"source_name": "HAL Leaderboard: GAIA"},
    )  # fmt: skip
    assert read(written(tmp_path, one)).runs.select(
        "board", "model", "run_date", "run_date_is", "cost_usd", "cost_name"
    ).rows() == [
        ("HAL Leaderboard: GAIA", "o3 (HAL)", date(2025, 6, 15), "run", 12.5, "total_cost_usd")
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (log(metric("score", 0.4, **SCORE)), "evaluations without score, cost or date"),
        (log(metric("cost", 3.0, **COST)), "evaluations without score, cost or date"),
        (log(metric("elo", 1200.0, **SCORE | {"max_score": 3000.0}), metric("cost", 3.0, **COST)), "evaluations without score, cost or date"),
        (log(metric("score", 0.4, **SCORE), metric("cost", 3.0, **COST | {"metric_unit": "eur"})), "evaluations without score, cost or date"),
        (log(metric("score", 0.4, **SCORE), metric("cost", 3.0, **COST), model_info={}), "evaluations without score, cost or date"),
        ({"evaluation_results": "none"}, "files that are no evaluation log"),
        ([1, 2], "files that are no evaluation log"),
    ],
)  # fmt: skip
def test_a_log_that_is_no_run_costs_only_itself(
    tmp_path: Path, bad: dict[str, Any], reason: str
) -> None:
    good = log(metric("score", 0.4, **SCORE), metric("cost", 0.73, **COST))
    found = read(written(tmp_path, good, bad))
    assert found.runs.height == 1
    assert dict(found.left_out) == {reason: 1}


def test_what_is_no_json_costs_only_itself(tmp_path: Path) -> None:
    folder = written(tmp_path, log(metric("score", 0.4, **SCORE), metric("cost", 0.73, **COST)))
    (folder / "cut.json").write_text('{"evaluation_results": [')
    assert dict(read(folder).left_out) == {"files that are no JSON": 1}


def test_the_command_prints_estimates_and_writes_them_without_the_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output = tmp_path / "weirdml_data.csv", tmp_path / "estimates.csv"
    path.write_bytes(
        weirdml(row("o1-preview", "1.8"), row("other", "0.3", day="2025-03-02"), row("third", "0.1", day="2025-09-02"))
    )  # fmt: skip
    assert main(["fit", "tasks", str(path), "--draws", "20", "--output", str(output)]) == 0
    assert "3 runs read" in capsys.readouterr().out
    written_rows = read_facts(output, FACTS["task_cost_halving"])
    assert written_rows.select("level", "n_changes", "licence_basis").rows() == [
        ("o1-preview", 2, "fact")
    ]
    assert "other" not in output.read_text()


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "weirdml_data.csv"
    path.write_bytes(weirdml(row("somebody")))
    assert main(["fit", "tasks", str(path)]) == 1
    assert "no level: a board needs a run named in" in capsys.readouterr().err
