"""Measured scores leave in the formats of others, and nothing else leaves with them."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
import yaml
from huggingface_hub import parse_eval_result_entries

from densing_pipeline.cli import export
from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.evaluation.exports import EVALUATOR, eval_results, every_eval_ever
from densing_pipeline.tables.published import EVALUATIONS, SCORES
from tests.conftest import one_row

NOW = datetime(2026, 11, 29, tzinfo=UTC)
MODEL = "org/model"


def score(benchmark="MMLU", **changes):
    row = {
        "model_id": MODEL, "benchmark": benchmark, "protocol": "5-shot; suite v", "score": 0.25,
        "is_paper_protocol": True, "source_kind": "measured", "source": EVALUATOR, "std_error": 0.01,
        "n_items": 100, "n_failed": 1, "n_truncated": 0, "revision": "abc", "suite_version": "v",
        "observed_at": date(2026, 11, 1),
    }  # fmt: skip
    return row | changes


def scores(*rows):
    return SCORES.cast(pl.DataFrame(list(rows), infer_schema_length=None))


EVALUATION = EVALUATIONS.cast(
    one_row(EVALUATIONS).with_columns(
        model_id=pl.lit(MODEL),
        revision=pl.lit("abc"),
        suite_version=pl.lit("v"),
        finished_at=pl.lit(datetime(2026, 11, 1, tzinfo=UTC)),
        engine=pl.lit("vllm"),
        vllm_version=pl.lit("0.12"),
    )
)


def test_an_evaluation_is_one_document_with_a_result_for_each_benchmark():
    documents = every_eval_ever(scores(score(), score("BBH", score=0.5)), EVALUATION, NOW)
    [(path, document)] = documents.items()
    assert path.startswith(f"{MODEL}/")
    assert path.endswith(".json")
    assert json.loads(json.dumps(document)) == document
    assert document["evaluation_timestamp"] == str(
        int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    )
    assert document["model_info"]["id"] == MODEL
    assert document["model_info"]["inference_engine"] == {"name": "vllm", "version": "0.12"}
    results = {one["evaluation_name"]: one for one in document["evaluation_results"]}
    assert results["MMLU"]["score_details"] == {
        "score": 0.25,
        "details": {"n_failed": "1", "n_truncated": "0"},
        "uncertainty": {
            "standard_error": {"value": 0.01, "method": "analytic, clustered by subject"},
            "num_samples": 100,
        },
    }
    assert results["MMLU"]["source_data"]["hf_repo"] == "cais/mmlu"
    assert results["BBH"]["score_details"]["score"] == 0.5


@pytest.mark.parametrize(
    "changes", [{"source_kind": "reported"}, {"item_limit": 10}, {"benchmark": "Another"}]
)
def test_only_whole_measurements_of_our_benchmarks_are_exported(changes):
    other = scores(score() | changes)
    assert every_eval_ever(other, EVALUATION, NOW) == {}
    assert eval_results(other) == {}


def test_the_same_evaluation_has_the_same_path_and_another_suite_another():
    first = every_eval_ever(scores(score()), EVALUATION, NOW)
    again = every_eval_ever(scores(score()), EVALUATION, datetime(2027, 1, 1, tzinfo=UTC))
    other = every_eval_ever(scores(score(suite_version="w")), EVALUATION, NOW)
    assert first.keys() == again.keys()
    assert not first.keys() & other.keys()


def test_eval_results_are_read_back_by_the_library_of_the_hub():
    written = eval_results(scores(score(), score(suite_version="w", score=0.75)))
    [entry] = parse_eval_result_entries(yaml.safe_load(yaml.safe_dump(written[MODEL])))
    assert (entry.dataset_id, entry.value, entry.date) == ("cais/mmlu", 0.75, "2026-11-01")
    assert entry.dataset_revision
    assert "5-shot" in entry.notes


def test_the_commands_write_files_and_say_when_there_is_nothing(tmp_path, monkeypatch, capsys):
    tables = {"scores": scores(score()), "evaluations": EVALUATION}
    monkeypatch.setattr(export, "read_tables", lambda names: {name: tables[name] for name in names})
    export.every_eval_ever(Screen(), tmp_path / "eee")
    export.eval_results(Screen(), tmp_path / "hub")
    shown = capsys.readouterr().out.split()
    assert len(list((tmp_path / "eee" / MODEL).glob("*.json"))) == 1
    assert str(tmp_path / "hub" / MODEL / ".eval_results" / "densing-pipeline.yaml") in shown
    tables["scores"] = SCORES.empty()
    with pytest.raises(CommandError, match="no measured scores to export"):
        export.eval_results(Screen(), tmp_path / "none")
