"""Our measured scores in the formats of others: Every Eval Ever, and `.eval_results` of the Hub.

Every Eval Ever keeps one JSON document for each evaluation run (https://github.com/evaleval/every_eval_ever,
`eval.schema.json`); the Hub one YAML list in the repository of each model
(https://huggingface.co/docs/hub/eval-results). Only whole measurements are exported, no trials, and only what
this project measured. Not here: reading such documents (`cost.task_files`, `hub.claimed_scores`).
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

import polars as pl
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

from densing_pipeline.evaluation.suite import BENCHMARKS
from densing_pipeline.evaluation.suite.benchmark import Source

SCHEMA_VERSION = "0.3.0"
"""Version of the schema of Every Eval Ever that is written."""

EVALUATOR = "densing-pipeline"
TASK = "default"
"""Task of a data set of the Hub that declares none of its own."""


def measured(scores: pl.DataFrame) -> pl.DataFrame:
    """The rows of a `scores` frame that are exported, in a fixed order."""
    return scores.filter(
        pl.col("source_kind") == "measured",
        pl.col("item_limit").is_null(),
        pl.col("benchmark").is_in(list(BENCHMARKS)),
    ).sort("model_id", "revision", "suite_version", "benchmark", nulls_last=True)


def every_eval_ever(
    scores: pl.DataFrame, evaluations: pl.DataFrame, exported_at: datetime
) -> dict[str, dict[str, Any]]:
    """A document of Every Eval Ever for each evaluation, by the path it has in their store.

    Args:
        scores: a `scores` frame.
        evaluations: an `evaluations` frame.
        exported_at: time of the export.

    Returns:
        `<developer>/<model>/<id>.json` to the document; the id is the same for the same evaluation.
    """
    runs = {
        (row["model_id"], row["revision"], row["suite_version"]): row
        for row in evaluations.filter(pl.col("item_limit").is_null()).to_dicts()
    }
    documents = {}
    by = ["model_id", "revision", "suite_version"]
    for key, rows in measured(scores).group_by(by, maintain_order=True):
        model_id, revision, suite = map(str, key)
        run = runs.get((model_id, revision, suite), {})
        stamp = str(int(exported_at.timestamp()))
        name = uuid.uuid5(uuid.NAMESPACE_OID, f"{EVALUATOR}/{model_id}/{revision}/{suite}")
        documents[f"{model_id}/{name}.json"] = {
            "schema_version": SCHEMA_VERSION,
            "evaluation_id": f"{EVALUATOR}-{suite}/{model_id}/{stamp}",
            **_at("evaluation_timestamp", run.get("finished_at")),
            "retrieved_timestamp": stamp,
            "source_metadata": {
                "source_name": EVALUATOR,
                "source_type": "evaluation_run",
                "source_organization_name": EVALUATOR,
                "evaluator_relationship": "third_party",
            },
            "eval_library": {
                "name": EVALUATOR,
                "version": version(EVALUATOR),
                "additional_details": {"suite_version": suite},
            },
            "model_info": _model(model_id, revision, run),
            "evaluation_results": [_result(row) for row in rows.to_dicts()],
        }
    return documents


def eval_results(scores: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """The list of `.eval_results` of each measured model, by the model's id.

    Values are fractions. A benchmark whose data are not on the Hub is left out. Of several measurements of a model the
    last in the order of revision and suite version counts.

    Args:
        scores: a `scores` frame.
    """
    last = measured(scores).unique(["model_id", "benchmark"], keep="last", maintain_order=True)
    return {
        str(model_id): eval_result_entries_to_yaml(
            [
                EvalResultEntry(
                    dataset_id=source.dataset,
                    task_id=TASK,
                    value=row["score"],
                    dataset_revision=source.revision,
                    date=row["observed_at"].isoformat(),
                    notes=f"{row['benchmark']}, {row['protocol']}, by {EVALUATOR}",
                )
                for row in rows.to_dicts()
                if (source := _on_the_hub(row["benchmark"])) is not None
            ]
        )
        for (model_id,), rows in last.group_by("model_id", maintain_order=True)
    }


def _model(model_id: str, revision: str, run: Mapping[str, Any]) -> dict[str, Any]:
    developer, _, name = model_id.rpartition("/")
    details = {
        label: str(run[label])
        for label in ("dtype", "quantisation", "torch_version", "transformers_version", "device")
        if run.get(label) is not None
    }
    engine = {
        label: str(run[column])
        for label, column in (("name", "engine"), ("version", "vllm_version"))
        if run.get(column) is not None
    }
    return {
        "name": name,
        "id": model_id,
        **({"developer": developer} if developer else {}),
        "inference_platform": "local",
        **({"inference_engine": engine} if engine else {}),
        "additional_details": {
            "revision": revision,
            "deployment_type": "self_deployed",
            "model_availability": "open_weights",
            **details,
        },
    }


def _result(row: Mapping[str, Any]) -> dict[str, Any]:
    benchmark = BENCHMARKS[row["benchmark"]]
    uncertainty: dict[str, Any] = {}
    if row["std_error"] is not None:
        uncertainty["standard_error"] = {
            "value": row["std_error"],
            "method": "analytic, clustered by subject",
        }
    if row["n_items"] is not None:
        uncertainty["num_samples"] = row["n_items"]
    counts = {
        label: str(row[label]) for label in ("n_failed", "n_truncated") if row[label] is not None
    }
    generated = {"max_tokens": benchmark.max_tokens} if benchmark.max_tokens else {}
    return {
        "evaluation_name": row["benchmark"],
        "source_data": _data(row["benchmark"]),
        "metric_config": {
            "evaluation_description": row["protocol"],
            "metric_id": "accuracy",
            "metric_name": "Accuracy",
            "metric_kind": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0,
            "max_score": 1,
        },
        "score_details": {
            "score": row["score"],
            **({"details": counts} if counts else {}),
            **({"uncertainty": uncertainty} if uncertainty else {}),
        },
        "generation_config": {
            **({"generation_args": generated} if generated else {}),
            "additional_details": {
                "protocol": row["protocol"],
                "few_shot_examples": str(benchmark.facts.shots),
                "kind": benchmark.kind,
            },
        },
    }


def _data(name: str) -> dict[str, Any]:
    """Where the questions of a benchmark come from."""
    source = _on_the_hub(name)
    if source is None:
        return {"dataset_name": name, "source_type": "other"}
    return {
        "dataset_name": name,
        "source_type": "hf_dataset",
        "hf_repo": source.dataset,
        **({"hf_revision": source.revision} if source.revision else {}),
    }


def _on_the_hub(name: str) -> Source | None:
    """The data set of the Hub with the questions of a benchmark; None if they are elsewhere."""
    benchmark = BENCHMARKS[name]
    splits = [each for each in benchmark.splits if benchmark.split in ("", each.name)]
    sources = [source for split in splits for source in split.sources if source.home == "hub"]
    return sources[0] if sources else None


def _at(name: str, instant: datetime | None) -> dict[str, str]:
    return {} if instant is None else {name: str(int(instant.timestamp()))}
