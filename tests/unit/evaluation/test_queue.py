"""Which models are queued, blocked or excluded, and what they cost."""

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from densing_pipeline.evaluation import queue as costs
from densing_pipeline.evaluation.queue import queue, with_rungs
from densing_pipeline.evaluation.queue_rules import Limits
from densing_pipeline.facts.tables import EVALUATION_OVERRIDES, LADDERS
from densing_pipeline.tables.published import (
    EVALUATION_QUEUE,
    EVALUATIONS,
    MODEL_QUARANTINE,
    MODELS,
)

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


EVALUATION = {
    "model_id": "lab/model",
    "revision": "a" * 40,
    "suite_version": "in force",
    "state": "done",
    "reason": "whole suite",
    "attempts": 1,
    "is_resumable": True,
    "started_at": datetime(2026, 11, 20, 1, tzinfo=UTC),
    "finished_at": datetime(2026, 11, 20, 2, tzinfo=UTC),
}

WANTED = {
    "model_id": "lab/model",
    "state": "queued",
    "priority": 100,
    "reason": "wanted",
    "source": "somebody",
}


def table(of, rows):
    return of.validate(of.cast(pl.DataFrame(list(rows), of.polars_schema)))


def queued(*changes, evaluations=(), quarantine=(), overrides=(), limits=None):
    """The queue of 8B models with these changes, after evaluations with these changes."""
    found = queue(
        table(MODELS, [dict.fromkeys(MODELS.names) | EIGHT_B | change for change in changes]),
        table(EVALUATIONS, [EVALUATION | change for change in evaluations]),
        table(MODEL_QUARANTINE, quarantine),
        table(EVALUATION_OVERRIDES, overrides),
        limits or Limits(),
        "in force",
        COMPILED,
    )
    return EVALUATION_QUEUE.validate(found)


def only(*args, **kwargs):
    return queued(*args, **kwargs).row(0, named=True)


def test_an_8b_model_takes_half_of_a_gpu_hour_and_fits_one_gpu():
    row = only({})
    assert row["state"] == "queued"
    assert 30 / 60 < row["estimated_gpu_hours"] < 38 / 60
    assert 8.03 * 2 / 1.074 < row["memory_gib"] < 20


def test_samples_take_a_share_of_the_time_that_falls_with_the_square_of_the_error():
    whole, fine, coarse = (
        costs.suite_tokens(f"v{end}") for end in ("", "-sampled-0.15", "-sampled-0.3")
    )
    assert (whole, fine) == (costs.SUITE_TOKENS, costs.SAMPLED_TOKENS)
    assert coarse - costs.LOSS_TOKENS == pytest.approx((fine - costs.LOSS_TOKENS) / 4)
    assert costs.suite_tokens("v-sampled-0.01") == whole


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
    row = only({"is_doubtful": True}, overrides=[WANTED])
    assert (row["state"], row["reason"], row["priority"]) == ("queued", "by hand: wanted", 100)
    assert only({"custom_code": True}, overrides=[WANTED])["state"] == "excluded"
    excluded = WANTED | {"state": "excluded", "priority": None}
    assert only({}, overrides=[excluded])["state"] == "excluded"


def test_an_override_of_a_model_nobody_knows_is_not_ignored():
    rows = queued({}, overrides=[WANTED | {"model_id": "lab/modle"}])
    row = rows.row(by_predicate=pl.col("model_id") == "lab/modle", named=True)
    assert row["state"] == "blocked"
    assert "no such model" in row["reason"]


def test_what_is_in_quarantine_waits_with_the_reason():
    odd = {
        "model_id": "lab/odd",
        "revision": "c" * 40,
        "reason": "created in the future, says the Hub",
        "first_seen_at": datetime(2026, 11, 1, tzinfo=UTC),
    }
    counts = odd | {"model_id": "lab/model", "reason": "two counts that contradict each other"}
    also = odd | {"reason": "and another thing"}
    rows = queued({}, quarantine=[odd, also, counts])
    assert rows.height == 2, "a model that is in `models` has its row there"
    row = rows.row(by_predicate=pl.col("model_id") == "lab/odd", named=True)
    assert row["state"] == "blocked"
    assert "and another thing; created in the future" in row["reason"]


def test_a_model_measured_on_the_suite_in_force_is_done():
    row = only({}, evaluations=[{}])
    assert (row["state"], row["attempts"]) == ("done", 1)
    assert row["updated_at"] == EVALUATION["finished_at"]
    assert only({}, evaluations=[{}], overrides=[WANTED])["state"] == "done"
    assert only({}, evaluations=[{"suite_version": "of old"}])["state"] == "queued"
    assert only({}, evaluations=[{"item_limit": 20}])["state"] == "queued", "a trial"
    trial = only({}, evaluations=[{"item_limit": 20}], limits=Limits(items=20))
    assert trial["state"] == "done"


def test_new_weights_are_measured_anew():
    assert only({"revision": "b" * 40}, evaluations=[{}])["state"] == "queued"
    rows = queued(
        {"hub_state": "replaced", "hub_state_reason": "the repository has other weights now"},
        {"revision": "b" * 40},
        evaluations=[{}],
    )
    assert dict(rows.select(pl.col("revision").str.head(1), "state").iter_rows()) == {
        "a": "done",
        "b": "queued",
    }


def test_an_evaluation_of_what_main_was_is_of_the_weights_known_since():
    """Nobody knew a commit; the Hub was polled later, and later still there were other weights."""
    main = {"revision": "9" * 40, "requested_revision": "main"}
    first = {"first_seen_at": datetime(2026, 11, 22, tzinfo=UTC)}
    assert only({"revision": None}, evaluations=[main])["state"] == "done"
    assert only(first, evaluations=[main])["state"] == "done"
    replaced = {"hub_state": "replaced", "hub_state_reason": "other weights now"}
    anew = {"revision": "b" * 40, "first_seen_at": datetime(2026, 11, 23, tzinfo=UTC)}
    rows = queued(first | replaced, anew, evaluations=[main])
    assert rows.filter(revision="b" * 40)["state"].item() == "queued"
    late = main | {"started_at": datetime(2026, 11, 24, tzinfo=UTC)}
    rows = queued(first | replaced, anew, evaluations=[late])
    assert rows.filter(revision="b" * 40)["state"].item() == "done"


def test_a_failed_evaluation_is_tried_again_a_few_times():
    failed = {"state": "failed", "reason": "killed: out of memory"}
    for attempts in (1, 2):
        row = only({}, evaluations=[failed | {"attempts": attempts}])
        assert (row["state"], row["attempts"]) == ("queued", attempts)
        assert f"attempt {attempts + 1} of 3; the last one: killed" in row["reason"]
    over = only({}, evaluations=[failed | {"attempts": 3}])
    assert (over["state"], over["reason"]) == (
        "failed",
        "given up after attempt 3: killed: out of memory",
    )
    excused = only({}, evaluations=[failed | {"attempts": 4, "attempts_excused": 2}])
    assert (excused["state"], excused["attempts"], excused["attempts_excused"]) == ("queued", 4, 2)
    assert excused["reason"].startswith("attempt 3 of 3")
    over = only({}, evaluations=[failed | {"attempts": 5, "attempts_excused": 2}])
    assert (over["state"], over["reason"][:22]) == ("failed", "given up after attempt")
    wanted = only({}, evaluations=[failed], overrides=[WANTED])
    assert (wanted["state"], wanted["reason"][:9]) == ("queued", "attempt 2")


def test_what_cannot_be_helped_is_not_tried_again():
    pickle = {"state": "blocked", "reason": "pickled weights only", "is_resumable": False}
    row = only({}, evaluations=[pickle])
    assert (row["state"], row["reason"]) == ("blocked", "pickled weights only")
    broken = {"state": "failed", "reason": "weights are truncated", "is_resumable": False}
    assert only({}, evaluations=[broken])["state"] == "failed"
    assert only({"revision": "b" * 40}, evaluations=[broken])["state"] == "queued"


def test_an_evaluation_under_way_is_running():
    running = {"state": "running", "reason": "attempt 1 is under way", "finished_at": None}
    row = only({}, evaluations=[running])
    assert (row["state"], row["updated_at"]) == ("running", EVALUATION["started_at"])


@pytest.mark.parametrize("native", ["fp8", "mxfp4"])
def test_weights_released_in_few_bits_are_evaluated_in_them(native):
    """gpt-oss and DeepSeek-V3 were published so: there is no model they were made from."""
    row = only({"quantisation": native})
    assert row["state"] == "queued"
    assert row["memory_gib"] < only({})["memory_gib"] * 0.6
    copy = only({"quantisation": native, "parent_id": "lab/original"})
    assert (copy["state"], copy["reason"][:9]) == ("excluded", "quantised")


def test_young_and_small_models_come_first():
    rows = queued(
        {"model_id": "lab/new-small"},
        {"model_id": "lab/old-small", "release_date": date(2024, 1, 1)},
        {"model_id": "lab/new-large", "params_total": 30 * 10**9, "params_active": 30 * 10**9},
    )
    ordered = rows.sort("priority", descending=True)["model_id"].to_list()
    assert ordered == ["lab/new-small", "lab/new-large", "lab/old-small"]


def test_models_read_off_a_figure_are_no_candidates():
    assert queued({"params_source": "figure"}).is_empty()


def test_a_candidate_known_only_from_the_facts_is_as_old_as_they_are():
    assert only({"first_seen_at": None})["updated_at"] == COMPILED


def test_models_of_a_ladder_that_nobody_else_knows_are_candidates():
    known = table(MODELS, [dict.fromkeys(MODELS.names) | EIGHT_B])
    rungs = [
        {"ladder": "ours", "model_id": name, "params": 5e6, "used_for": "loss", "source": "card"}
        for name in ("lab/model", "lab/rungs:s1")
    ]
    candidates = with_rungs(known, table(LADDERS, rungs))
    found = EVALUATION_QUEUE.validate(
        queue(
            candidates,
            EVALUATIONS.empty(),
            MODEL_QUARANTINE.empty(),
            table(EVALUATION_OVERRIDES, []),
            Limits(),
            "in force",
            COMPILED,
        )
    )
    assert found.select("model_id", "state").rows() == [
        ("lab/model", "queued"),
        ("lab/rungs:s1", "queued"),
    ]


def test_a_model_that_just_fits_the_limits_is_queued():
    row = only({})
    just = Limits(memory_gib=row["memory_gib"], gpu_hours=row["estimated_gpu_hours"])
    assert only({}, limits=just)["state"] == "queued"
    assert only({}, limits=replace(just, memory_gib=just.memory_gib * 0.999))["state"] == "blocked"
    assert only({}, limits=replace(just, gpu_hours=just.gpu_hours * 0.999))["state"] == "blocked"


def test_ablation_models_and_checkpoints_come_last_unless_somebody_wants_them():
    corpora = ("c4", "dolma", "fineweb")
    series = [f"allenai/DataDecide-{corpus}-{size}M" for corpus in corpora for size in (60, 300)]
    small = {"params_total": 300_000_000, "params_active": 300_000_000}
    large = {"model_id": "meta-llama/Llama-9-70B", "params_total": 70_000_000_000}
    large["params_active"] = large["params_total"]
    rows = queued(
        large,
        *(small | {"model_id": model_id} for model_id in series),
        overrides=[WANTED | {"model_id": series[0]}],
        limits=Limits(memory_gib=500),
    )
    by_id = {row["model_id"]: row for row in rows.iter_rows(named=True)}
    assert all(row["state"] == "queued" for row in by_id.values())
    first = by_id["meta-llama/Llama-9-70B"]["priority"]
    for model_id in series[1:]:
        assert by_id[model_id]["priority"] < min(first, 20)
        assert "ablation series, so it comes last" in by_id[model_id]["reason"]
    assert by_id[series[0]]["priority"] == 100
    chosen = queued({"model_id": series[0], "source": "chosen by hand"}, small)
    assert chosen.filter(pl.col("model_id") == series[0])["priority"].item() > 1


def test_a_rejected_model_has_its_reason_and_can_be_overruled():
    rejected = {"is_base": False, "relation": "finetune", "base_evidence": "name: instruct"}
    row = only(rejected)
    assert (row["state"], row["reason"]) == ("excluded", "not a base model: name: instruct")
    assert only(rejected, overrides=[WANTED])["state"] == "queued"
