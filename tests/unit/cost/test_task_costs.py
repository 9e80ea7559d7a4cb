"""The cost of a task of fixed quality: who reaches a level, its records, and how fast it falls."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.cost.task_costs import (
    FEWEST_BOARD_RUNS,
    derived,
    halving_rows,
    task_cost_halving,
    task_cost_records,
    task_levels,
    task_runs,
)
from densing_pipeline.cost.task_files import WEIRDML
from densing_pipeline.tables.published import (
    BENCHMARK_REPORTS,
    TASK_COST_HALVING,
    TASK_COST_RECORDS,
    TASK_RUNS,
)

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="recorded data not there")

NAMED = pl.DataFrame({"board": ["board"], "level": ["able"], "model": ["reference"]})


def runs(*rows: dict[str, Any]) -> pl.DataFrame:
    usual = {
        "board": "board", "organisation": "maker", "run_date_is": "run", "cost_name": "cost per task",
        "source": "test", "licence_basis": "MIT", "score": 0.6,
    }  # fmt: skip
    return TASK_RUNS.cast(pl.DataFrame([usual | row for row in rows], infer_schema_length=None))


def run(model: str, day: date, cost: float, **columns: Any) -> dict[str, Any]:
    return {"model": model, "run_date": day, "cost_usd": cost} | columns


REFERENCE = run("reference", date(2025, 1, 1), 8.0, output_tokens=1_000.0)


def records(*rows: dict[str, Any]) -> pl.DataFrame:
    made = runs(*rows)
    return TASK_COST_RECORDS.validate(task_cost_records(made, task_levels(made, NAMED)))


@pytest.mark.parametrize(("score", "reaches"), [(0.6, True), (0.5999, False)])
def test_a_run_reaches_a_level_with_the_score_of_the_run_that_names_it(
    score: float, reaches: bool
) -> None:
    found = records(REFERENCE, run("other", date(2025, 2, 1), 4.0, score=score))
    assert found["model"].to_list() == ["reference", *(["other"] if reaches else [])]


def test_a_fall_is_that_of_the_tokens_times_that_of_their_price() -> None:
    """Four times as cheap though it writes twice as much: a token costs an eighth."""
    found = records(REFERENCE, run("other", date(2025, 2, 1), 2.0, output_tokens=2_000.0))
    assert found.select("cost_fold", "tokens_fold", "token_price_fold").rows() == [
        (None, None, None), (4.0, 0.5, 8.0),
    ]  # fmt: skip


def test_without_tokens_the_fall_has_no_factors() -> None:
    found = records(REFERENCE, run("other", date(2025, 2, 1), 2.0))
    assert found["cost_fold"].to_list() == [None, 4.0]
    assert found["tokens_fold"].null_count() == found["token_price_fold"].null_count() == 2


def test_a_dearer_run_and_an_equal_one_are_no_records() -> None:
    found = records(
        REFERENCE, run("dearer", date(2025, 2, 1), 9.0), run("same", date(2025, 3, 1), 8.0)
    )
    assert found.height == 1


def test_of_two_runs_of_a_day_the_cheaper_is_the_record() -> None:
    day = date(2025, 2, 1)
    assert records(REFERENCE, run("a", day, 4.0), run("b", day, 2.0))["model"].to_list() == [
        "reference",
        "b",
    ]


def test_a_curve_begins_with_the_run_that_names_its_level_at_what_was_cheapest_then() -> None:
    found = records(
        REFERENCE, run("earlier", date(2024, 6, 1), 5.0), run("dear", date(2024, 7, 1), 30.0)
    )
    assert found.select("run_date", "model", "cost_usd").rows() == [
        (date(2025, 1, 1), "earlier", 5.0)
    ]


def test_a_known_pace_is_found_and_told_with_its_factors() -> None:
    """A quarter of the cost every six months: it halves every three."""
    steps = [
        run(f"m{k}", date(2022 + k // 2, 1 + 6 * (k % 2), 1), 64.0 / 4**k, output_tokens=100.0 * 2**k,
            organisation=f"maker {k}")
        for k in range(1, 8)
    ]  # fmt: skip
    made = runs(run("reference", date(2022, 1, 1), 64.0, output_tokens=100.0), *steps)
    found = task_cost_halving(made, task_levels(made, NAMED), draws=200, seed=1)
    row = TASK_COST_HALVING.validate(found).row(0, named=True)
    assert row["halving_months"] == pytest.approx(3.0, rel=0.01)
    assert row["low"] <= row["halving_months"] <= row["high"]
    assert (row["verdict"], row["n_changes"], row["n_runs"]) == ("ok", 7, 8)
    assert row["fold"] == pytest.approx(4.0**7)
    assert row["tokens_fold"] == pytest.approx(2.0**-7)
    assert row["token_price_fold"] * row["tokens_fold"] == pytest.approx(row["fold"])
    assert halving_rows(found)[1][:2] == ["board", "able"]


def test_too_few_falls_are_insufficient_and_keep_their_number() -> None:
    made = runs(REFERENCE, run("other", date(2025, 7, 1), 4.0))
    row = task_cost_halving(made, task_levels(made, NAMED), draws=50, seed=1).row(0, named=True)
    assert row["verdict"] == "insufficient"
    assert row["halving_months"] == pytest.approx(181 / 30.4375, rel=0.01)
    assert "1 makers" in row["reason"]


def test_a_named_run_that_the_board_lacks_gives_no_level() -> None:
    made = runs(run("other", date(2025, 1, 1), 1.0))
    assert task_levels(made, NAMED).is_empty()
    assert task_cost_halving(made, task_levels(made, NAMED), draws=10, seed=1).is_empty()


@pytest.mark.parametrize(
    ("count", "levels"), [(FEWEST_BOARD_RUNS, ["m4"]), (FEWEST_BOARD_RUNS - 1, [])]
)
def test_a_board_whose_levels_nobody_chose_has_the_leaders_at_the_ends_of_years(
    count: int, levels: list[str]
) -> None:
    """The last year is not over; m4 led at the end of 2025."""
    old = [run(f"m{k}", date(2025, 1 + k, 1), 1.0, score=k / 10, board="new") for k in range(5)]
    new = [run(f"n{k}", date(2026, 1 + k, 1), 1.0, score=0.9, board="new") for k in range(count - 5)]  # fmt: skip
    assert task_levels(runs(*old, *new), NAMED)["level"].to_list() == levels


def report(**columns: Any) -> dict[str, Any]:
    """A row of `benchmark_reports` with a cost."""
    usual = {
        "source": "epoch-benchmarks", "benchmark_name": "Board", "model": "m-1", "display_name": "M 1",
        "entry": "1", "score": 0.5, "cost_usd": 2.0, "cost_name": "Cost", "release_date": date(2025, 1, 1),
        "licence_basis": "CC-BY-4.0", "method": "unlinked", "confidence": 0.0,
        "observed_from": date(2026, 1, 1), "snapshot_sha256": "abc",
    }  # fmt: skip
    return usual | columns


def test_polled_boards_with_a_cost_are_boards_of_their_own() -> None:
    rows = [
        report(),
        report(entry="2", model="m-1b"),
        report(entry="3", model="m-2", display_name="M 2", cost_usd=0.0),
        report(entry="4", model="m-3", display_name="M 3", release_date=None),
        report(entry="5", model="m-4", display_name="M 4", observed_to=date(2026, 2, 1)),
    ]
    reports = BENCHMARK_REPORTS.cast(pl.DataFrame(rows, infer_schema_length=None))
    found = TASK_RUNS.validate(task_runs(facts.load("task_runs"), reports))
    polled = found.filter(pl.col("source") == "epoch-benchmarks")
    assert polled.select("board", "model", "cost_usd").rows() == [
        ("Board, Cost (Epoch AI)", "M 1", 2.0)
    ]
    assert found.height == facts.load("task_runs").height + 1


def test_what_is_bundled_of_a_board_without_a_licence_holds_no_run() -> None:
    bundled = facts.load("task_cost_halving")
    assert bundled["licence_basis"].unique().to_list() == ["fact"]
    assert WEIRDML in bundled["board"].to_list()
    assert facts.load("task_runs").filter(pl.col("board") == WEIRDML).is_empty()
    assert derived(bundled).equals(bundled)


@pytest.mark.shared
@needs_shared
def test_bundled_runs_and_estimates_are_those_of_the_recorded_ones() -> None:
    """The recorded scores are rounded to four digits, so a level may gain a run that ties."""
    recorded = pl.read_csv(
        SHARED / "facts_2026" / "cost_per_task.csv", try_parse_dates=True, infer_schema_length=None
    ).filter(pl.col("cost_usd_per_task") > 0)
    aider = recorded.filter(pl.col("may_be_published"))
    ours = facts.load("task_runs")
    key = ["model", "score", "cost_usd"]
    assert ours.select(key).sort(key).rows() == sorted(
        aider.select("model", "score", "cost_usd_per_task").rows()
    )
    weirdml = runs(
        *(
            run(row["model"], row["date"], row["cost_usd_per_task"], score=row["score"], board=WEIRDML)
            for row in recorded.filter(benchmark=WEIRDML).iter_rows(named=True)
        )
    )  # fmt: skip
    levels = task_levels(weirdml, facts.load("task_levels"))
    found = task_cost_halving(weirdml, levels, draws=20, seed=1).select("level", "halving_months", "fold")  # fmt: skip
    both = facts.load("task_cost_halving").join(found, on="level", suffix="_again")
    assert both.height == facts.load("task_cost_halving").height
    for name in ("halving_months", "fold"):
        assert both[f"{name}_again"].to_list() == pytest.approx(both[name].to_list(), rel=1e-4)
