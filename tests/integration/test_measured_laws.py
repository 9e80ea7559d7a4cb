"""From evaluation folders, as the job leaves them, to a ruler of our own and to gaps."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.density.measured_laws import own_laws, own_points, own_rulers
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.density.score_sets import score_sets
from densing_pipeline.evaluation import measured_tables, reported_scores, suite
from densing_pipeline.evaluation.score_gaps import contamination, score_gaps
from densing_pipeline.tables.published import CONTAMINATION, OWN_RULERS, SCORE_GAPS
from tests.evaluations import items, write

VERSION = suite.version()
FACTOR = 1.05
"""Our losses of the paper's runs over the published ones, in this world."""


def measure(root: Path, model_id: str, loss: dict[str, float], share: float) -> None:
    """One model's folder: the five at a share solved, MMLU-CF, and two losses per benchmark."""
    path = write(root, model_id, share=share)
    items("MMLU-CF", 10000, share - 0.05).write_parquet(path / "MMLU-CF.parquet")
    pl.concat(
        items("ScalingBench", 2).with_columns(
            item_id=pl.format("{}/{}", pl.lit(name), "item_id"),
            subject=pl.lit(name),
            score=pl.lit(None, pl.Float64),
            answer_nll_nats_per_token=pl.lit(loss[name]),
        )
        for name in AVERAGED
    ).write_parquet(path / "ScalingBench.parquet")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`eval_items` and `scores` of an installation that measured the whole bundled ladder."""
    root = tmp_path_factory.mktemp("evaluations")
    ladder = facts.ladders()
    published = {
        row["benchmark"]: row
        for row in facts.load("reference_coefficients")
        .filter(reference_id="nmi-2025")
        .iter_rows(named=True)
    }
    for rung in ladder.filter(used_for="loss").iter_rows(named=True):
        loss = {
            name: FACTOR
            * (
                published[name]["a"] * rung["params"] ** -published[name]["alpha"]
                + published[name]["b"] * rung["tokens"] ** -published[name]["beta"]
            )
            for name in AVERAGED
        }
        measure(root, rung["model_id"], loss, 0.25)
    scored = ladder.filter(used_for="score")["model_id"].to_list()
    for share, model_id in zip(np.linspace(0.3, 0.6, len(scored)), scored, strict=True):
        measure(root, model_id, dict.fromkeys(AVERAGED, 0.55 - 0.6 * share), float(share))
    evaluations, eval_items = measured_tables.read(root, suite.SUITE, None)
    assert set(evaluations["state"]) == {"done"}
    ours = measured_tables.scores(evaluations, eval_items, suite.SUITE, None)
    theirs = reported_scores.scores(
        facts.load("reported_scores"),
        facts.load("nmi_models"),
        facts.load("base_models"),
        facts.load("score_documents"),
    )
    return eval_items, pl.concat([theirs, ours])


def test_the_bundled_ladder_once_measured_is_a_named_reference(tables):
    given = facts.ladders(), own_points(facts.ladders(), *tables, VERSION)
    rulers = OWN_RULERS.validate(own_rulers(*given, facts.load("reference_coefficients"), VERSION))
    assert set(rulers["verdict"]) == {"ok"}
    assert set(rulers["n_measured"]) == {18}
    laws = own_laws(*given, facts.load("reference_coefficients"), VERSION)
    assert set(laws["reference_id"]) == {f"own-densing-law-{VERSION}"}
    published = facts.load("reference_coefficients").filter(reference_id="nmi-2025")
    for name in AVERAGED:
        law = laws_of(laws)[f"own-densing-law-{VERSION}", name].loss_law
        a = published.filter(benchmark=name)["a"].item()
        assert law.a == pytest.approx(FACTOR * a, rel=1e-6), name
    assert laws["reference_tokens"].unique().to_list() == [5e12]


def test_measured_scores_of_known_models_are_set_beside_their_reports(tables):
    _, scores = tables
    gaps = SCORE_GAPS.validate(score_gaps(scores))
    qwen = gaps.filter(pl.col("model_id") == "Qwen/Qwen2.5-1.5B", pl.col("benchmark") == "MMLU")
    assert qwen.height >= 1
    assert qwen["gap"].to_list() == pytest.approx((qwen["measured"] - qwen["reported"]).to_list())
    known = score_sets(scores).filter(pl.col("model_id") == "Qwen/Qwen2.5-1.5B")
    assert set(known["score_source_kind"]) == {"measured"}
    others = score_sets(scores).filter(pl.col("model_id") == "Qwen/Qwen2.5-7B")
    assert set(others["score_source_kind"]) == {"reported"}


def test_every_measured_model_has_a_contamination_gap(tables):
    _, scores = tables
    found = CONTAMINATION.validate(contamination(scores))
    assert found.height == 18
    assert found["gap"].to_list() == pytest.approx([0.05] * 18, abs=0.01)
    assert found["excess"].abs().max() < 0.01
