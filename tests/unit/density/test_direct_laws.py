"""Laws straight from size to score."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.densities import densities
from densing_pipeline.density.direct_law import DirectLaw, fit_direct
from densing_pipeline.density.direct_laws import direct_laws, direct_laws_of
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.hub import bundled
from densing_pipeline.tables.published import DIRECT_LAWS, REFERENCE_LAWS


@pytest.fixture(scope="module")
def night(points):
    plotted = facts.load("nmi_models")
    models = bundled.models(facts.load("base_models"), plotted)
    scores = reported_scores.scores(
        facts.load("reported_scores"),
        plotted,
        facts.load("base_models"),
        facts.load("score_documents"),
    )
    return models, scores, direct_laws(models, scores, points)


def test_the_table_is_valid(night):
    DIRECT_LAWS.validate(night[2])
    assert set(night[2]["law_kind"]) == {"one-step", "family"}


def test_a_ruler_rests_on_one_family_and_one_number_of_tokens(night):
    ruler = night[2].filter(law_kind="family", benchmark="MMLU").row(0, named=True)
    assert ruler["reference_id"] == "family-qwen2.5"
    assert ruler["n_points"] == 7
    assert ruler["reference_tokens"] == 18e12
    assert ruler["largest_out_error"] < 0.05


def test_the_family_measures_itself_at_about_one(night):
    models, scores, direct = night
    frame = densities(models, scores, REFERENCE_LAWS.empty(), None, direct)
    own = frame.filter(
        pl.col("model_id").str.starts_with("Qwen/Qwen2.5-"), pl.col("params_basis") == "nonembedding",
        pl.col("score_set") == "mmlu", pl.col("reference_id") == "family-qwen2.5",
    )  # fmt: skip
    assert own.height == 7
    assert own["density"].log().mean() == pytest.approx(0, abs=0.15)


def test_both_laws_of_the_ladder_state_their_error_and_one_is_chosen(night):
    row = night[2].filter(law_kind="one-step").row(0, named=True)
    assert row["is_chosen"] == (row["largest_out_error"] < row["two_step_largest_out_error"])
    assert 0 < row["largest_out_error"] < 0.2


def test_a_direct_law_inverts_its_own_scores(night):
    for law in direct_laws_of(night[2]).values():
        sizes = np.geomspace(law.params_from * 1.01, law.params_to * 0.99, 9)
        params, censored = law.effective_params(law.score(sizes))
        np.testing.assert_allclose(params, sizes, rtol=1e-8)
        assert set(censored) == {"none"}


def test_beyond_its_range_a_direct_law_is_silent():
    law = DirectLaw(0.25, -10.0, 0.45, 1e8, 1e12)
    params, censored = law.effective_params([0.0, 0.25, 0.26, 0.6, 0.999, 1.0])
    assert censored.tolist() == ["low", "low", "low", "none", "high", "high"]
    assert np.isnan(params).tolist() == [True, True, True, False, True, True]
    with pytest.raises(ValueError, match="not a number"):
        law.effective_params([np.nan])


def test_points_that_fix_no_line_are_refused():
    score = np.array([0.4, 0.5, 0.6])
    with pytest.raises(FitError, match="do not differ in parameters"):
        fit_direct(np.full(3, 1e9), score, 0.25)
    with pytest.raises(FitError, match="score no better"):
        fit_direct(np.array([3e9, 2e9, 1e9]), score, 0.25)
    with pytest.raises(FitError, match="above guessing"):
        fit_direct(np.array([1e9, 2e9, 3e9]), np.array([0.2, 0.5, 0.6]), 0.25)


def test_without_models_or_points_there_is_no_direct_law(night, points):
    models, scores, _ = night
    assert direct_laws(models.clear(), scores.clear(), points.clear()).is_empty()
    assert set(direct_laws(models.clear(), scores, points)["law_kind"]) == {"one-step"}
