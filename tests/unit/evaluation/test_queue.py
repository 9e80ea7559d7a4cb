"""Which models are queued, blocked or excluded, and what they cost."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from densing_pipeline.evaluation.queue import Limits, queue
from densing_pipeline.facts.tables import EVALUATION_OVERRIDES
from densing_pipeline.tables.columns import BENCHMARKS
from densing_pipeline.tables.published import EVALUATION_QUEUE, MODELS, SCORES

COMPILED = datetime(2026, 11, 23, tzinfo=UTC)

EIGHT_B = {
    "model_id": "lab/model",
    "revision": "a" * 40,
    "model": "model",
    "organisation": "Lab",
    "family": "Lab",
    "release_date": date(2026, 11, 1),
    "release_date_basis": "created_at",
    "params_total": 8_030_000_000,
    "params_active": 8_030_000_000,
    "params_source": "config",
    "is_moe": False,
    "is_base": True,
    "base_evidence": "weights and a causal language model configuration",
    "source": "huggingface-hub",
    "licence": "apache-2.0",
    "gated": "no",
    "hub_state": "present",
    "is_doubtful": False,
    "custom_code": False,
}


def queued(*changes, scores=None, overrides=(), limits=None):
    """The queue of 8B models with these changes."""
    models = MODELS.cast(
        pl.DataFrame([EIGHT_B | change for change in changes], infer_schema_length=None)
    )
    table = queue(
        models,
        SCORES.empty() if scores is None else scores,
        EVALUATION_OVERRIDES.cast(
            pl.DataFrame(list(overrides), schema=EVALUATION_OVERRIDES.polars_schema)
        ),
        limits or Limits(),
        COMPILED,
    )
    return EVALUATION_QUEUE.validate(table)


def only(*args, **kwargs):
    return queued(*args, **kwargs).row(0, named=True)


def test_an_8b_model_takes_a_third_to_half_of_a_gpu_hour_and_fits_one_gpu():
    row = only({})
    assert row["state"] == "queued"
    assert 20 / 60 < row["estimated_gpu_hours"] < 25 / 60
    assert 8.03 * 2 / 1.074 < row["memory_gib"] < 20


def test_a_mixture_of_experts_is_as_fast_as_its_active_and_as_big_as_its_total_parameters():
    row = only({"params_total": 30_000_000_000, "params_active": 3_000_000_000, "is_moe": True})
    assert row["estimated_gpu_hours"] < only({})["estimated_gpu_hours"] / 2
    assert row["memory_gib"] > 60


@pytest.mark.parametrize(
    ("change", "state", "reason"),
    [
        ({"params_total": 405_000_000_000}, "blocked", "DENSING_GPU_MEMORY_GIB"),
        ({"params_total": None, "params_active": None}, "blocked", "parameters unknown"),
        ({"gated": "manual"}, "blocked", "no access yet"),
        ({"gated": "auto", "readable": False}, "blocked", "no access yet"),
        ({"gated": "auto", "readable": True}, "queued", "base model"),
        ({"custom_code": True}, "excluded", "we run none"),
        ({"is_doubtful": True}, "blocked", "doubtful"),
        ({"is_base": False, "relation": "finetune"}, "excluded", "not a base model"),
        ({"quantisation": "gptq-4bit"}, "excluded", "quantised"),
        ({"hub_state": "gone", "hub_state_reason": "deleted"}, "excluded", "deleted"),
        ({"hub_state": "renamed", "renamed_to": "lab/new"}, "queued", "base model"),
        ({"hub_state": None, "gated": None, "revision": None}, "queued", "base model"),
    ],
)
def test_every_candidate_has_a_state_and_a_reason(change, state, reason):
    row = only(change)
    assert row["state"] == state
    assert reason in row["reason"]


def test_limits_are_settings():
    small = Limits(memory_gib=16)
    assert "has 16" in only({}, limits=small)["reason"]
    slow = Limits(gpu_hours=0.1)
    assert "DENSING_MAX_GPU_HOURS" in only({}, limits=slow)["reason"]
    strict = Limits(refused_licences=frozenset({"apache-2.0"}))
    row = only({"licence": "Apache-2.0"}, limits=strict)
    assert (row["state"], "licence" in row["reason"]) == ("excluded", True)


def test_the_overrides_file_wins_but_never_runs_foreign_code():
    override = {
        "model_id": "lab/model",
        "state": "queued",
        "priority": 100,
        "reason": "wanted",
        "source": "somebody",
    }
    row = only({"is_doubtful": True}, overrides=[override])
    assert (row["state"], row["reason"], row["priority"]) == ("queued", "by hand: wanted", 100)
    assert only({"custom_code": True}, overrides=[override])["state"] == "excluded"
    excluded = override | {"state": "excluded", "priority": None}
    assert only({}, overrides=[excluded])["state"] == "excluded"


def test_a_model_measured_on_the_whole_suite_is_done():
    def measured(benchmarks):
        return SCORES.cast(
            pl.DataFrame(
                {
                    "model_id": "lab/model",
                    "benchmark": benchmarks,
                    "protocol": "ours",
                    "is_paper_protocol": True,
                    "score": 0.5,
                    "source_kind": "measured",
                    "source": "ours",
                    "observed_at": date(2026, 11, 2),
                }
            )
        )

    assert only({}, scores=measured(list(BENCHMARKS)))["state"] == "done"
    assert only({}, scores=measured(list(BENCHMARKS[:4])))["state"] == "queued"


def test_young_and_small_models_come_first():
    table = queued(
        {"model_id": "lab/new-small"},
        {"model_id": "lab/old-small", "release_date": date(2024, 1, 1)},
        {"model_id": "lab/new-large", "params_total": 30 * 10**9, "params_active": 30 * 10**9},
    )
    ordered = table.sort("priority", descending=True)["model_id"].to_list()
    assert ordered == ["lab/new-small", "lab/new-large", "lab/old-small"]


def test_models_read_off_a_figure_are_no_candidates():
    assert queued({"params_source": "figure"}).is_empty()


def test_a_candidate_known_only_from_the_facts_is_as_old_as_they_are():
    assert only({"first_seen_at": None})["updated_at"] == COMPILED
