"""Reference laws fitted on what we measured ourselves."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.densities import densities
from densing_pipeline.density.law import LossLaw, PerformanceLaw, ReferenceLaw
from densing_pipeline.density.measured_laws import own_laws, own_points, own_rulers
from densing_pipeline.density.reference_law_draws import reference_law_draws
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.facts.tables import LADDERS
from densing_pipeline.tables.published import (
    DENSITIES,
    EVAL_ITEMS,
    MODELS,
    OWN_RULERS,
    REFERENCE_LAWS,
    REFERENCE_POINTS,
    SCORES,
)

TRUE = ReferenceLaw(
    LossLaw(a=55.0, alpha=0.364, b=16.0, beta=0.168), PerformanceLaw(0.8, -25.0, 0.2, 0.2), 5e12
)
SIZES = (5e6, 3e7, 1e8, 2.5e8, 5e8, 8e8)
PER_PARAM = (10, 30, 60)
SCORED_LOSSES = np.linspace(0.15, 0.35, 8)


def ladder(*rungs: dict, name: str = "ours") -> pl.DataFrame:
    usual = {"ladder": name, "source": "by hand"}
    return LADDERS.cast(pl.DataFrame([usual | rung for rung in rungs], infer_schema_length=None))


def grid(per_param: tuple[int, ...] = PER_PARAM, **more: str) -> list[dict]:
    return [
        {"model_id": f"org/N{n:.0f}-D{r}", "params": n, "tokens": r * n, "used_for": "loss"} | more
        for n in SIZES
        for r in per_param
    ]


SCORED = [{"model_id": f"org/scored-{i}", "used_for": "score"} for i in range(8)]


def measured(
    losses: dict[str, float], version: str = "v1", revision: str = "r1"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two items a benchmark around each model's loss, and the score the true law gives for it."""
    items = [
        {"model_id": model, "benchmark": "ScalingBench", "item_id": f"{name}/{i}",
         "subject": name, "answer_nll_nats_per_token": loss * (1 + step)}
        for model, loss in losses.items()
        for name in AVERAGED
        for i, step in enumerate((-0.1, 0.1))
    ]  # fmt: skip
    scores = [
        {"model_id": model, "benchmark": name, "protocol": f"suite {version}", "source": "us",
         "score": float(TRUE.performance_law.score(loss)), "is_paper_protocol": True,
         "source_kind": "measured", "observed_at": date(2026, 1, 1)}
        for model, loss in losses.items()
        for name in AVERAGED
    ]  # fmt: skip
    same = {"revision": revision, "suite_version": version}
    return (
        EVAL_ITEMS.cast(pl.DataFrame([same | row for row in items])),
        SCORES.cast(pl.DataFrame([same | row for row in scores])),
    )


def true_losses(rungs: list[dict]) -> dict[str, float]:
    return {r["model_id"]: float(TRUE.loss_law.loss(r["params"], r["tokens"])) for r in rungs} | {
        f"org/scored-{i}": loss for i, loss in enumerate(SCORED_LOSSES)
    }


def made(rungs: list[dict], factor: float = 1.0) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Points, laws and verdicts of a ladder whose models follow the true law."""
    ladders = ladder(*rungs, *SCORED)
    losses = {model: factor * loss for model, loss in true_losses(rungs).items()}
    points = REFERENCE_POINTS.validate(own_points(ladders, *measured(losses), "v1"))
    given = ladders, points, published(), "v1"
    return (
        points,
        REFERENCE_LAWS.validate(own_laws(*given)),
        OWN_RULERS.validate(own_rulers(*given)),
    )


def published() -> pl.DataFrame:
    return facts.load("reference_coefficients")


def test_a_known_law_is_recovered_from_measured_items():
    _, laws, verdicts = made(grid())
    assert set(laws["reference_id"]) == {"own-ours-v1"}
    assert set(laws["benchmark"]) == {*AVERAGED, "AVERAGE"}
    assert set(verdicts["verdict"]) == {"ok"}
    law = laws_of(laws)["own-ours-v1", "AVERAGE"]
    sizes = np.geomspace(1e9, 1e11, 5)
    assert law.loss_law.loss(sizes, 5e12) == pytest.approx(
        TRUE.loss_law.loss(sizes, 5e12), rel=1e-3
    )
    # The anchor (no loss, all right) is no part of the true law, which ends at 1.
    assert law.performance_law.score(SCORED_LOSSES) == pytest.approx(
        TRUE.performance_law.score(SCORED_LOSSES), abs=0.01
    )


def test_a_model_enters_the_steps_it_is_listed_for():
    points, _, _ = made(grid())
    mmlu = points.filter(benchmark="MMLU")
    assert mmlu["score"].is_null().sum() == len(grid())
    assert mmlu.filter(pl.col("score").is_not_null())["run_id"].to_list() == [
        f"org/scored-{i} score" for i in range(8)
    ]
    both = ladder({"model_id": "org/both", "params": 1e8, "tokens": 1e10, "used_for": "both"})
    assert own_points(both, *measured({"org/both": 0.3}), "v1").filter(benchmark="MMLU").height == 2


def test_runs_at_one_ratio_of_tokens_to_parameters_determine_no_law():
    _, laws, verdicts = made(grid((60, 61)))
    assert laws.is_empty()
    assert set(verdicts["verdict"]) == {"insufficient"}
    assert "cannot be told apart" in verdicts["reason"][0]


def test_the_papers_own_runs_scale_its_loss_law_where_they_determine_none():
    rungs = grid((60,), scales="nmi-2025")
    given = laws_of_published("MMLU").loss_law
    losses = {r["model_id"]: 1.1 * float(given.loss(r["params"], r["tokens"])) for r in rungs}
    losses |= {f"org/scored-{i}": loss for i, loss in enumerate(SCORED_LOSSES)}
    ladders = ladder(*rungs, *SCORED)
    points = own_points(ladders, *measured(losses), "v1")
    laws = own_laws(ladders, points, published(), "v1")
    law = laws_of(laws)["own-ours-v1", "MMLU"].loss_law
    assert (law.a, law.b) == pytest.approx((1.1 * given.a, 1.1 * given.b))
    assert (law.alpha, law.beta) == (given.alpha, given.beta)
    row = laws.filter(benchmark="MMLU").row(0, named=True)
    assert (row["fit"], row["n_points"]) == ("scaled", 6)
    draws = reference_law_draws(laws.filter(benchmark="MMLU"), points, seed=1)
    assert draws.height == 200
    assert draws["a"].to_numpy() == pytest.approx(law.a), "losses that fit exactly"


def laws_of_published(benchmark: str) -> ReferenceLaw:
    row = published().filter(reference_id="nmi-2025", benchmark=benchmark).row(0, named=True)
    return ReferenceLaw.from_row(row)


def test_too_few_measured_models_are_named_as_what_is_missing():
    ladders = ladder(*grid(), *SCORED)
    nothing = own_points(ladders, EVAL_ITEMS.empty(), SCORES.empty(), "v1")
    verdicts = own_rulers(ladders, nothing, published(), "v1")
    assert nothing.is_empty()
    assert set(verdicts["n_measured"]) == {0}
    assert set(verdicts["reason"]) == {"0 models of the score step measured, 6 needed"}
    few = {m: v for m, v in true_losses(grid()).items() if "scored" in m or m.endswith("D60")}
    points = own_points(ladders, *measured(few), "v1")
    verdicts = own_rulers(ladders, points, published(), "v1")
    assert set(verdicts["n_measured"]) == {14}
    assert verdicts["reason"][0] == "6 losses of known size and tokens measured, 8 needed"
    assert own_laws(ladders, points, published(), "v1").is_empty()


def test_another_suite_version_makes_no_points():
    ladders = ladder(*grid(), *SCORED)
    assert own_points(ladders, *measured(true_losses(grid()), version="v0"), "v1").is_empty()


def test_trials_make_no_points():
    items, scores = measured(true_losses(grid()))
    trials = scores.with_columns(item_limit=pl.lit(10, pl.Int64))
    assert own_points(ladder(*grid(), *SCORED), items, trials, "v1").is_empty()


def test_a_revision_in_the_file_is_the_one_that_counts():
    items, scores = (
        pl.concat(pair)
        for pair in zip(
            measured({"org/a": 0.3}, revision="old"),
            measured({"org/a": 0.4}, revision="new"),
            strict=True,
        )
    )
    rung = {"model_id": "org/a", "params": 1e8, "tokens": 1e10, "used_for": "loss"}
    for revision, loss in (("old", 0.3), ("new", 0.4)):
        points = own_points(ladder(rung | {"revision": revision}), items, scores, "v1")
        assert points["loss_nats_per_token"].to_list() == pytest.approx([loss] * 6)
    assert own_points(ladder(rung), items, scores, "v1").height == 6


def test_an_own_law_is_one_more_reference_of_the_densities():
    points, laws, _ = made(grid())
    average = laws.filter(benchmark="AVERAGE")
    models = MODELS.cast(
        pl.DataFrame(
            {
                "model_id": ["org/scored-0", "org/scored-3"], "model": "m", "organisation": "org",
                "family": "f", "release_date": [date(2025, 1, 1), date(2024, 1, 1)],
                "release_date_basis": "announced", "params_nonembedding": 1_000_000_000,
                "params_source": "report", "is_moe": False, "is_base": True,
                "base_evidence": "report", "source": "report",
            }
        )
    )  # fmt: skip
    _, scores = measured(true_losses(grid()))
    draws = reference_law_draws(average, points, seed=1, draws=40)
    found = DENSITIES.validate(densities(models, scores, average, draws))
    own = found.filter(score_set="average", params_basis="nonembedding").sort("release_date")
    assert set(own["reference_id"]) == {"own-ours-v1"}
    assert set(own["score_source_kind"]) == {"measured"}
    # Losses .236 and .15 of the true law, at D0: the later model is far denser than the earlier one.
    size = TRUE.loss_law.params_at(SCORED_LOSSES[[3, 0]], 5e12)
    assert own["effective_params"].to_numpy() == pytest.approx(size, rel=0.15)
    assert (own["density_low"] < own["density"]).all()


def test_the_bundled_ladder_holds_the_papers_six_models_at_their_published_sizes():
    bundled = facts.load("ladders").filter(ladder="densing-law", used_for="loss")
    published_points = facts.load("reference_points").filter(
        pl.col("reference_id") == "nmi-2025", pl.col("params").is_not_null()
    )
    assert set(bundled["params"]) == set(published_points["params"])
    assert bundled.height == 6
