"""Estimates of GPU hours are held against what evaluations took, and corrected by it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.evaluation import estimates, suite
from densing_pipeline.evaluation.estimates import (
    LEAST_RUNS,
    NEWEST_RUNS,
    TELLING_HOURS,
    accuracy,
)
from densing_pipeline.evaluation.queue import gpu_hours
from densing_pipeline.tables.columns import COLUMNS
from densing_pipeline.tables.published import EVALUATIONS, MODELS

PARAMS = 8_000_000_000
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def runs(ratios, params=PARAMS, **changed):
    """Evaluations that took so many times their estimate, one a day, and their models."""
    estimated = pl.select(gpu_hours(pl.lit(float(params)))).item()
    rows = [
        {
            "model_id": f"lab/m{number}", "revision": "r", "suite_version": suite.version(),
            "state": "done", "reason": "measured", "attempts": 1, "is_resumable": False,
            "finished_at": BEGIN + timedelta(days=number),
            "gpu_seconds": None if ratio is None else ratio * estimated * 3600, **changed,
        }
        for number, ratio in enumerate(ratios)
    ]  # fmt: skip
    models = [
        {"model_id": row["model_id"], "revision": "r", "params_total": params} for row in rows
    ]
    return (
        pl.DataFrame(rows, EVALUATIONS.polars_schema),
        pl.DataFrame(models, MODELS.polars_schema),
    )


def correction(evaluations, models):
    return estimates.correction(evaluations, models, suite.version())


def test_enough_evaluations_correct_estimates_by_their_median():
    few = [3.0] * (LEAST_RUNS - 1)
    assert correction(*runs(few)) == 1
    assert correction(*runs([*few, 3.0])) == pytest.approx(3)
    # One that took a hundred times as long moves nothing.
    assert correction(*runs([2.0, 3.0, 3.0, 4.0, 300.0])) == pytest.approx(3)
    assert correction(*runs([0.5, 0.5, 1.0, 2.0, 2.0])) == pytest.approx(1)


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "failed"},
        {"state": "running"},
        {"item_limit": 4},
        {"gpu_seconds": 0.0},
        {"suite_version": "v-of-fewer-benchmarks"},
    ],
)
def test_evaluations_that_tell_nothing_correct_nothing(changed):
    assert correction(*runs([3.0] * LEAST_RUNS, **changed)) == 1
    assert correction(*runs([None] * LEAST_RUNS)) == 1, "on a processor"
    evaluations, models = runs([3.0] * LEAST_RUNS)
    assert correction(evaluations, models.clear()) == 1, "of unknown size"


def test_models_that_take_minutes_do_not_correct_the_estimates_of_large_ones():
    hours = pl.select(gpu_hours(pl.lit(float(PARAMS)))).item()
    least = int(PARAMS * TELLING_HOURS / hours)
    assert correction(*runs([10.0] * LEAST_RUNS, least - 1_000_000)) == 1
    assert correction(*runs([10.0] * LEAST_RUNS, least + 1_000_000)) == pytest.approx(10)
    # Nor do they take the places of older ones that tell.
    large, small = runs([2.0] * LEAST_RUNS), runs([10.0] * NEWEST_RUNS, least // 2)
    later = pl.col("finished_at") + timedelta(days=LEAST_RUNS)
    name = pl.format("{}-small", "model_id")
    small = (small[0].with_columns(later, model_id=name), small[1].with_columns(model_id=name))
    both = (pl.concat(pair) for pair in zip(large, small, strict=True))
    assert correction(*both) == pytest.approx(2)


def test_the_docs_say_which_evaluations_tell():
    said = f"at least {TELLING_HOURS:g} estimated hours"
    assert said in COLUMNS["estimated_gpu_hours"].description
    assert said in (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text()


def test_only_the_newest_evaluations_count():
    assert correction(*runs([9.0] * NEWEST_RUNS + [2.0] * NEWEST_RUNS)) == pytest.approx(2)


def test_models_that_took_other_than_corrected_are_named():
    evaluations, models = runs([3.0, 3.0, 3.0, 5.9, 6.1, 1.4])
    found = accuracy(estimates.with_estimates(evaluations, models, suite.version()))
    assert found.runs == 6
    assert found.factor == pytest.approx(3)
    assert found.far_off == {"lab/m4": pytest.approx(6.1 / 3), "lab/m5": pytest.approx(1.4 / 3)}


def test_the_hours_of_a_sample_are_estimated_as_such():
    version = f"{suite.version()}-sampled-0.15"
    evaluations, models = runs([1.0], suite_version=version)
    (ratio,) = estimates.with_estimates(evaluations, models, suite.version())["hours_per_estimate"]
    assert ratio == pytest.approx(11.9 / 2.9)
