"""The costs of a run are shared out between its benchmarks, and set beside density."""

import polars as pl
import pytest

from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.costs import evaluation_costs
from densing_pipeline.paper import NMI
from densing_pipeline.tables.published import (
    DENSITIES,
    EVAL_ITEMS,
    EVALUATION_COSTS,
    EVALUATIONS,
    MODELS,
)

RUN = {"model_id": "lab/m", "revision": "r", "suite_version": suite.version()}

MEASURED = {
    **RUN, "state": "done", "reason": "measured", "attempts": 1, "is_resumable": False, "device": "H100",
    "measuring_seconds": 600.0, "gpu_seconds": 1200.0, "joules": 400_000.0, "peak_memory_bytes": 90,
}  # fmt: skip


def items(benchmark: str, scores: list[float | None], prompt: int, written: int) -> pl.DataFrame:
    rows = [
        {**RUN, "benchmark": benchmark, "item_id": str(n), "score": score, "prompt_tokens": prompt, "completion_tokens": written}
        for n, score in enumerate(scores)
    ]  # fmt: skip
    return pl.DataFrame(
        rows, {name: kind for name, kind in EVAL_ITEMS.polars_schema.items() if name in rows[0]}
    )


def frame(table, rows):
    """A frame of a table with only some of its columns set."""
    return pl.DataFrame(rows, table.polars_schema)


def costs(**measured):
    evaluations = frame(EVALUATIONS, [MEASURED | measured])
    asked = pl.concat(
        [
            items("MMLU", [1.0, 1.0, 0.0, None], prompt=1000, written=0),
            items("BBH", [1.0, 0.0], prompt=1000, written=200),
            items("ScalingBench", [None], prompt=1000, written=0),
        ]
    )
    models = frame(MODELS, [{"model_id": "lab/m", "revision": "r", "params_total": 8_030_000_000}])
    densities = frame(
        DENSITIES,
        [
            {"model_id": "lab/m", "reference_id": NMI, "score_set": name, "params_basis": basis, "density": density}
            for name, basis, density in (("mmlu", "total", 2.0), ("average", "total", 3.0), ("mmlu", "active", 9.0))
        ],
    )  # fmt: skip
    found = evaluation_costs(evaluations, asked, models, densities, suite.version())
    return {row["benchmark"]: row for row in EVALUATION_COSTS.validate(found).iter_rows(named=True)}


def test_time_and_energy_are_shared_by_tokens_of_which_a_prompts_count_a_tenth():
    found = costs()
    # 400, 600 and 100 written tokens or their like.
    for name, share in (("MMLU", 4 / 11), ("BBH", 6 / 11), ("ScalingBench", 1 / 11)):
        assert found[name]["gpu_seconds"] == pytest.approx(1200 * share)
        assert found[name]["joules"] == pytest.approx(400_000 * share)
        assert found[name]["peak_memory_bytes"] is None
    assert found[None]["joules"] == 400_000
    assert (found[None]["n_items"], found[None]["n_correct"]) == (7, 3)
    assert found[None]["peak_memory_bytes"] == 90


def test_joules_of_a_right_answer_stand_beside_density():
    found = costs()
    assert found["BBH"]["joules_per_correct"] == pytest.approx(400_000 * 6 / 11)
    assert found["MMLU"]["joules_per_correct"] == pytest.approx(400_000 * 4 / 11 / 2)
    assert (found["ScalingBench"]["n_correct"], found["ScalingBench"]["joules_per_correct"]) == (
        None,
        None,
    )
    assert (found["MMLU"]["density"], found[None]["density"], found["BBH"]["density"]) == (
        2,
        3,
        None,
    )


def test_what_the_run_took_stands_beside_what_the_queue_estimates():
    found = costs()
    assert 0.5 < found[None]["estimated_gpu_hours"] < 0.6
    assert found["MMLU"]["estimated_gpu_hours"] is None
    ratio = 1200 / 3600 / found[None]["estimated_gpu_hours"]
    assert found[None]["hours_per_estimate"] == pytest.approx(ratio)
    assert found["MMLU"]["hours_per_estimate"] is None
    for unknown in ({"gpu_seconds": None}, {"item_limit": 4}):
        assert costs(**unknown)[None]["hours_per_estimate"] is None


def test_without_a_counter_there_is_the_reason():
    found = costs(joules=None, joules_reason="no such counter")
    assert all(row["joules"] is None for row in found.values())
    assert {row["joules_reason"] for row in found.values()} == {"no such counter"}
    assert found["BBH"]["gpu_seconds"] > 0


@pytest.mark.parametrize("state", ["failed", "running"])
def test_only_finished_evaluations_have_costs(state):
    assert costs(state=state) == {}
